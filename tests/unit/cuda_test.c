// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory of NVIDIA GPUs, with a double of the driver. */
#include <pthread.h>

#include <cuda.h>

#include "double.h"

#define PAGE 4096UL
#define SIZE (3 * PAGE + 100)

/* Bytes that tell their place. */
static unsigned char pattern[4 * PAGE];

static void load(void)
{
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 7 + i / 256);
	double_load(DOUBLE_CUDA);
	CHECK(!DOUBLE(cuInit)(0));
}

static unsigned char *alloc(size_t size)
{
	CUdeviceptr pointer;

	CHECK(!DOUBLE(cuMemAlloc_v2)(&pointer, size));
	CHECK(!DOUBLE(cuMemcpyHtoD_v2)(pointer, pattern, size));
	return (unsigned char *)(uintptr_t)pointer;
}

static void a_driver_is_found_once_the_program_loads_it(void)
{
	struct peermr_range range;
	unsigned char *memory;

	check_resolve_fails(pattern, 1, -ENOENT);
	load();
	memory = alloc(SIZE);
	CHECK_EQ(peermr_resolve(memory, 1, &range), 0);
	peermr_range_release(&range);
}

static void a_driver_is_never_initialised(void)
{
	double_load(DOUBLE_CUDA);
	check_resolve_fails(pattern, 1, -ENOENT);
	CHECK_EQ(DOUBLE(double_cuda)->inits, 0);
}

static void sub_ranges_resolve_at_any_offset(void)
{
	static const struct {
		size_t offset, length, pages;
	} cases[] = {
		{ 0, 1, 1 },	  { 0, PAGE, 1 },
		{ 1, PAGE, 2 },	  { PAGE - 1, 1, 1 },
		{ PAGE, 1, 1 },	  { PAGE + 17, 2 * PAGE, 3 },
		{ SIZE - 1, 1, 1 }, { 0, SIZE, 4 },
	};
	struct double_cuda *cuda;
	struct peermr_range range;
	unsigned char *memory;
	size_t i, offset, length;
	int fd;

	load();
	memory = alloc(SIZE);
	cuda = DOUBLE(double_cuda);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		offset = cases[i].offset;
		length = cases[i].length;
		CHECK_EQ(peermr_resolve(memory + offset, length, &range), 0);
		CHECK_EQ(cuda->pointer,
			 ((uintptr_t)memory + offset) & -PAGE);
		CHECK_EQ(cuda->size, cases[i].pages * PAGE);
		CHECK_EQ(cuda->flags, 0);
		CHECK_EQ(range.offset, offset % PAGE);
		CHECK(range.length >= length);
		check_range(&range, PEERMR_MEMORY_CUDA, pattern + offset,
			    length < 512 ? length : 512);
		fd = range.fd;
		peermr_range_release(&range);
		check_closed(fd);
	}
}

static void a_range_over_two_allocations_is_einval(void)
{
	unsigned char *memory, *neighbour;

	load();
	memory = alloc(4 * PAGE);
	neighbour = alloc(PAGE);
	CHECK(neighbour == memory + 4 * PAGE);
	check_resolve_fails(memory, 4 * PAGE + 1, -EINVAL);
	check_resolve_fails(memory + 4 * PAGE - 1, 2, -EINVAL);
	CHECK_EQ(DOUBLE(double_cuda)->exports, 0);
}

static void mapped_memory_is_a_range_as_far_as_it_is_mapped(void)
{
	struct peermr_range range;
	unsigned char *memory;
	CUdeviceptr pointer;

	load();
	CHECK(!DOUBLE(double_cuda_map)(&pointer, 2 * PAGE, 4 * PAGE));
	memory = (unsigned char *)(uintptr_t)pointer;
	CHECK(!DOUBLE(cuMemcpyHtoD_v2)(pointer + PAGE, pattern, PAGE));
	CHECK_EQ(peermr_resolve(memory + PAGE + 3, 5, &range), 0);
	check_range(&range, PEERMR_MEMORY_CUDA, pattern + 3, 5);
	peermr_range_release(&range);
	check_resolve_fails(memory + PAGE, PAGE + 1, -EINVAL);
	check_resolve_fails(memory + PAGE, 3 * PAGE + 1, -EINVAL);
	check_resolve_fails(memory + 2 * PAGE, PAGE, -ENOENT);
}

static void memory_of_a_pool_is_not_exported(void)
{
	CUdeviceptr pointer;

	load();
	CHECK(!DOUBLE(cuMemAllocAsync)(&pointer, SIZE, NULL));
	check_resolve_fails((void *)(uintptr_t)pointer, SIZE, -EOPNOTSUPP);
	CHECK_EQ(DOUBLE(double_cuda)->exports, 0);
}

static void managed_and_pinned_host_memory_passes_through(void)
{
	CUdeviceptr managed;
	void *pinned;

	load();
	CHECK(!DOUBLE(cuMemAllocManaged)(&managed, PAGE, 1));
	check_resolve_fails((void *)(uintptr_t)managed, PAGE, -ENOENT);
	CHECK(!DOUBLE(cuMemHostAlloc)(&pinned, PAGE, 0));
	check_resolve_fails(pinned, PAGE, -ENOENT);
	check_resolve_fails(pattern, PAGE, -ENOENT);
	CHECK_EQ(DOUBLE(double_cuda)->exports, 0);
	CHECK(!DOUBLE(cuMemFree_v2)(managed));
	CHECK(!DOUBLE(cuMemFreeHost)(pinned));
}

static void a_pointer_after_free_is_not_claimed(void)
{
	struct peermr_range range;
	unsigned char *memory;

	load();
	memory = alloc(SIZE);
	CHECK_EQ(peermr_resolve(memory, SIZE, &range), 0);
	peermr_range_release(&range);
	CHECK(!DOUBLE(cuMemFree_v2)((uintptr_t)memory));
	check_resolve_fails(memory, SIZE, -ENOENT);
}

static void *resolve_one_byte(void *memory)
{
	struct peermr_range range;

	CHECK_EQ(peermr_resolve(memory, 1, &range), 0);
	peermr_range_release(&range);
	return NULL;
}

static void a_thread_without_a_context_borrows_that_of_the_memory(void)
{
	pthread_t thread;

	load();
	DOUBLE(double_cuda)->needs_context = 1;
	CHECK(!pthread_create(&thread, NULL, resolve_one_byte, alloc(SIZE)));
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(DOUBLE(double_cuda)->contexts, 0);
}

/* Mapped memory has none: the primary one, but it is not made for that. */
static void a_thread_without_a_context_borrows_the_primary_one(void)
{
	CUdeviceptr pointer;
	CUcontext primary;
	pthread_t thread;
	void *memory;

	load();
	DOUBLE(double_cuda)->needs_context = 1;
	CHECK(!DOUBLE(double_cuda_map)(&pointer, PAGE, PAGE));
	memory = (void *)(uintptr_t)pointer;
	check_resolve_fails(memory, PAGE, -EIO);
	CHECK_EQ(DOUBLE(double_cuda)->primary, 0);
	CHECK(!DOUBLE(cuDevicePrimaryCtxRetain)(&primary, 0));
	CHECK(!pthread_create(&thread, NULL, resolve_one_byte, memory));
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(DOUBLE(double_cuda)->contexts, 0);
	CHECK_EQ(DOUBLE(double_cuda)->primary, 1);
}

static void what_the_driver_cannot_export_is_told_by_errno(void)
{
	static const struct {
		int result, error;
	} cases[] = {
		{ 1, -EOPNOTSUPP }, { 801, -EOPNOTSUPP },
		{ 2, -ENOMEM },	    { 999, -EIO },
	};
	unsigned char *memory;
	size_t i;

	load();
	memory = alloc(SIZE);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		DOUBLE(double_cuda)->result = cases[i].result;
		check_resolve_fails(memory, SIZE, cases[i].error);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_driver_is_found_once_the_program_loads_it),
		TEST(a_driver_is_never_initialised),
		TEST(sub_ranges_resolve_at_any_offset),
		TEST(a_range_over_two_allocations_is_einval),
		TEST(mapped_memory_is_a_range_as_far_as_it_is_mapped),
		TEST(memory_of_a_pool_is_not_exported),
		TEST(managed_and_pinned_host_memory_passes_through),
		TEST(a_pointer_after_free_is_not_claimed),
		TEST(a_thread_without_a_context_borrows_that_of_the_memory),
		TEST(a_thread_without_a_context_borrows_the_primary_one),
		TEST(what_the_driver_cannot_export_is_told_by_errno),
	};

	return TEST_MAIN_RUN(tests);
}
