// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The pool behind "peermr run --alloc", against a fake window (fake_window.h). */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_window.h"
#include "pool.h"
#include "testing.h"

#define KIB (1UL << 10)
#define MIB (1UL << 20)

static char said[1024];

/* From here on standard error is a pipe that hear() reads. */
static int listen_to_stderr(void)
{
	int ends[2];

	CHECK(!pipe(ends));
	CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	return ends[0];
}

/* How many lines there were; the text is in said. */
static int hear(int pipe_)
{
	int lines = 0;
	ssize_t length;
	const char *c;

	close(STDERR_FILENO);
	length = read(pipe_, said, sizeof(said) - 1);
	CHECK(length >= 0);
	said[length] = '\0';
	for (c = said; *c; c++)
		lines += *c == '\n';
	return lines;
}

static char *take(size_t size, size_t alignment)
{
	char *address = pool_alloc(size, alignment);

	CHECK(address);
	CHECK(!((uintptr_t)address & 4095));
	CHECK(pool_size(address) >= size);
	return address;
}

static void an_allocation_is_whole_pages_of_the_window(void)
{
	char *first = take(1, 0), *second = take(5000, 0);

	CHECK_EQ(fake_window.live, 1);
	CHECK_EQ(pool_size(first), 4096);
	CHECK_EQ(pool_size(second), 8192);
	CHECK(second >= first + 4096 || first >= second + 8192);
	CHECK(pool_free(first));
	CHECK(pool_free(second));
}

static void an_allocation_of_nothing_has_an_address(void)
{
	char *first = take(0, 0);

	CHECK(first != take(0, 0));
}

static void alignment_is_kept(void)
{
	size_t alignment;

	for (alignment = 1; alignment <= 64 * MIB; alignment *= 4) {
		take(4096, 0);
		CHECK(!((uintptr_t)take(3 * 4096, alignment) & (alignment - 1)));
	}
}

static void what_was_freed_is_used_again(void)
{
	char *first = take(64 * KIB, 0), *second = take(64 * KIB, 0);
	char *third = take(64 * KIB, 0);
	int i;

	CHECK(pool_free(first));
	CHECK(pool_free(third));
	CHECK(pool_free(second));
	/* All in one piece again, or this takes another buffer. */
	for (i = 0; i < 100; i++)
		CHECK(pool_free(take(8 * MIB, 0)));
	CHECK_EQ(fake_window.allocs, 1);
}

static void one_empty_buffer_is_kept_and_no_more(void)
{
	char *first = take(8 * MIB, 0), *second = take(8 * MIB, 0);
	char *large = take(100 * MIB, 0);

	CHECK_EQ(fake_window.live, 3);
	CHECK(pool_free(large));
	CHECK_EQ(fake_window.live, 2);
	CHECK(pool_free(first));
	CHECK(pool_free(second));
	CHECK_EQ(fake_window.live, 1);
	CHECK_EQ(fake_window.bad_frees, 0);
}

static void other_memory_is_not_the_pools(void)
{
	char on_stack;

	take(4096, 0);
	CHECK(!pool_free(&on_stack));
	CHECK(!pool_free(NULL));
	CHECK_EQ(pool_size(&on_stack), 0);
}

static void a_size_that_overflows_is_refused(void)
{
	CHECK(!pool_alloc(SIZE_MAX, 0));
	CHECK(!pool_alloc(SIZE_MAX - 4096, 1UL << 63));
	CHECK_EQ(fake_window.live, 0);
}

static void a_full_window_is_told_once(void)
{
	int pipe_ = listen_to_stderr();
	void *address;

	take(4096, 0);
	fake_window.ioctl_errno = ENOSPC;
	errno = EDOM;
	address = pool_alloc(16 * MIB, 0);
	CHECK_EQ(errno, EDOM);
	CHECK(!address);
	CHECK(!pool_alloc(16 * MIB, 0));
	/* What fits is served. */
	take(4096, 0);
	CHECK_EQ(hear(pipe_), 1);
	CHECK(strstr(said, "/dev/zero: no 16777216 bytes there: No space left on device"));
}

static void a_small_rest_of_the_window_is_used(void)
{
	fake_window.most = 4 * MIB;
	take(4096, 0);
	CHECK_EQ(fake_window.last_alloc.length, 4096);
	CHECK(!pool_alloc(5 * MIB, 0));
}

static void a_window_that_does_not_open_is_told_once(void)
{
	int pipe_ = listen_to_stderr();

	pool_setup("/dev/peermr/none");
	CHECK(!pool_alloc(4096, 0));
	CHECK(!pool_alloc(4096, 0));
	CHECK_EQ(hear(pipe_), 1);
	CHECK(strstr(said, "/dev/peermr/none: cannot open it: No such file or directory"));
}

static void memory_that_cannot_be_mapped_goes_back(void)
{
	fake_window.mmap_errno = ENOMEM;
	CHECK(!pool_alloc(4096, 0));
	CHECK_EQ(fake_window.live, 0);
	CHECK_EQ(fake_window.bad_frees, 0);
}

static void a_pointer_into_an_allocation_cannot_be_freed(void)
{
	char *address = take(8192, 0);
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		listen_to_stderr();
		pool_free(address + 4096);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static int in_child(void (*what)(char *address), char *address)
{
	int status;
	pid_t pid;

	pool_before_fork();
	pid = fork();
	if (!pid) {
		pool_after_fork_in_child();
		signal(SIGSEGV, SIG_DFL);
		what(address);
		_exit(0);
	}
	pool_after_fork_in_parent();
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void child_reads(char *address)
{
	_exit(address[4095] == 42 ? 0 : 1);
}

static void child_writes(char *address)
{
	*(volatile char *)address = 1;
}

/* The fake's counts are copies here: what the child did, it sees itself. */
static void child_allocates_and_frees(char *address)
{
	char *own = pool_alloc(4096, 0);

	if (!own || own == address || fake_window.live != 2)
		_exit(1);
	*own = 1;
	if (!pool_free(address) || fake_window.live != 2 ||
	    address[4095] != 42 || !pool_free(own) || fake_window.bad_frees)
		_exit(2);
}

static void a_child_reads_its_parents_memory_and_cannot_write_it(void)
{
	char *address = take(8192, 0);
	int status;

	address[4095] = 42;
	CHECK_EQ(in_child(child_reads, address), 0);
	status = in_child(child_writes, address);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	address[0] = 1;
	CHECK_EQ(address[4095], 42);
}

static void a_hole_in_the_childs_mapping_leaves_nothing_writable(void)
{
	char *first = take(4096, 0), *hole = take(4096, 0);
	char *last = take(4096, 0);
	int status;

	CHECK(!madvise(hole, 4096, MADV_DONTFORK));
	CHECK(first < hole && hole < last);
	status = in_child(child_writes, last);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
}

static void a_child_has_memory_of_its_own(void)
{
	char *address = take(8192, 0);

	address[4095] = 42;
	CHECK_EQ(in_child(child_allocates_and_frees, address), 0);
	CHECK_EQ(pool_size(address), 8192);
}

/* Handlers of other libraries run while the pool is locked. */
static void what_runs_within_fork_may_allocate_and_free(void)
{
	char *address = take(8192, 0);

	alarm(20);
	pool_before_fork();
	CHECK(!pool_alloc(8192, 0));
	CHECK_EQ(pool_size(address), 8192);
	CHECK(pool_free(address));
	CHECK_EQ(fake_window.live, 1);
	pool_after_fork_in_parent();
	take(8192, 0);
}

/* It may be the parent's, before the child knows. */
static void nothing_of_the_window_is_given_back_within_fork(void)
{
	char *small = take(4096, 0), *large = take(64 * MIB, 0);

	alarm(20);
	CHECK_EQ(fake_window.live, 2);
	pool_before_fork();
	CHECK(pool_free(small) && pool_free(large));
	CHECK_EQ(fake_window.live, 2);
	pool_after_fork_in_parent();
	CHECK(pool_free(take(4096, 0)));
	CHECK_EQ(fake_window.live, 1);
}

static void a_child_closes_no_descriptor_of_the_program(void)
{
	int before = open("/dev/null", O_RDONLY), fd;

	close(before);
	take(4096, 0);
	fd = open("/dev/null", O_RDONLY);
	CHECK(fd != before);
	/* What the pool has opened, where the program has something now. */
	CHECK_EQ(dup2(fd, before), before);
	pool_before_fork();
	pool_after_fork_in_child();
	CHECK(fcntl(before, F_GETFD) >= 0);
}

static void *cancelled(void *unused)
{
	(void)unused;
	CHECK(!pthread_cancel(pthread_self()));
	/* It says so: write() is a place where threads end. */
	pool_alloc(4096, 0);
	pthread_testcancel();
	TEST_FAIL("the thread was not cancelled afterwards");
}

static void a_thread_that_is_cancelled_leaves_the_pool_unlocked(void)
{
	int pipe_ = listen_to_stderr();
	pthread_t other;
	void *result;

	alarm(20);
	fake_window.most = 1;
	CHECK(!pthread_create(&other, NULL, cancelled, NULL));
	CHECK(!pthread_join(other, &result));
	CHECK(result == PTHREAD_CANCELED);
	CHECK_EQ(hear(pipe_), 1);
	fake_window.most = 0;
	take(4096, 0);
}

static void *thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg, i;
	char *held[16] = { NULL };

	for (i = 0; i < 2000; i++) {
		unsigned int slot = rand_r(&seed) % 16;
		size_t size = 1 + rand_r(&seed) % (256 * KIB);

		if (held[slot]) {
			CHECK(*held[slot] == (char)(uintptr_t)arg);
			CHECK(pool_free(held[slot]));
			held[slot] = NULL;
			continue;
		}
		held[slot] = pool_alloc(size, 0);
		CHECK(held[slot]);
		*held[slot] = (char)(uintptr_t)arg;
		held[slot][size - 1] = *held[slot];
	}
	for (i = 0; i < 16; i++)
		pool_free(held[i]);
	return NULL;
}

static void threads_do_not_get_the_same_memory(void)
{
	pthread_t threads[4];
	uintptr_t i;

	for (i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, thread, (void *)(i + 1)));
	for (i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(fake_window.live <= 1);
	CHECK_EQ(fake_window.bad_frees, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_allocation_is_whole_pages_of_the_window),
		TEST(an_allocation_of_nothing_has_an_address),
		TEST(alignment_is_kept),
		TEST(what_was_freed_is_used_again),
		TEST(one_empty_buffer_is_kept_and_no_more),
		TEST(other_memory_is_not_the_pools),
		TEST(a_size_that_overflows_is_refused),
		TEST(a_full_window_is_told_once),
		TEST(a_small_rest_of_the_window_is_used),
		TEST(a_window_that_does_not_open_is_told_once),
		TEST(memory_that_cannot_be_mapped_goes_back),
		TEST(a_pointer_into_an_allocation_cannot_be_freed),
		TEST(a_child_reads_its_parents_memory_and_cannot_write_it),
		TEST(a_hole_in_the_childs_mapping_leaves_nothing_writable),
		TEST(a_child_has_memory_of_its_own),
		TEST(what_runs_within_fork_may_allocate_and_free),
		TEST(nothing_of_the_window_is_given_back_within_fork),
		TEST(a_child_closes_no_descriptor_of_the_program),
		TEST(a_thread_that_is_cancelled_leaves_the_pool_unlocked),
		TEST(threads_do_not_get_the_same_memory),
	};

	pool_setup(FAKE_WINDOW_PATH);
	return TEST_MAIN_RUN(tests);
}
