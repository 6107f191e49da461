// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_reg WINDOW RDMA-DEVICE ROUNDS: what registration and first touch of a
 * window's memory cost, against anonymous memory of 4 KiB pages.
 *
 * Prints a line for each measurement, see bench.h.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "bench.h"

#define PAGE_BYTES	4096UL
#define REG_BYTES	(256UL << 20)
#define TOUCH_BYTES	(1UL << 30)

struct memory {
	void *address;
	size_t length;
	struct peermr_buffer *buffer;	/* NULL for anonymous memory */
};

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void touch(const struct memory *memory)
{
	volatile char *bytes = memory->address;

	for (size_t i = 0; i < memory->length; i += PAGE_BYTES)
		bytes[i] = 1;
}

static struct memory device_memory(struct peermr_window *window, size_t length)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct memory memory = { .length = length };

	memory.buffer = peermr_buffer_alloc(window, &attr);
	if (!memory.buffer)
		die("cannot allocate %zu bytes of the window: %s; give the guest a larger --bar-size",
		    length, strerror(errno));
	memory.address = peermr_buffer_map(memory.buffer);
	if (!memory.address)
		die("cannot map %zu bytes of the window: %s", length,
		    strerror(errno));
	return memory;
}

static struct memory host_memory(size_t length)
{
	struct memory memory = { .length = length };

	memory.address = mmap(NULL, length, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory.address == MAP_FAILED)
		die("cannot map %zu bytes of anonymous memory: %s", length,
		    strerror(errno));
	if (madvise(memory.address, length, MADV_NOHUGEPAGE))
		die("MADV_NOHUGEPAGE: %s", strerror(errno));
	return memory;
}

static void release(struct memory *memory)
{
	if (memory->buffer)
		peermr_buffer_free(memory->buffer);
	else
		munmap(memory->address, memory->length);
}

static void register_once(struct ibv_pd *pd, const struct memory *memory,
			  double *reg_ms, double *dereg_ms)
{
	double start = seconds(), registered;
	struct ibv_mr *mr = ibv_reg_mr(pd, memory->address, memory->length,
				       IBV_ACCESS_LOCAL_WRITE |
				       IBV_ACCESS_REMOTE_WRITE);

	registered = seconds();
	if (!mr)
		die("ibv_reg_mr of %zu bytes of %s memory: %s", memory->length,
		    memory->buffer ? "device" : "anonymous", strerror(errno));
	if (ibv_dereg_mr(mr))
		die("ibv_dereg_mr: %s", strerror(errno));
	*reg_ms = (registered - start) * 1e3;
	*dereg_ms = (seconds() - registered) * 1e3;
}

static void bench_registration(struct peermr_window *window, struct ibv_pd *pd,
			       unsigned int rounds)
{
	static struct series reg = { .name = "ibv_reg_mr 256 MiB", .unit = "ms" };
	static struct series dereg = { .name = "ibv_dereg_mr 256 MiB", .unit = "ms" };
	struct memory device = device_memory(window, REG_BYTES);
	struct memory host = host_memory(REG_BYTES);
	double warm_up;

	touch(&device);
	touch(&host);
	register_once(pd, &device, &warm_up, &warm_up);
	register_once(pd, &host, &warm_up, &warm_up);
	for (unsigned int i = 0; i < rounds; i++) {
		bool host_first = i & 1;

		if (host_first)
			register_once(pd, &host, &reg.host[i], &dereg.host[i]);
		register_once(pd, &device, &reg.device[i], &dereg.device[i]);
		if (!host_first)
			register_once(pd, &host, &reg.host[i], &dereg.host[i]);
	}
	release(&host);
	release(&device);
	reg.rounds = rounds;
	dereg.rounds = rounds;
	series_print(&reg);
	series_print(&dereg);
}

static void touch_once(struct memory memory, double *ms, double *count)
{
	long before = faults();
	double start = seconds();

	touch(&memory);
	*ms = (seconds() - start) * 1e3;
	*count = faults() - before;
	release(&memory);
}

static void bench_first_touch(struct peermr_window *window, unsigned int rounds)
{
	static struct series time = { .name = "first touch 1 GiB", .unit = "ms" };
	static struct series count = { .name = "faults for 1 GiB", .unit = "" };

	for (unsigned int i = 0; i < rounds; i++) {
		touch_once(device_memory(window, TOUCH_BYTES), &time.device[i],
			   &count.device[i]);
		touch_once(host_memory(TOUCH_BYTES), &time.host[i],
			   &count.host[i]);
	}
	time.rounds = rounds;
	count.rounds = rounds;
	series_print(&time);
	series_print(&count);
}

int main(int argc, char **argv)
{
	struct peermr_window *window;
	unsigned int rounds;

	rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (!rounds || rounds > MAX_ROUNDS)
		die("usage: bench_reg WINDOW RDMA-DEVICE ROUNDS (1 to %d)",
		    MAX_ROUNDS);
	window = peermr_window_open(argv[1]);
	if (!window)
		die("cannot open window %s: %s", argv[1], strerror(errno));
	bench_registration(window, open_pd(argv[2]), rounds);
	bench_first_touch(window, rounds > 3 ? 3 : rounds);
	peermr_window_close(window);
	return 0;
}
