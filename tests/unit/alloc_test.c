// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * malloc() and its relatives as "peermr run --alloc" preloads them, here linked
 * into the test, against a fake window (fake_window.h). 100000 bytes and more are
 * large here: PEERMR_ALLOC_MIN is set by who starts this.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_window.h"
#include "pool.h"
#include "testing.h"

#define LARGE 100000UL

static bool in_window(const void *address)
{
	CHECK(address);
	return pool_size(address);
}

static void large_memory_is_in_the_window_and_small_is_not(void)
{
	CHECK(in_window(malloc(LARGE)));
	CHECK(in_window(calloc(LARGE / 4, 4)));
	CHECK(in_window(realloc(NULL, LARGE)));
	CHECK(in_window(reallocarray(NULL, LARGE / 4, 4)));
	CHECK(!in_window(malloc(LARGE - 1)));
	CHECK(!in_window(calloc(LARGE - 1, 1)));
	CHECK(!in_window(realloc(NULL, LARGE - 1)));
}

static void page_aligned_memory_is_in_the_window(void)
{
	void *address = NULL;

	CHECK(in_window(memalign(4096, 64)));
	CHECK(in_window(aligned_alloc(4096, 4096)));
	CHECK(in_window(valloc(64)));
	CHECK(in_window(pvalloc(64)));
	CHECK(!posix_memalign(&address, 8192, 64) && in_window(address));
	CHECK(!((uintptr_t)address & 8191));
	CHECK(!in_window(memalign(2048, 64)));
	CHECK(in_window(memalign(64, LARGE)));
}

static bool none(const void *address)
{
	return !address;
}

static void wrong_arguments_fail_as_in_the_c_library(void)
{
	void *address = &address;
	/* The compiler knows what does not fit, if it knows the number. */
	volatile size_t most = SIZE_MAX, odd = 4097;

	CHECK_EQ(posix_memalign(&address, 3 * sizeof(void *), LARGE), EINVAL);
	CHECK_EQ(posix_memalign(&address, 0, LARGE), EINVAL);
	CHECK_EQ(posix_memalign(&address, 4096, most), ENOMEM);
	CHECK(address == &address);
	CHECK_ERRNO(none(aligned_alloc(odd, LARGE)), EINVAL);
	CHECK_ERRNO(none(calloc(most / 2, 3)), ENOMEM);
	CHECK_ERRNO(none(reallocarray(NULL, most / 2, 3)), ENOMEM);
	CHECK_ERRNO(none(malloc(most)), ENOMEM);
	CHECK_ERRNO(none(pvalloc(most)), ENOMEM);
}

static void calloc_clears_what_was_used(void)
{
	char *address = malloc(LARGE), *cleared;
	size_t i;

	memset(address, 42, LARGE);
	free(address);
	cleared = calloc(1, LARGE);
	CHECK(cleared == address);
	for (i = 0; i < LARGE; i++)
		CHECK(!cleared[i]);
	free(cleared);
}

/* Grown and shrunk across the limit, both ways, it keeps what is in it. */
static void realloc_keeps_the_content(void)
{
	static const size_t sizes[] = { 10, LARGE, 20, 2 * LARGE, 9 * LARGE,
					9 * LARGE - 1, LARGE, 10, };
	size_t size = 0, i, j;
	char *address = NULL, *moved;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		moved = realloc(address, sizes[i]);
		CHECK(moved);
		address = moved;
		CHECK_EQ(in_window(address), sizes[i] >= LARGE);
		CHECK(malloc_usable_size(address) >= sizes[i]);
		for (j = 0; j < size && j < sizes[i]; j++)
			CHECK(address[j] == (char)(j % 113));
		size = sizes[i];
		for (j = 0; j < size; j++)
			address[j] = (char)(j % 113);
	}
	free(address);
	address = malloc(LARGE);
	CHECK(none(realloc(address, 0)));
	CHECK_EQ(pool_size(address), 0);
}

static void free_takes_both(void)
{
	char *window = malloc(LARGE), *host = malloc(10);

	CHECK(in_window(window) && !in_window(host));
	errno = EDOM;
	free(window);
	CHECK_EQ(errno, EDOM);
	free(host);
	free(NULL);
	CHECK_EQ(pool_size(window), 0);
}

static void a_full_window_leaves_host_memory(void)
{
	char *address;

	close(STDERR_FILENO);
	fake_window.ioctl_errno = ENOSPC;
	address = malloc(LARGE);
	CHECK(address && !in_window(address));
	memset(address, 1, LARGE);
	CHECK(!in_window(memalign(4096, 4096)));
	CHECK(!in_window(realloc(address, 2 * LARGE)));
}

static int in_child(void (*what)(char *address), char *address)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		what(address);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void child_allocates_and_writes_its_parents(char *address)
{
	char *own = malloc(LARGE);

	if (address[0] != 42 || !in_window(own) || own == address)
		_exit(1);
	own[0] = 1;
	free(address);
	free(own);
	*(volatile char *)address = 1;
}

static void a_forked_child_allocates_for_itself(void)
{
	char *address = malloc(LARGE);
	int status;

	address[0] = 42;
	status = in_child(child_allocates_and_writes_its_parents, address);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	CHECK_EQ(address[0], 42);
	address[0] = 43;
}

static void child_reallocates(char *address)
{
	char *moved = realloc(address, LARGE - 1);

	if (moved[0] != 42)
		_exit(1);
	moved[0] = 1;
}

static void what_a_child_reallocates_it_may_write(void)
{
	char *address = malloc(LARGE);

	address[0] = 42;
	CHECK_EQ(in_child(child_reallocates, address), 0);
	CHECK_EQ(address[0], 42);
}

/* Which has a lock while the constructor of a library waits for a thread. */
static void no_allocation_waits_for_the_dynamic_linker(void)
{
	void *handle, **memory;

	alarm(20);
	handle = dlopen(ALLOC_CONSTRUCTOR, RTLD_NOW);
	if (!handle)
		TEST_FAIL("%s", dlerror());
	memory = dlsym(handle, "alloc_constructor_memory");
	CHECK(memory);
	CHECK(in_window(*memory));
}

static void *churn(void *stop)
{
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		free(realloc(malloc(LARGE), 2 * LARGE));
	return NULL;
}

static void child_allocates(char *unused)
{
	(void)unused;
	alarm(20);
	free(malloc(LARGE));
}

/* A lock held by another thread when it forks is nobody's in the child. */
static void a_fork_under_allocations_does_not_hang(void)
{
	bool stop = false;
	pthread_t thread;
	int i;

	CHECK(!pthread_create(&thread, NULL, churn, &stop));
	for (i = 0; i < 50; i++)
		CHECK_EQ(in_child(child_allocates, NULL), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK(!pthread_join(thread, NULL));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(large_memory_is_in_the_window_and_small_is_not),
		TEST(page_aligned_memory_is_in_the_window),
		TEST(wrong_arguments_fail_as_in_the_c_library),
		TEST(calloc_clears_what_was_used),
		TEST(realloc_keeps_the_content),
		TEST(free_takes_both),
		TEST(a_full_window_leaves_host_memory),
		TEST(a_forked_child_allocates_for_itself),
		TEST(what_a_child_reallocates_it_may_write),
		TEST(no_allocation_waits_for_the_dynamic_linker),
		TEST(a_fork_under_allocations_does_not_hang),
	};

	return TEST_MAIN_RUN(tests);
}
