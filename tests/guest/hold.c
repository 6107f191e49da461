// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * hold [--drop] WINDOW BYTES [RDMA-DEVICE]: have memory of a window and wait.
 *
 * Allocates, maps and writes a buffer, registers it where a device is named,
 * and prints "ready". With --drop the registration is all that stays of the
 * buffer. Then each line on standard input makes it write to the memory and
 * print "touched"; the end of input ends it, status 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <infiniband/verbs.h>

static int hold_fail(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	return 1;
}

static struct ibv_context *hold_device(const char *name)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;

	for (int i = 0; devices && devices[i]; i++)
		if (!strcmp(ibv_get_device_name(devices[i]), name))
			context = ibv_open_device(devices[i]);
	if (devices)
		ibv_free_device_list(devices);
	return context;
}

static int hold_register(const char *name, void *address, size_t length)
{
	struct ibv_context *context = hold_device(name);
	struct ibv_pd *pd;

	if (!context)
		return hold_fail(name);
	pd = ibv_alloc_pd(context);
	if (!pd)
		return hold_fail("ibv_alloc_pd");
	/* Deregistered by the end of the process. */
	if (!ibv_reg_mr(pd, address, length, IBV_ACCESS_LOCAL_WRITE))
		return hold_fail("ibv_reg_mr");
	return 0;
}

static int hold_wait(volatile char *memory)
{
	char line[64];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (memory)
			memory[0]++;
		puts("touched");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int drop = argc > 1 && !strcmp(argv[1], "--drop");
	char *memory;
	size_t length;
	int fd;

	argc -= drop;
	argv += drop;
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: hold [--drop] WINDOW BYTES [RDMA-DEVICE]\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return hold_fail(argv[1]);
	length = strtoull(argv[2], NULL, 0);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return hold_fail("mmap");
	memset(memory, 1, length);
	if (argc == 4 && hold_register(argv[3], memory, length))
		return 1;
	if (drop) {
		munmap(memory, length);
		close(fd);
		memory = NULL;
	}
	return hold_wait(memory);
}
