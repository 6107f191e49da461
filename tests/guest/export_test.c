// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Buffers as dma-bufs, as far as no importer is needed: PEERMR_IOC_EXPORT, the
 * CPU's mapping of a dma-buf, lifetime and revocation.
 * usage: export_test [WINDOW [TEST...]]
 */
#include <stddef.h>
#include <sys/resource.h>

#include <linux/dma-buf.h>

#include "node.h"
#include "pattern.h"
#include "process.h"

#define LENGTH (4 * MIB)

/* As ioctl(2); the answer is in @export. */
static int try_export(int fd, struct peermr_export *export)
{
	export->size = sizeof(*export);
	return ioctl(fd, PEERMR_IOC_EXPORT, export);
}

static int export_handle(int fd, uint64_t handle)
{
	struct peermr_export export = { .mmap_offset = handle };

	if (try_export(fd, &export))
		TEST_FAIL("cannot export: %s", strerror(errno));
	CHECK(export.fd >= 0);
	CHECK_EQ(export.length, LENGTH);
	return export.fd;
}

static unsigned char *map_dmabuf(int dmabuf)
{
	return node_map(dmabuf, LENGTH, 0);
}

static void a_dmabuf_is_the_buffers_memory(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *direct = node_map(fd, LENGTH, handle);
	int dmabuf = export_handle(fd, handle);
	unsigned char *through = map_dmabuf(dmabuf);

	CHECK_EQ(lseek(dmabuf, 0, SEEK_END), LENGTH);
	CHECK(fcntl(dmabuf, F_GETFD) & FD_CLOEXEC);
	pattern_fill(direct, LENGTH, 1);
	pattern_check(through, LENGTH, 1);
	pattern_fill(through, LENGTH, 2);
	pattern_check(direct, LENGTH, 2);
}

static void a_fresh_export_is_zero(void)
{
	unsigned char *dirty = node_map_fresh(LENGTH);
	int fd = node_open(), dmabuf;
	unsigned char *p;
	uint64_t handle, i;

	pattern_fill(dirty, LENGTH, 3);
	CHECK(!munmap(dirty, LENGTH));
	node_check_settled();
	handle = node_alloc(fd, LENGTH);
	dmabuf = export_handle(fd, handle);
	p = map_dmabuf(dmabuf);
	for (i = 0; i < LENGTH; i += 8)
		CHECK_EQ(*(uint64_t *)(p + i), 0);
}

static void an_address_names_its_buffer(void)
{
	int fd = node_open();
	unsigned char *p = node_map(fd, LENGTH, 0), *through;
	struct peermr_export export = {
		.flags = PEERMR_EXPORT_ADDRESS,
		.address = (uintptr_t)p + 12345,
	};

	CHECK(!try_export(fd, &export));
	CHECK_EQ(export.offset, 12345);
	CHECK_EQ(export.length, LENGTH);
	through = map_dmabuf(export.fd);
	pattern_fill(p, LENGTH, 4);
	pattern_check(through, LENGTH, 4);
}

static void a_dmabuf_outlives_handle_mapping_and_file(void)
{
	int fd = node_open(), dmabuf;
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *p = node_map(fd, LENGTH, handle);

	pattern_fill(p, LENGTH, 5);
	dmabuf = export_handle(fd, handle);
	CHECK(!node_free(fd, handle));
	CHECK(!munmap(p, LENGTH));
	close(fd);
	sleep_ms(200);
	CHECK_EQ(node_attr("buffers"), 1);
	p = map_dmabuf(dmabuf);
	close(dmabuf);
	pattern_check(p, LENGTH, 5);
	CHECK(!munmap(p, LENGTH));
	node_check_settled();
}

static void what_is_no_buffer_is_refused(void)
{
	int fd = node_open(), other = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *p = node_map(fd, LENGTH, handle);
	unsigned char *host = malloc(64);
	struct peermr_export export = { .mmap_offset = handle + 4096 };

	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
	export.mmap_offset = handle + 1;
	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
	export.mmap_offset = ~0ULL << 12;
	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
	export.mmap_offset = handle;
	CHECK_ERRNO(try_export(other, &export) == -1, ENOENT);
	export.reserved = 1;
	CHECK_ERRNO(try_export(fd, &export) == -1, EINVAL);
	export.reserved = 0;
	export.flags = PEERMR_EXPORT_ADDRESS << 1;
	CHECK_ERRNO(try_export(fd, &export) == -1, EINVAL);
	export.flags = PEERMR_EXPORT_ADDRESS;
	export.address = (uintptr_t)host;
	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
	export.address = ~0ULL;
	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
	CHECK(!munmap(p, LENGTH));
	export.address = (uintptr_t)p;
	CHECK_ERRNO(try_export(fd, &export) == -1, ENOENT);
}

/* A dma-buf can be written to. */
static void who_may_only_read_exports_nothing(void)
{
	int writable = node_open(), fd = open(node_path, O_RDONLY | O_CLOEXEC);
	struct peermr_export export = { .mmap_offset = node_alloc(fd, LENGTH) };
	unsigned char *p;

	CHECK_ERRNO(try_export(fd, &export) == -1, EACCES);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	export.mmap_offset = 0;
	export.flags = PEERMR_EXPORT_ADDRESS;
	export.address = (uintptr_t)p;
	CHECK_ERRNO(try_export(fd, &export) == -1, EACCES);
	CHECK_ERRNO(try_export(writable, &export) == -1, EACCES);
	/* Protection can be given back, permission cannot. */
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, writable, 0);
	CHECK(p != MAP_FAILED);
	export.address = (uintptr_t)p;
	CHECK(!try_export(writable, &export));
}

static void no_descriptor_left_means_no_export(void)
{
	struct rlimit limit, tight;
	int fd = node_open(), before;
	uint64_t handle = node_alloc(fd, LENGTH);
	struct peermr_export export = { .mmap_offset = handle };

	before = fds_open();
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	tight = limit;
	tight.rlim_cur = fd + 1;
	CHECK(!setrlimit(RLIMIT_NOFILE, &tight));
	CHECK_ERRNO(try_export(fd, &export) == -1, EMFILE);
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(fds_open(), before);
	CHECK(!node_free(fd, handle));
	node_check_settled();
}

static struct {
	int window;
	uint64_t handle;
	int dmabuf;
} exhausted;

/* Root is not counted, so it takes somebody else to have too many. */
static void without_files(struct child *child)
{
	struct peermr_export export = { .mmap_offset = exhausted.handle };

	child_await(child);
	CHECK(!setresuid(65534, 65534, 65534));
	CHECK_ERRNO(try_export(exhausted.window, &export) == -1, ENFILE);
	CHECK_ERRNO(node_try_map(exhausted.dmabuf, LENGTH, 0) == MAP_FAILED,
		    ENFILE);
}

static void no_file_left_means_no_export_and_no_mapping(void)
{
	static const char path[] = "/proc/sys/fs/file-max";
	struct child child;
	bool ended, limited;
	char before[32];
	int status;

	exhausted.window = node_open();
	exhausted.handle = node_alloc(exhausted.window, LENGTH);
	exhausted.dmabuf = export_handle(exhausted.window, exhausted.handle);
	CHECK(file_read(path, before, sizeof(before)));
	child_start(&child, without_files);
	limited = file_write(path, "0");
	child_tell(&child);
	ended = child_ends_within(&child, 10000, &status);
	CHECK(file_write(path, before));
	CHECK(limited && ended);
	child_pass_on(status);
	CHECK_EQ(status, 0);
	close(exhausted.dmabuf);
	CHECK(!node_free(exhausted.window, exhausted.handle));
	node_check_settled();
}

static void an_answer_that_cannot_be_told_leaves_nothing(void)
{
	struct peermr_export *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = node_open(), before = fds_open();
	uint64_t handle = node_alloc(fd, LENGTH);

	CHECK(page != MAP_FAILED);
	page->size = sizeof(*page);
	page->mmap_offset = handle;
	CHECK(!mprotect(page, 4096, PROT_READ));
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_EXPORT, page) == -1, EFAULT);
	CHECK_EQ(fds_open(), before);
	CHECK(!node_free(fd, handle));
	node_check_settled();
}

static void mappings_of_a_dmabuf_stay_within_it(void)
{
	int fd = node_open();
	int dmabuf = export_handle(fd, node_alloc(fd, LENGTH));
	unsigned char *whole = map_dmabuf(dmabuf), *part;

	CHECK_ERRNO(node_try_map(dmabuf, LENGTH + 4096, 0) == MAP_FAILED,
		    EINVAL);
	CHECK_ERRNO(node_try_map(dmabuf, 8192, LENGTH - 4096) == MAP_FAILED,
		    EINVAL);
	CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			 dmabuf, 0) == MAP_FAILED, EINVAL);
	part = node_map(dmabuf, 8192, LENGTH - 8192);
	pattern_fill(whole, LENGTH, 6);
	CHECK(!memcmp(part, whole + LENGTH - 8192, 8192));
}

/* As programs do that use the memory of unknown exporters. */
static int sync_cpu(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
}

static void cpu_access_ends_in_order_until_the_memory_goes(void)
{
	int fd = node_open();
	int dmabuf = export_handle(fd, node_alloc(fd, LENGTH));

	CHECK(!sync_cpu(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	CHECK(!sync_cpu(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	CHECK(!sync_cpu(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
	CHECK_ERRNO(sync_cpu(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE) ==
		    -1, ENODEV);
	/* The device is not touched when it is gone. */
	CHECK(node_unbind());
	CHECK_ERRNO(sync_cpu(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW) == -1,
		    ENODEV);
	CHECK(node_bind());
}

static void a_revoked_dmabuf_gives_sigbus_and_no_more(void)
{
	int fd = node_open(), dmabuf;
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *through;

	fault_catch();
	dmabuf = export_handle(fd, handle);
	through = map_dmabuf(dmabuf);
	through[0] = 1;
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
	CHECK_EQ(fault_of_read(through), SIGBUS);
	CHECK_EQ(fault_of_write(through + LENGTH - 1, 1), SIGBUS);
	CHECK_ERRNO(node_try_map(dmabuf, LENGTH, 0) == MAP_FAILED, ENODEV);
	CHECK(node_unbind());
	CHECK_EQ(fault_of_read(through), SIGBUS);
	CHECK(node_bind());
	CHECK_EQ(fault_of_read(through), SIGBUS);
	CHECK_ERRNO(node_try_map(dmabuf, LENGTH, 0) == MAP_FAILED, ENODEV);
	close(dmabuf);
	close(fd);
}

static void exports_in_every_order_leave_nothing(void)
{
	int order;

	for (order = 0; order < 24; order++) {
		int fd = node_open(), dmabuf, step, left = 0xf;
		uint64_t handle = node_alloc(fd, LENGTH);
		unsigned char *direct = node_map(fd, LENGTH, handle);
		unsigned char *through;
		int code = order;

		dmabuf = export_handle(fd, handle);
		through = map_dmabuf(dmabuf);
		direct[0] = 1;
		for (step = 4; step; step--) {
			int pick = code % step, i;

			code /= step;
			for (i = 0; !(left & 1 << i) || pick--; i++)
				;
			left &= ~(1 << i);
			switch (i) {
			case 0:
				close(fd);
				break;
			case 1:
				close(dmabuf);
				break;
			case 2:
				CHECK(!munmap(direct, LENGTH));
				break;
			default:
				CHECK(!munmap(through, LENGTH));
			}
			if (left & (1 << 3))
				CHECK_EQ(through[0], 1);
		}
		node_check_settled();
	}
}

static const struct test tests[] = {
	TEST(a_dmabuf_is_the_buffers_memory),
	TEST(a_fresh_export_is_zero),
	TEST(an_address_names_its_buffer),
	TEST(a_dmabuf_outlives_handle_mapping_and_file),
	TEST(what_is_no_buffer_is_refused),
	TEST(who_may_only_read_exports_nothing),
	TEST(no_descriptor_left_means_no_export),
	TEST(no_file_left_means_no_export_and_no_mapping),
	TEST(an_answer_that_cannot_be_told_leaves_nothing),
	TEST(mappings_of_a_dmabuf_stay_within_it),
	TEST(cpu_access_ends_in_order_until_the_memory_goes),
	TEST(a_revoked_dmabuf_gives_sigbus_and_no_more),
	TEST(exports_in_every_order_leave_nothing),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
