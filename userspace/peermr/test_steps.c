// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What peermr test does: move patterns by RDMA and compare. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "test_steps.h"
#include "tool.h"

int test_step(const char *what, int result)
{
	printf("%-48s %s\n", what, result ? "FAILED" : "ok");
	fflush(stdout);
	return result;
}

/* A pattern that was never anywhere before (splitmix64, a random start). */
static int pattern_fill(struct test_run *run)
{
	uint64_t state, mixed;

	if (getrandom(&state, sizeof(state), 0) != sizeof(state)) {
		complain("test", "no random numbers: %m");
		return -1;
	}
	for (size_t i = 0; i < run->length / 8; i++) {
		state += 0x9e3779b97f4a7c15ULL;
		mixed = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ULL;
		mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
		run->pattern[i] = mixed ^ mixed >> 31;
	}
	return 0;
}

/*
 * Compare with aligned 64-bit loads: device memory may be mapped in a way that
 * the wide or unaligned accesses of memcmp() are not good for.
 */
static int memory_compare(struct test_run *run, const char *what,
			  const void *address, const uint64_t *expected)
{
	const volatile uint64_t *words = address;
	uint64_t found, wanted;

	for (size_t i = 0; i < run->length / 8; i++) {
		found = words[i];
		wanted = expected ? expected[i] : 0;
		if (found == wanted)
			continue;
		complain(what, "differs at byte %#zx: %#018llx instead of %#018llx",
			 i * 8, (unsigned long long)found,
			 (unsigned long long)wanted);
		return -1;
	}
	run->verified += run->length;
	return 0;
}

int test_fresh(struct test_run *run, const struct rdma_memory *memory)
{
	return memory_compare(run, "fresh device memory", memory->address,
			      NULL);
}

/* Read device memory into the sink, which held something else, and compare. */
static int device_read(struct test_run *run, const struct rdma_memory *device)
{
	memset(run->sink.address, 0, run->length);
	if (rdma_transfer(&run->link, IBV_WR_RDMA_READ, &run->sink, device,
			  run->length))
		return -1;
	return memory_compare(run, "what RDMA READ brought", run->sink.address,
			      run->pattern);
}

static int step_write(struct test_run *run)
{
	if (pattern_fill(run))
		return -1;
	memcpy(run->source.address, run->pattern, run->length);
	return rdma_transfer(&run->link, IBV_WR_RDMA_WRITE, &run->source,
			     &run->device, run->length);
}

static int step_cpu_write(struct test_run *run)
{
	volatile uint64_t *words = run->device.address;

	if (pattern_fill(run))
		return -1;
	for (size_t i = 0; i < run->length / 8; i++)
		words[i] = run->pattern[i];
	/* Write-combining buffers must be empty before the doorbell. */
	__sync_synchronize();
	return device_read(run, &run->device);
}

static int step_device_to_device(struct test_run *run)
{
	return rdma_transfer(&run->link, IBV_WR_RDMA_WRITE, &run->device,
			     &run->second, run->length);
}

/*
 * Each RDMA WRITE is followed by an RDMA READ of the same memory before the CPU
 * looks: a completion says that the NIC has sent the data on its way, and
 * reading behind it is what pushes posted PCIe writes to their target.
 */
int test_transfers(struct test_run *run)
{
	if (test_step("RDMA WRITE, host to device", step_write(run)) ||
	    test_step("RDMA READ, device to host, compared",
		      device_read(run, &run->device)) ||
	    test_step("CPU reads the device memory, compared",
		      memory_compare(run, "device memory", run->device.address,
				     run->pattern)) ||
	    test_step("CPU writes, RDMA READ sees it, compared",
		      step_cpu_write(run)))
		return -1;
	if (!run->second.address)
		return 0;
	if (test_step("RDMA WRITE, device to device",
		      step_device_to_device(run)) ||
	    test_step("RDMA READ of the second buffer, compared",
		      device_read(run, &run->second)) ||
	    test_step("CPU reads the second buffer, compared",
		      memory_compare(run, "second device memory",
				     run->second.address, run->pattern)))
		return -1;
	return 0;
}
