// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * An application that knows nothing of device memory: it maps a file, registers
 * the mapping with ibv_reg_mr(), and has its peer write a payload there.
 * usage: plain_app FILE PAYLOAD [function | macro | iova]
 *
 * Says "registered" and "written", each on a line, waits for a line or the end
 * of stdin while it keeps the memory, then reads the payload back by RDMA and
 * says "read". Exit status 0; or 1, with the reason as the last line.
 *
 * plain_app_dlopen is the same program, with all of libibverbs behind dlopen().
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <infiniband/verbs.h>

#include "rdma.h"

/* Of the payload in the mapping: in a page's middle, and not in the first. */
#define PLACE (2 * 4096UL + 64)

static const struct test this_test = { "plain_app", NULL };

static struct ibv_mr *register_by_function(struct ibv_pd *pd, void *address,
					   size_t length, int access)
{
	return (ibv_reg_mr)(pd, address, length, access);
}

/* The header's macro calls ibv_reg_mr_iova2() as it cannot see the flags. */
static struct ibv_mr *register_by_macro(struct ibv_pd *pd, void *address,
					size_t length, int access)
{
	volatile int hidden = access;

	return ibv_reg_mr(pd, address, length, hidden);
}

static struct ibv_mr *register_by_iova(struct ibv_pd *pd, void *address,
				       size_t length, int access)
{
	return (ibv_reg_mr_iova)(pd, address, length, (uintptr_t)address,
				 access);
}

static const struct style {
	const char *name;
	struct ibv_mr *(*reg)(struct ibv_pd *pd, void *address, size_t length,
			      int access);
} styles[] = {
	{ "function", register_by_function },
	{ "macro", register_by_macro },
	{ "iova", register_by_iova },
};

static const struct style *style_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (!strcmp(styles[i].name, name))
			return &styles[i];
	return NULL;
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void *file_map(const char *path, size_t length)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory;

	if (fd < 0)
		give_up(path);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		give_up("mmap");
	close(fd);
	return memory;
}

/* The payload, and behind it as much room to read it back. */
static unsigned char *payload_read(const char *path, size_t *length)
{
	unsigned char *memory;
	struct stat stat;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat))
		give_up(path);
	*length = stat.st_size;
	memory = mmap(NULL, 2 * *length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		give_up("mmap of host memory");
	if (read(fd, memory, *length) != (ssize_t)*length)
		give_up(path);
	close(fd);
	return memory;
}

static void transfer(struct rdma_end *end, enum ibv_wr_opcode opcode,
		     const struct rdma_range *local,
		     const struct rdma_range *remote)
{
	enum ibv_wc_status status = rdma_do(end, opcode, local, remote);

	if (status == IBV_WC_SUCCESS)
		return;
	printf("RDMA: %s\n", ibv_wc_status_str(status));
	exit(1);
}

int main(int argc, char **argv)
{
	const struct style *style = style_find(argc > 3 ? argv[3] : "function");
	struct ibv_mr *mr, *payload_mr;
	unsigned char *payload, *memory;
	struct rdma_link link;
	size_t length;

	if (argc < 3 || argc > 4 || !style) {
		fprintf(stderr, "usage: plain_app FILE PAYLOAD [function | macro | iova]\n");
		return 2;
	}
	current_test = &this_test;
	payload = payload_read(argv[2], &length);
	memory = file_map(argv[1], PLACE + length);
	rdma_link_open(&link);
	payload_mr = rdma_register(&link.ends[0], payload, 2 * length);
	mr = style->reg(link.ends[1].pd, memory + PLACE, length, RDMA_ACCESS);
	if (!mr)
		give_up("ibv_reg_mr");
	if (mr->addr != memory + PLACE || mr->length != length) {
		printf("ibv_reg_mr: asked for %p, %zu bytes, got %p, %zu\n",
		       memory + PLACE, length, mr->addr, mr->length);
		return 1;
	}
	say("registered");
	transfer(&link.ends[0], IBV_WR_RDMA_WRITE,
		 &(struct rdma_range){ payload_mr, 0, length },
		 &(struct rdma_range){ mr, 0, length });
	say("written");
	getchar();
	transfer(&link.ends[0], IBV_WR_RDMA_READ,
		 &(struct rdma_range){ payload_mr, length, length },
		 &(struct rdma_range){ mr, 0, length });
	if (memcmp(payload, payload + length, length)) {
		say("RDMA READ brings other bytes than were written");
		return 1;
	}
	if (ibv_dereg_mr(mr))
		give_up("ibv_dereg_mr");
	say("read");
	return 0;
}
