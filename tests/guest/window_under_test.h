/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_WINDOW_UNDER_TEST_H
#define PEERMR_WINDOW_UNDER_TEST_H

#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include <peermr.h>

#include "testing.h"

#define MIB (1UL << 20)

/* The program's only argument. */
static const char *window_name;

static inline struct peermr_window *window_open(void)
{
	struct peermr_window *window = peermr_window_open(window_name);

	if (!window)
		TEST_FAIL("cannot open %s: %s", window_name, strerror(errno));
	return window;
}

static inline struct peermr_window_info window_info(struct peermr_window *window)
{
	struct peermr_window_info info;

	CHECK_EQ(peermr_window_query(window, &info), 0);
	return info;
}

static inline uint64_t window_free_bytes(struct peermr_window *window)
{
	return window_info(window).free;
}

/*
 * Memory comes back once it was zeroed, which is not waited for. Return: whether
 * exactly @expected bytes are free within 10 s; if not, @actual has how many.
 */
static inline bool window_is_free(struct peermr_window *window,
				  uint64_t expected, uint64_t *actual)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct peermr_window_info info = { 0 };
	int i;

	for (i = 0; i < 1000; i++) {
		if (peermr_window_query(window, &info))
			break;
		if (info.free == expected)
			return true;
		nanosleep(&pause, NULL);
	}
	*actual = info.free;
	return false;
}

static inline void window_wait_free(struct peermr_window *window,
				    uint64_t expected)
{
	uint64_t actual = 0;

	if (!window_is_free(window, expected, &actual))
		TEST_FAIL("%llu bytes are free after 10 s, not %llu",
			  (unsigned long long)actual,
			  (unsigned long long)expected);
}

static inline struct peermr_buffer *buffer_alloc(struct peermr_window *window,
						 uint64_t length)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);

	if (!buffer)
		TEST_FAIL("cannot allocate %llu bytes: %s",
			  (unsigned long long)length, strerror(errno));
	return buffer;
}

static inline struct peermr_buffer_info
buffer_info(const struct peermr_buffer *buffer)
{
	struct peermr_buffer_info info;

	peermr_buffer_query(buffer, &info);
	return info;
}

static inline unsigned char *buffer_map(struct peermr_buffer *buffer)
{
	unsigned char *address = peermr_buffer_map(buffer);

	CHECK(address);
	return address;
}

static inline bool all_bytes_are(const void *address, size_t length,
				 unsigned char byte)
{
	const unsigned char *bytes = address;

	return bytes[0] == byte && !memcmp(bytes, bytes + 1, length - 1);
}

/* Run @run in a child and expect it to return. */
static inline void in_child(void (*run)(void *), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		run(arg);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	/* The child gave the reason. */
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	CHECK_EQ(status, 0);
}

/* Runs @test, which must leave the window as it found it. */
static inline int window_test_run_one(struct peermr_window *window,
				      const struct test *test)
{
	struct peermr_window_info before;
	uint64_t after = 0;
	int status;

	if (peermr_window_query(window, &before)) {
		printf("FAIL %s: %s cannot be queried\n", test->name,
		       window_name);
		return TEST_FAILED;
	}
	status = test_run_one(test);
	if (window_is_free(window, before.free, &after))
		return status;
	printf("FAIL nothing_is_left_by_%s: %llu bytes were free, now %llu\n",
	       test->name, (unsigned long long)before.free,
	       (unsigned long long)after);
	return TEST_FAILED;
}

static inline int window_test_main(int argc, char **argv,
				   const struct test *tests, size_t count)
{
	struct peermr_window *window;
	size_t i, skipped = 0;
	int status, failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s WINDOW\n", argv[0]);
		return 2;
	}
	window_name = argv[1];
	window = peermr_window_open(window_name);
	if (!window) {
		printf("FAIL open: %s: %s\n", window_name, strerror(errno));
		return TEST_FAILED;
	}
	for (i = 0; i < count; i++) {
		status = window_test_run_one(window, &tests[i]);
		failed |= status == TEST_FAILED;
		skipped += status == TEST_SKIPPED;
	}
	peermr_window_close(window);
	return test_verdict(failed, skipped == count);
}

#define WINDOW_TEST_MAIN(argc, argv, tests)                                    \
	window_test_main(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* PEERMR_WINDOW_UNDER_TEST_H */
