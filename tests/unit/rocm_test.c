// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory of AMD GPUs, with a double of ROCr. */
#include <rocm.h>

#include "double.h"

#define PAGE 4096UL
#define SIZE (3 * PAGE)

static struct double_rocm *rocm;

static unsigned char *alloc(int kind)
{
	unsigned char *memory = DOUBLE(double_rocm_alloc)(kind, SIZE), *bytes;
	size_t i;

	CHECK(memory);
	bytes = DOUBLE(double_rocm_memory)(memory);
	for (i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	return memory;
}

static void load(void)
{
	double_load(DOUBLE_ROCM);
	rocm = DOUBLE(double_rocm);
	CHECK(!DOUBLE(hsa_init)());
}

static void the_runtime_is_never_initialised(void)
{
	unsigned char *memory;

	double_load(DOUBLE_ROCM);
	memory = alloc(DOUBLE_ROCM_GPU);
	check_resolve_fails(memory, 1, -ENOENT);
	CHECK_EQ(DOUBLE(double_rocm)->inits, 0);
}

static void the_offset_is_that_of_the_runtime(void)
{
	static const size_t offsets[] = { 0, 1, PAGE, 2 * PAGE + 33, SIZE - 1 };
	struct peermr_range range;
	unsigned char *memory;
	size_t i;

	load();
	memory = alloc(DOUBLE_ROCM_GPU);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		CHECK_EQ(peermr_resolve(memory + offsets[i], 1, &range), 0);
		CHECK_EQ(range.offset, offsets[i]);
		CHECK_EQ(range.length, SIZE - offsets[i]);
		check_range(&range, PEERMR_MEMORY_ROCM,
			    DOUBLE(double_rocm_memory)(memory) + offsets[i], 1);
		peermr_range_release(&range);
	}
}

static void the_runtime_closes_its_dmabufs(void)
{
	struct peermr_range range;
	unsigned char *memory;
	int fd;

	load();
	memory = alloc(DOUBLE_ROCM_GPU);
	CHECK_EQ(peermr_resolve(memory, SIZE, &range), 0);
	CHECK_EQ(rocm->open, 1);
	fd = range.fd;
	peermr_range_release(&range);
	CHECK_EQ(rocm->open, 0);
	check_closed(fd);
	peermr_range_release(&range);
	CHECK_EQ(rocm->open, 0);
}

static void a_range_over_two_allocations_is_einval(void)
{
	unsigned char *memory;

	load();
	memory = alloc(DOUBLE_ROCM_GPU);
	CHECK(alloc(DOUBLE_ROCM_GPU) == memory + SIZE);
	check_resolve_fails(memory, SIZE + 1, -EINVAL);
	check_resolve_fails(memory + SIZE - 1, 2, -EINVAL);
	CHECK_EQ(rocm->open, 0);
}

static void host_memory_of_the_runtime_passes_through(void)
{
	load();
	check_resolve_fails(alloc(DOUBLE_ROCM_CPU), SIZE, -ENOENT);
	check_resolve_fails(alloc(DOUBLE_ROCM_LOCKED), SIZE, -ENOENT);
	check_resolve_fails(&rocm, 1, -ENOENT);
}

static void a_pointer_after_free_is_not_claimed(void)
{
	unsigned char *memory;

	load();
	memory = alloc(DOUBLE_ROCM_GPU);
	DOUBLE(double_rocm_free)(memory);
	check_resolve_fails(memory, SIZE, -ENOENT);
}

static void what_the_runtime_cannot_export_is_told_by_errno(void)
{
	unsigned char *memory;

	load();
	memory = alloc(DOUBLE_ROCM_GPU);
	rocm->result = 0x1008;	/* HSA_STATUS_ERROR_OUT_OF_RESOURCES */
	check_resolve_fails(memory, SIZE, -ENOMEM);
	rocm->result = 0x1000;	/* HSA_STATUS_ERROR */
	check_resolve_fails(memory, SIZE, -EOPNOTSUPP);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_runtime_is_never_initialised),
		TEST(the_offset_is_that_of_the_runtime),
		TEST(the_runtime_closes_its_dmabufs),
		TEST(a_range_over_two_allocations_is_einval),
		TEST(host_memory_of_the_runtime_passes_through),
		TEST(a_pointer_after_free_is_not_claimed),
		TEST(what_the_runtime_cannot_export_is_told_by_errno),
	};

	return TEST_MAIN_RUN(tests);
}
