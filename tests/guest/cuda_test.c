// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A program that allocates with cuMemAlloc() and registers what it gets. The
 * CUDA driver is a double whose memory is that of $PEERMR_WINDOW, at addresses
 * where nothing is mapped; all else is real. With $PEERMR_OUTSIDE the host looks
 * at the device's memory (tests/check-outside).
 * usage: cuda_test peermr [TEST...]
 */
#include <infiniband/verbs.h>
#include <cuda.h>
#include <peermr.h>

#include "dmabuf.h"
#include "range.h"

/* An odd place in the first page, and how far it is to a multiple of 64. */
#define ODD 5
#define TO_UNIT (64 - ODD)
#define PATTERN_SIZE 128000UL
#define PATTERN_FILE "cuda-pattern"

static unsigned char *cuda_alloc(size_t size)
{
	CUdeviceptr pointer;

	CHECK(!cuInit(0));
	CHECK(!cuMemAlloc_v2(&pointer, size));
	return (unsigned char *)(uintptr_t)pointer;
}

static void open_link(void)
{
	const char *rxe = getenv("PEERMR_RXE");

	if (!rxe || strcmp(rxe, "patched"))
		TEST_SKIP("Soft-RoCE takes no dma-bufs");
	rdma_link_open(&link_);
}

static struct peermr_reg_report report(void)
{
	struct peermr_reg_report report;

	peermr_reg_report(&report);
	return report;
}

static struct ibv_mr *register_cuda(void *pointer, size_t length)
{
	struct ibv_mr *mr;

	CHECK_ERRNO(!ibv_reg_mr(link_.ends[1].pd, pointer, length, RDMA_ACCESS),
		    EFAULT);
	mr = peermr_reg_mr(link_.ends[1].pd, pointer, length, RDMA_ACCESS);
	if (!mr)
		TEST_FAIL("not registered: %s", report().text);
	CHECK_EQ(report().path, PEERMR_PATH_DMABUF);
	CHECK_EQ(report().memory, PEERMR_MEMORY_CUDA);
	CHECK(!strcmp(report().text, "CUDA memory, registered as a dma-buf"));
	CHECK(mr->addr == pointer);
	return mr;
}

/* Status of the host's answer to @request about the file of the pattern. */
static int outside(const char *request)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "/usr/lib/peermr/tests/outside.sh %s >/dev/null", request);
	return system(command);
}

/* What is to be sent: made by the host if it looks, so that nobody guesses it. */
static void fill_pattern(unsigned char *pattern)
{
	FILE *file;
	size_t i;

	if (!getenv("PEERMR_OUTSIDE")) {
		for (i = 0; i < PATTERN_SIZE; i++)
			pattern[i] = (unsigned char)(i * 7 + i / 256);
		return;
	}
	CHECK_EQ(outside("pattern 128000 " PATTERN_FILE), 0);
	file = fopen("/mnt/share/" PATTERN_FILE, "re");
	CHECK(file);
	CHECK_EQ(fread(pattern, 1, PATTERN_SIZE, file), PATTERN_SIZE);
	fclose(file);
}

static void check_outside(bool there)
{
	if (!getenv("PEERMR_OUTSIDE"))
		return;
	CHECK_EQ(outside("find " PATTERN_FILE), there ? 0 : 1 << 8);
}

/* Write the pattern to an odd place of @pointer's first page, and read it. */
static void check_transfers(unsigned char *pointer, size_t length)
{
	unsigned char *local = aligned_alloc(4096, 2 * MIB);
	unsigned char *back = local + MIB;
	struct rdma_range from, to = { .length = TO_UNIT + PATTERN_SIZE };

	fill_pattern(local + TO_UNIT);
	memset(local, 0xa5, TO_UNIT);
	to.mr = register_cuda(pointer + ODD, length - ODD);
	from = (struct rdma_range){
		.mr = rdma_register(&link_.ends[0], local, 2 * MIB),
		.length = TO_UNIT + PATTERN_SIZE,
	};
	check_outside(false);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &from, &to),
		 IBV_WC_SUCCESS);
	check_outside(true);
	CHECK(!cuMemcpyDtoH_v2(back, (uintptr_t)pointer + ODD, from.length));
	CHECK(!memcmp(back, local, from.length));

	memset(back, 0, from.length);
	from.offset = MIB;
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ, &from, &to),
		 IBV_WC_SUCCESS);
	CHECK(!memcmp(back, local, from.length));
	CHECK(!ibv_dereg_mr(to.mr));
	CHECK(!ibv_dereg_mr(from.mr));
}

static void rdma_reaches_memory_of_cumemalloc(void)
{
	open_link();
	check_transfers(cuda_alloc(LENGTH), LENGTH);
}

static void rdma_reaches_mapped_memory(void)
{
	CUdeviceptr pointer;

	open_link();
	CHECK(!cuInit(0));
	CHECK(!double_cuda_map(&pointer, LENGTH, 2 * LENGTH));
	check_transfers((unsigned char *)(uintptr_t)pointer, LENGTH);
}

static void managed_and_pinned_host_memory_is_registered_plainly(void)
{
	CUdeviceptr managed;
	struct ibv_mr *mr;
	void *pinned;

	open_link();
	CHECK(!cuInit(0));
	CHECK(!cuMemAllocManaged(&managed, MIB, 1));
	CHECK(!cuMemHostAlloc(&pinned, MIB, 0));
	mr = peermr_reg_mr(link_.ends[1].pd, (void *)(uintptr_t)managed, MIB,
			   RDMA_ACCESS);
	CHECK(mr);
	CHECK_EQ(report().path, PEERMR_PATH_PLAIN);
	CHECK_EQ(report().memory, PEERMR_MEMORY_NONE);
	CHECK(!ibv_dereg_mr(mr));
	mr = peermr_reg_mr(link_.ends[1].pd, pinned, MIB, RDMA_ACCESS);
	CHECK(mr);
	CHECK_EQ(report().path, PEERMR_PATH_PLAIN);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_pointer_after_free_is_a_bad_address(void)
{
	unsigned char *pointer;

	open_link();
	pointer = cuda_alloc(LENGTH);
	CHECK(!ibv_dereg_mr(register_cuda(pointer, LENGTH)));
	CHECK(!cuMemFree_v2((uintptr_t)pointer));
	CHECK_ERRNO(!peermr_reg_mr(link_.ends[1].pd, pointer, LENGTH,
				   RDMA_ACCESS), EFAULT);
	CHECK_EQ(report().memory, PEERMR_MEMORY_NONE);
}

static void a_registration_outlives_the_allocation(void)
{
	unsigned char *pointer;
	struct ibv_mr *mr;

	open_link();
	pointer = cuda_alloc(LENGTH);
	mr = register_cuda(pointer, LENGTH);
	CHECK(!cuMemFree_v2((uintptr_t)pointer));
	CHECK_EQ(node_attr("buffers"), 1);
	CHECK(!ibv_dereg_mr(mr));
	node_check_settled();
}

static void a_range_over_two_allocations_is_einval(void)
{
	unsigned char *pointer;

	open_link();
	pointer = cuda_alloc(LENGTH);
	CHECK(cuda_alloc(LENGTH) == pointer + LENGTH);
	CHECK_ERRNO(!peermr_reg_mr(link_.ends[1].pd, pointer + MIB, LENGTH,
				   RDMA_ACCESS), EINVAL);
	CHECK_EQ(report().resolve_error, -EINVAL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(rdma_reaches_memory_of_cumemalloc),
		TEST(rdma_reaches_mapped_memory),
		TEST(managed_and_pinned_host_memory_is_registered_plainly),
		TEST(a_pointer_after_free_is_a_bad_address),
		TEST(a_registration_outlives_the_allocation),
		TEST(a_range_over_two_allocations_is_einval),
	};

	return DMABUF_TEST_MAIN(argc, argv, tests);
}
