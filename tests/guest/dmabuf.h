/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory that is known by a dma-buf, and MRs on it. A program that includes this
 * is called as
 *
 *   PROGRAM [udmabuf | peermr] [TEST...]
 *
 * udmabuf exports pages of memory and needs no device; peermr exports memory of
 * $PEERMR_WINDOW and revokes. Each test must leave no dma-buf behind.
 */
#ifndef PEERMR_DMABUF_H
#define PEERMR_DMABUF_H

#include <sys/mount.h>

#include <linux/udmabuf.h>

#include "node.h"
#include "rdma.h"

#define LENGTH (4 * MIB)

static bool dmabuf_is_peermr;	/* else of udmabuf */

struct dmabuf {
	int fd;
	size_t length;
	unsigned char *memory;	/* the same bytes, for the CPU */
};

static inline void dmabuf_open_udmabuf(struct dmabuf *buffer, size_t length)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = length,
	};
	int memory, exporter = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (exporter < 0)
		TEST_SKIP("no /dev/udmabuf: %s", strerror(errno));
	memory = memfd_create("dmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(memory >= 0);
	CHECK(!ftruncate(memory, (off_t)length));
	CHECK(!fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
	create.memfd = memory;
	buffer->fd = ioctl(exporter, UDMABUF_CREATE, &create);
	CHECK(buffer->fd >= 0);
	buffer->length = length;
	buffer->memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			      memory, 0);
	CHECK(buffer->memory != MAP_FAILED);
	close(memory);
	close(exporter);
}

static inline void dmabuf_open_peermr(struct dmabuf *buffer, size_t length)
{
	struct peermr_export export = { .size = sizeof(export) };
	int window = node_open();

	export.mmap_offset = node_alloc(window, length);
	CHECK(!ioctl(window, PEERMR_IOC_EXPORT, &export));
	CHECK_EQ(export.length, length);
	buffer->fd = export.fd;
	buffer->length = length;
	buffer->memory = node_map(window, length, export.mmap_offset);
	close(window);
}

static inline void dmabuf_open(struct dmabuf *buffer, size_t length)
{
	if (dmabuf_is_peermr)
		dmabuf_open_peermr(buffer, length);
	else
		dmabuf_open_udmabuf(buffer, length);
}

/* The exporter takes the memory back, of all its dma-bufs. */
static inline void dmabufs_revoke(void)
{
	int window;

	if (!dmabuf_is_peermr)
		TEST_SKIP("udmabuf does not revoke");
	window = node_open();
	CHECK(!node_revoke(window, PEERMR_REVOKE_FORCE));
	close(window);
}

/* NULL and errno as ibv_reg_dmabuf_mr(), but skips where no dma-buf is taken. */
static inline struct ibv_mr *dmabuf_try_register(struct rdma_end *end, int fd,
						 uint64_t offset, size_t length,
						 uint64_t iova, int access)
{
	const char *rxe = getenv("PEERMR_RXE");
	const char *rdma_core = getenv("PEERMR_RDMA_CORE");
	struct ibv_mr *mr;

	mr = ibv_reg_dmabuf_mr(end->pd, offset, length, iova, fd, access);
	/* Where both have it, not having it is a failure. */
	if (!mr && errno == EOPNOTSUPP &&
	    (!rxe || strcmp(rxe, "patched") || !rdma_core ||
	     strcmp(rdma_core, "patched")))
		TEST_SKIP("%s takes no dma-buf: needs rdma_rxe with kernel/rxe and librxe with userspace/verbs/rdma-core",
			  ibv_get_device_name(end->context->device));
	return mr;
}

/* Part of the buffer, at the iova that is its offset. */
static inline struct ibv_mr *dmabuf_register(struct rdma_end *end,
					     const struct dmabuf *buffer,
					     size_t offset, size_t length)
{
	struct ibv_mr *mr = dmabuf_try_register(end, buffer->fd, offset, length,
						offset, RDMA_ACCESS);

	if (!mr)
		TEST_FAIL("ibv_reg_dmabuf_mr() of %zu bytes at %zu: %s", length,
			  offset, strerror(errno));
	return mr;
}

/* How many dma-bufs the system has, or -1 if it does not tell. */
static inline int dmabuf_count(void)
{
	static const char path[] = "/sys/kernel/debug/dma_buf/bufinfo";
	int count = -1, n;
	char line[512];
	FILE *file;

	if (access(path, R_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Total %d objects", &n) == 1)
			count = n;
	if (file)
		fclose(file);
	return count;
}

/* Whether the number of dma-bufs comes down to @count within 5 s. */
static inline bool dmabuf_count_settles(int count)
{
	struct timespec pause = { 0, 20 * 1000 * 1000 };
	int i;

	for (i = 0; i < 250 && dmabuf_count() > count; i++)
		nanosleep(&pause, NULL);
	return dmabuf_count() <= count;
}

/* What most tests need: end 0 has host memory, end 1 the dma-buf. */
static struct rdma_link link_;
static struct dmabuf buffer;
static unsigned char *host_memory;
static struct ibv_mr *mr, *host_mr;

static inline void set_up(void)
{
	rdma_link_open(&link_);
	dmabuf_open(&buffer, LENGTH);
	mr = dmabuf_register(&link_.ends[1], &buffer, 0, LENGTH);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	memset(host_memory, 0, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
}

/* Exit status of a program whose arguments are as above. */
static inline int dmabuf_test_main(int argc, char **argv,
				   const struct test *tests, size_t count)
{
	int i, status, failed = 0, dmabufs = dmabuf_count();
	size_t n, skipped = 0, ran = 0;
	const char *left;

	if (argc > 1 && (!strcmp(argv[1], "peermr") ||
			 !strcmp(argv[1], "udmabuf"))) {
		dmabuf_is_peermr = !strcmp(argv[1], "peermr");
		argc--;
		argv++;
	}
	if (dmabuf_is_peermr && !node_find(NULL)) {
		printf("FAIL a_window_is_there: /sys/class/peermr has none\n");
		return TEST_FAILED;
	}
	for (n = 0; n < count; n++) {
		for (i = 1; i < argc && strcmp(argv[i], tests[n].name); i++)
			;
		if (argc > 1 && i == argc)
			continue;
		ran++;
		status = test_run_one(&tests[n]);
		skipped += status == TEST_SKIPPED;
		failed |= status == TEST_FAILED;
		if (!dmabuf_count_settles(dmabufs)) {
			printf("FAIL nothing_is_left_by_%s: %d dma-bufs\n",
			       tests[n].name, dmabuf_count() - dmabufs);
			failed = 1;
			dmabufs = dmabuf_count();
		}
		if (!dmabuf_is_peermr)
			continue;
		node_restore();
		left = node_settle();
		if (left) {
			printf("FAIL nothing_is_left_by_%s: %s\n",
			       tests[n].name, left);
			failed = 1;
		}
	}
	if (!ran) {
		fprintf(stderr, "usage: PROGRAM [udmabuf | peermr] [TEST...]\n");
		return 2;
	}
	return test_verdict(failed, skipped == ran);
}

#define DMABUF_TEST_MAIN(argc, argv, tests)                                    \
	dmabuf_test_main(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* PEERMR_DMABUF_H */
