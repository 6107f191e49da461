// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A device uses the DMA addresses of a dma-buf: the engine of QEMU's edu moves
 * bytes between its own buffer and memory of the window. edu.sh has the host
 * and the devices ready.
 * usage: EDU_DEVICE=NODE edu_dma_test [WINDOW [TEST...]]
 */
#include <linux/dma-buf.h>

#include "importer.h"
#include "pattern.h"

#define LENGTH (4 * MIB)

/* The start, an odd page, across the end of a page, and the end. */
static const uint64_t offsets[] = {
	0, 5 * 4096, 9 * 4096 - 1024, LENGTH - CHUNK,
};

#define OFFSETS (sizeof(offsets) / sizeof(offsets[0]))

static void a_device_writes_where_the_dma_address_says(void)
{
	unsigned char data[OFFSETS][CHUNK], *memory;
	uint64_t at = 0;
	struct import import;
	char name[32];
	size_t i;

	import_open(&import, LENGTH, 0);
	for (i = 0; i < OFFSETS; i++) {
		snprintf(name, sizeof(name), "written%zu", i);
		outside_pattern(name, data[i], CHUNK);
		import_write(&import, offsets[i], data[i], CHUNK);
		outside_check_at(name, import.placement + offsets[i], CHUNK);
	}

	memory = node_map(import.window, LENGTH, import.handle);
	for (i = 0; i < OFFSETS; i++) {
		zero_check(memory + at, offsets[i] - at);
		CHECK(!memcmp(memory + offsets[i], data[i], CHUNK));
		at = offsets[i] + CHUNK;
	}
}

static void a_device_reads_where_the_dma_address_says(void)
{
	unsigned char data[CHUNK], read[CHUNK];
	struct import import;
	size_t i;

	import_open(&import, LENGTH, 0);
	for (i = 0; i < OFFSETS; i++) {
		outside_pattern("read", data, CHUNK);
		outside_write("read", import.placement + offsets[i]);
		import_read(&import, offsets[i], read, CHUNK);
		CHECK(!memcmp(read, data, CHUNK));
	}
}

/* What the CPU wrote, too; with the ioctl that says that it is done. */
static void a_device_reads_what_the_cpu_wrote(void)
{
	struct dma_buf_sync end = {
		.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE,
	};
	uint64_t read[CHUNK / 8];
	struct import import;
	unsigned char *memory;

	import_open(&import, LENGTH, 0);
	memory = node_map(import.dmabuf, LENGTH, 0);
	pattern_fill(memory, CHUNK, 1);
	CHECK(!ioctl(import.dmabuf, DMA_BUF_IOCTL_SYNC, &end));
	import_read(&import, 0, read, CHUNK);
	pattern_check(read, CHUNK, 1);
}

/* The address of the mapping's first byte, which the device then uses. */
static uint64_t mapped_address(struct import *import)
{
	import_open(import, LENGTH, 0);
	import_map(import);
	CHECK_EQ(import_state(import).nents, 1);
	CHECK_EQ(import_segment(import, 0).length, LENGTH);
	return import_segment(import, 0).address;
}

/* Also behind an IOMMU, which sees nothing of what a switch turns around. */
static void a_device_on_the_same_switch_gets_the_address_in_the_bar(void)
{
	struct import import;
	uint64_t address = mapped_address(&import);

	CHECK_EQ(address, node_bar_address() + import.placement);
}

static void a_device_behind_an_iommu_gets_an_address_of_the_iommus(void)
{
	uint64_t bar = node_bar_address();
	unsigned char data[CHUNK];
	struct import import;
	uint64_t address = mapped_address(&import);

	if (address + LENGTH > bar && address < bar + node_attr("size"))
		TEST_FAIL("%#llx is in the BAR", (unsigned long long)address);
	outside_pattern("iova", data, CHUNK);
	import_write(&import, 4096, data, CHUNK);
	outside_check_at("iova", import.placement + 4096, CHUNK);
}

static void a_narrow_device_behind_an_iommu_gets_an_address_that_it_can_reach(void)
{
	unsigned char data[CHUNK];
	struct import import;
	uint64_t address = mapped_address(&import);

	CHECK(address + LENGTH <= 1ULL << 28);
	outside_pattern("narrow", data, CHUNK);
	import_write(&import, 4096, data, CHUNK);
	outside_check_at("narrow", import.placement + 4096, CHUNK);
}

/* More than a scatterlist's entry can describe, or the engine's 32 bits. */
static void a_buffer_of_more_than_4_gib_is_mapped_whole(void)
{
	uint64_t length = 4 * GIB + 2 * MIB, sum = 0, at;
	struct import import;
	unsigned char data[CHUNK], read[CHUNK];
	uint32_t nents, i;

	alarm(600);
	import_open(&import, length, 0);
	import_map(&import);
	nents = import_state(&import).nents;
	CHECK(nents > 1);
	for (i = 0; i < nents; i++) {
		struct edu_segment segment = import_segment(&import, i);

		CHECK(segment.length && !(segment.length % 4096));
		sum += segment.length;
		/* Across the end of each entry, and at the very end. */
		at = i == nents - 1 ? sum - CHUNK : sum - CHUNK / 2;
		outside_pattern("chunk", data, CHUNK);
		import_write(&import, at, data, CHUNK);
		outside_check_at("chunk", import.placement + at, CHUNK);
		import_read(&import, at, read, CHUNK);
		CHECK(!memcmp(read, data, CHUNK));
	}
	CHECK_EQ(sum, length);
}

/* The address that the kernel's log has in a fault's line. */
static bool fault_is_logged(int log, const char *access, uint64_t address)
{
	char text[64];

	snprintf(text, sizeof(text), "fault addr %#llx ",
		 (unsigned long long)address & ~4095ULL);
	return log_has(log, text, access, 5000);
}

/* Needs intel_iommu=on iommu.strict=1: else the address lives on for a while. */
static void a_stale_dma_address_leads_to_a_fault_and_nowhere_else(void)
{
	unsigned char before[CHUNK], after[CHUNK], read[CHUNK];
	struct import import;
	uint64_t address = mapped_address(&import);
	int log;

	outside_pattern("before", before, CHUNK);
	CHECK(!import_try_transfer(&import, EDU_IOC_REPLAY, address, before,
				   CHUNK, 0));
	outside_check_at("before", import.placement, CHUNK);

	CHECK(!node_revoke(import.window, PEERMR_REVOKE_FORCE));
	CHECK_EQ(import_state(&import).mapped, 0);
	log = log_open();
	outside_pattern("after", after, CHUNK);
	CHECK(!import_try_transfer(&import, EDU_IOC_REPLAY, address, after,
				   CHUNK, 0));
	CHECK(fault_is_logged(log, "DMA Write", address));
	CHECK(!import_try_transfer(&import, EDU_IOC_REPLAY, address, read,
				   CHUNK, EDU_TRANSFER_FROM));
	CHECK(fault_is_logged(log, "DMA Read", address));
	CHECK(memcmp(read, before, CHUNK));
	outside_check_absent("after");
	outside_check_at("before", import.placement, CHUNK);
}

static const struct test tests[] = {
	TEST(a_device_writes_where_the_dma_address_says),
	TEST(a_device_reads_where_the_dma_address_says),
	TEST(a_device_reads_what_the_cpu_wrote),
	TEST(a_device_on_the_same_switch_gets_the_address_in_the_bar),
	TEST(a_device_behind_an_iommu_gets_an_address_of_the_iommus),
	TEST(a_narrow_device_behind_an_iommu_gets_an_address_that_it_can_reach),
	TEST(a_buffer_of_more_than_4_gib_is_mapped_whole),
	TEST(a_stale_dma_address_leads_to_a_fault_and_nowhere_else),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
