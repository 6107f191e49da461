// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What libpeermr relies on in the driver of NVIDIA GPUs: asked of the double, so
 * that it is like the driver, and on a machine with a GPU of the driver
 * (tests/check-gpu).
 * usage: cuda_driver_test [LIBCUDA]
 */
#include <pthread.h>
#include <stdbool.h>

#include <cuda.h>

#include "cuda_map.h"
#include "double.h"

#define PAGE 4096UL
#define MIB (1UL << 20)
#define SIZE (3 * PAGE + 100)

static const char *library;
static CUcontext context;

/* Device 0, as programs of the runtime API use it. */
static void load(void)
{
	int device;

	double_load(library);
	CHECK_EQ(DOUBLE(cuInit)(0), 0);
	CHECK_EQ(DOUBLE(cuDeviceGet)(&device, 0), 0);
	CHECK_EQ(DOUBLE(cuDevicePrimaryCtxRetain)(&context, device), 0);
	CHECK_EQ(DOUBLE(cuCtxSetCurrent)(context), 0);
}

static bool is_double(void)
{
	return dlsym(double_handle, "double_cuda");
}

static unsigned char *alloc(size_t size)
{
	CUdeviceptr pointer;

	CHECK_EQ(DOUBLE(cuMemAlloc_v2)(&pointer, size), 0);
	return (unsigned char *)(uintptr_t)pointer;
}

static void release(void *pointer)
{
	CHECK_EQ(DOUBLE(cuMemFree_v2)((uintptr_t)pointer), 0);
}

/* @range is @length bytes at @address in a dma-buf of their pages. */
static void check_exported(const struct peermr_range *range,
			   const void *address, size_t length)
{
	char file[64], path[64];
	ssize_t count;

	CHECK_EQ(range->memory, PEERMR_MEMORY_CUDA);
	CHECK(fcntl(range->fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(range->offset, (uintptr_t)address % PAGE);
	CHECK(range->length >= length);
	CHECK_EQ(lseek(range->fd, 0, SEEK_END), range->offset + range->length);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", range->fd);
	count = readlink(path, file, sizeof(file) - 1);
	CHECK(count > 0);
	file[count] = '\0';
	if (!strstr(file, is_double() ? "memfd:" : "dmabuf"))
		TEST_FAIL("exported is %s", file);
}

static void check_resolves(const void *address, size_t length)
{
	struct peermr_range range;
	int fd;

	CHECK_EQ(peermr_resolve(address, length, &range), 0);
	check_exported(&range, address, length);
	fd = range.fd;
	peermr_range_release(&range);
	check_closed(fd);
}

static void any_sub_range_is_exported(void)
{
	static const struct {
		size_t offset, length;
	} cases[] = {
		{ 0, 1 },	  { 0, PAGE },
		{ 1, PAGE },	  { PAGE - 1, 1 },
		{ PAGE, 1 },	  { PAGE + 17, 2 * PAGE },
		{ SIZE - 1, 1 },  { 0, SIZE },
	};
	unsigned char *memory, *small;
	size_t i;

	load();
	memory = alloc(SIZE);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_resolves(memory + cases[i].offset, cases[i].length);
	/* Allocations that share a page. */
	small = alloc(100);
	check_resolves(small, 100);
	small = alloc(100);
	check_resolves(small + 99, 1);
}

static void a_large_allocation_is_exported_as_a_whole(void)
{
	unsigned char *memory;
	size_t size;

	load();
	size = is_double() ? 16 * MIB : 2048 * MIB;
	memory = alloc(size);
	check_resolves(memory, size);
	check_resolves(memory + size - MIB + 1, MIB - 1);
}

static void what_goes_beyond_the_allocation_is_einval(void)
{
	unsigned char *memory;

	load();
	memory = alloc(4 * MIB);
	alloc(4 * MIB);
	check_resolve_fails(memory, 4 * MIB + 1, -EINVAL);
	check_resolve_fails(memory + 4 * MIB - 1, 2, -EINVAL);
	check_resolve_fails(memory, SIZE_MAX / 2, -EINVAL);
}

/* Two times 2 MiB at the start of 8 MiB. */
static unsigned char *map(void)
{
	CUdeviceptr pointer;

	if (is_double())
		CHECK_EQ(DOUBLE(double_cuda_map)(&pointer, 4 * MIB, 8 * MIB),
			 0);
	else
		pointer = cuda_map(2 * MIB, 2, 8 * MIB);
	return (unsigned char *)(uintptr_t)pointer;
}

static void mapped_memory_is_exported_across_its_pieces(void)
{
	unsigned char *memory;

	load();
	memory = map();
	check_resolves(memory + 5, 100);
	check_resolves(memory + 2 * MIB + 5, 100);
	check_resolves(memory + 2 * MIB - 50, 100);
	check_resolves(memory, 4 * MIB);
	check_resolve_fails(memory, 4 * MIB + 1, -EINVAL);
	check_resolve_fails(memory, 8 * MIB + 1, -EINVAL);
	check_resolve_fails(memory + 4 * MIB, 1, -ENOENT);
}

static void memory_of_a_pool_is_not_exported(void)
{
	CUdeviceptr pointer;

	load();
	CHECK_EQ(DOUBLE(cuMemAllocAsync)(&pointer, 4 * MIB, NULL), 0);
	check_resolve_fails((void *)(uintptr_t)pointer, 4 * MIB, -EOPNOTSUPP);
	check_resolve_fails((void *)(uintptr_t)(pointer + PAGE), 1,
			    -EOPNOTSUPP);
}

static void what_a_cpu_can_use_passes_through(void)
{
	static unsigned char plain[PAGE];
	CUdeviceptr managed;
	void *pinned;

	load();
	CHECK_EQ(DOUBLE(cuMemAllocManaged)(&managed, MIB, 1), 0);
	check_resolve_fails((void *)(uintptr_t)managed, MIB, -ENOENT);
	CHECK_EQ(DOUBLE(cuMemHostAlloc)(&pinned, MIB, 0), 0);
	check_resolve_fails(pinned, MIB, -ENOENT);
	check_resolve_fails(plain, sizeof(plain), -ENOENT);
	check_resolve_fails((void *)(uintptr_t)PAGE, PAGE, -ENOENT);
}

static void an_export_outlives_its_memory_and_the_pointer_does_not(void)
{
	struct peermr_range range;
	unsigned char *memory;

	load();
	memory = alloc(4 * MIB);
	CHECK_EQ(peermr_resolve(memory, 4 * MIB, &range), 0);
	release(memory);
	check_exported(&range, memory, 4 * MIB);
	check_resolve_fails(memory, 4 * MIB, -ENOENT);
	peermr_range_release(&range);
}

static void *resolve_without_a_context(void *memory)
{
	CUcontext current = NULL;

	CHECK_EQ(DOUBLE(cuCtxGetCurrent)(&current), 0);
	CHECK(!current);
	check_resolves(memory, MIB);
	CHECK_EQ(DOUBLE(cuCtxGetCurrent)(&current), 0);
	CHECK(!current);
	return NULL;
}

static void a_thread_needs_no_context_and_gets_none(void)
{
	unsigned char *memory[2];
	pthread_t thread;
	CUcontext current = NULL;
	int i;

	load();
	memory[0] = alloc(4 * MIB);
	memory[1] = map();
	for (i = 0; i < 2; i++) {
		CHECK(!pthread_create(&thread, NULL, resolve_without_a_context,
				      memory[i]));
		CHECK(!pthread_join(thread, NULL));
	}
	CHECK_EQ(DOUBLE(cuCtxGetCurrent)(&current), 0);
	CHECK(current == context);
}

static void *allocate_and_resolve(void *unused)
{
	struct peermr_range range;
	unsigned char *memory;
	int i;

	(void)unused;
	CHECK_EQ(DOUBLE(cuCtxSetCurrent)(context), 0);
	for (i = 0; i < 100; i++) {
		memory = alloc(MIB + PAGE);
		CHECK_EQ(peermr_resolve(memory + i, MIB, &range), 0);
		check_exported(&range, memory + i, MIB);
		peermr_range_release(&range);
		release(memory);
	}
	return NULL;
}

static void exports_of_many_threads_leave_nothing_open(void)
{
	pthread_t threads[4];
	unsigned char *memory;
	int i, before;

	load();
	memory = alloc(4 * MIB);
	check_resolves(memory, MIB);
	before = fds_open();
	for (i = 0; i < 1000; i++)
		check_resolves(memory + i, PAGE);
	CHECK_EQ(fds_open(), before);
	if (is_double())
		return;	/* its heap is for one thread */
	for (i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, allocate_and_resolve,
				      NULL));
	for (i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK_EQ(fds_open(), before);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(any_sub_range_is_exported),
		TEST(a_large_allocation_is_exported_as_a_whole),
		TEST(what_goes_beyond_the_allocation_is_einval),
		TEST(mapped_memory_is_exported_across_its_pieces),
		TEST(memory_of_a_pool_is_not_exported),
		TEST(what_a_cpu_can_use_passes_through),
		TEST(an_export_outlives_its_memory_and_the_pointer_does_not),
		TEST(a_thread_needs_no_context_and_gets_none),
		TEST(exports_of_many_threads_leave_nothing_open),
	};

	library = argc > 1 ? argv[1] : DOUBLE_CUDA;
	return TEST_MAIN_RUN(tests);
}
