// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory of Intel GPUs, with a double of the Level Zero loader. */
#include <sys/resource.h>

#include <level_zero.h>

#include "double.h"

#define PAGE 4096UL
#define SIZE (3 * PAGE)

static struct double_ze *ze;

static unsigned char *alloc(int kind)
{
	unsigned char *memory = DOUBLE(double_ze_alloc)(kind, SIZE), *bytes;
	size_t i;

	CHECK(memory);
	bytes = DOUBLE(double_ze_memory)(memory);
	for (i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	return memory;
}

static void load(void)
{
	double_load(DOUBLE_LEVEL_ZERO);
	ze = DOUBLE(double_ze);
	CHECK(!DOUBLE(zeInit)(0));
}

static void the_runtime_is_never_initialised(void)
{
	unsigned char *memory;
	struct peermr_range range;

	double_load(DOUBLE_LEVEL_ZERO);
	memory = alloc(DOUBLE_ZE_EXPORTABLE);
	check_resolve_fails(memory, 1, -ENOENT);
	CHECK_EQ(DOUBLE(double_ze)->inits, 0);
	CHECK_EQ(DOUBLE(double_ze)->contexts, 0);
	/* It is found when the program has done so. */
	CHECK(!DOUBLE(zeInit)(0));
	CHECK_EQ(peermr_resolve(memory, 1, &range), 0);
	peermr_range_release(&range);
	CHECK_EQ(DOUBLE(double_ze)->contexts, 2);
}

static void the_runtimes_descriptor_stays_open(void)
{
	static const size_t offsets[] = { 0, 1, PAGE, 2 * PAGE + 33, SIZE - 1 };
	struct peermr_range range;
	unsigned char *memory;
	int fd, own;
	size_t i;

	load();
	memory = alloc(DOUBLE_ZE_EXPORTABLE);
	own = DOUBLE(double_ze_fd)(memory);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		CHECK_EQ(peermr_resolve(memory + offsets[i], 1, &range), 0);
		CHECK_EQ(range.offset, offsets[i]);
		CHECK_EQ(range.length, SIZE - offsets[i]);
		check_range(&range, PEERMR_MEMORY_LEVEL_ZERO,
			    DOUBLE(double_ze_memory)(memory) + offsets[i], 1);
		fd = range.fd;
		CHECK(fd != own);
		peermr_range_release(&range);
		check_closed(fd);
		CHECK(fcntl(own, F_GETFD) >= 0);
	}
	CHECK_EQ(ze->contexts, 2);
}

static void a_range_over_two_allocations_is_einval(void)
{
	unsigned char *memory;

	load();
	memory = alloc(DOUBLE_ZE_EXPORTABLE);
	CHECK(alloc(DOUBLE_ZE_EXPORTABLE) == memory + SIZE);
	check_resolve_fails(memory, SIZE + 1, -EINVAL);
	check_resolve_fails(memory + SIZE - 1, 2, -EINVAL);
}

static void shared_and_host_memory_passes_through(void)
{
	load();
	check_resolve_fails(alloc(DOUBLE_ZE_SHARED), SIZE, -ENOENT);
	check_resolve_fails(alloc(DOUBLE_ZE_HOST), SIZE, -ENOENT);
	check_resolve_fails(&ze, 1, -ENOENT);
}

static void memory_that_is_not_exportable_is_eopnotsupp(void)
{
	load();
	check_resolve_fails(alloc(DOUBLE_ZE_PRIVATE), SIZE, -EOPNOTSUPP);
}

static void a_pointer_after_free_is_not_claimed(void)
{
	unsigned char *memory;

	load();
	memory = alloc(DOUBLE_ZE_EXPORTABLE);
	DOUBLE(double_ze_free)(memory);
	check_resolve_fails(memory, SIZE, -ENOENT);
}

static void too_many_open_files_are_told(void)
{
	struct rlimit limit;
	unsigned char *memory;
	rlim_t enough;

	load();
	memory = alloc(DOUBLE_ZE_EXPORTABLE);
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	enough = limit.rlim_cur;
	limit.rlim_cur = 1;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	check_resolve_fails(memory, SIZE, -EMFILE);
	limit.rlim_cur = enough;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_runtime_is_never_initialised),
		TEST(the_runtimes_descriptor_stays_open),
		TEST(a_range_over_two_allocations_is_einval),
		TEST(shared_and_host_memory_passes_through),
		TEST(memory_that_is_not_exportable_is_eopnotsupp),
		TEST(a_pointer_after_free_is_not_claimed),
		TEST(too_many_open_files_are_told),
	};

	return TEST_MAIN_RUN(tests);
}
