/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A test is a function that runs in a process of its own and returns if all is
 * well. So whatever a failed or crashed test held (windows, mappings, threads)
 * is gone before the next one starts, and CHECK() may be used anywhere.
 *
 * One line per test on stdout: PASS name, FAIL name: reason, SKIP name: reason.
 */
#ifndef PEERMR_TESTING_H
#define PEERMR_TESTING_H

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_PASSED 0
#define TEST_FAILED 1
#define TEST_SKIPPED 77
/* A test's own status when it gave a reason; sanitizers exit with 1. */
#define TEST_FAILED_SAID_WHY 99

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(function) { #function, function }

static const struct test *current_test;

static inline void __attribute__((noreturn, format(printf, 3, 4)))
test_end(int status, const char *verdict, const char *format, ...)
{
	char reason[512];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	printf("%s %s: %s\n", verdict, current_test->name, reason);
	fflush(stdout);
	_exit(status);
}

#define TEST_FAIL(format, ...)                                                 \
	test_end(TEST_FAILED_SAID_WHY, "FAIL", "%s:%d: " format, __FILE__, __LINE__,    \
		 ##__VA_ARGS__)

#define TEST_SKIP(...) test_end(TEST_SKIPPED, "SKIP", __VA_ARGS__)

#define CHECK(condition)                                                       \
	do {                                                                   \
		errno = 0;                                                     \
		if (!(condition))                                              \
			TEST_FAIL("%s (errno: %s)", #condition,                \
				  strerror(errno));                            \
	} while (0)

#define CHECK_EQ(actual, expected)                                             \
	do {                                                                   \
		long long actual_ = (long long)(actual);                       \
		long long expected_ = (long long)(expected);                   \
		if (actual_ != expected_)                                      \
			TEST_FAIL("%s is %lld (%#llx), not %s (%lld)",         \
				  #actual, actual_, actual_, #expected,        \
				  expected_);                                  \
	} while (0)

/* @failing gives NULL or MAP_FAILED or -1 and sets errno to @expected. */
#define CHECK_ERRNO(failing, expected)                                         \
	do {                                                                   \
		errno = 0;                                                     \
		if (!(failing))                                                \
			TEST_FAIL("not true: %s", #failing);                   \
		if (errno != (expected))                                       \
			TEST_FAIL("%s: errno is %s, not %s", #failing,         \
				  strerror(errno), #expected);                 \
	} while (0)

/* How many descriptors this process has open. */
static inline int fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -1;	/* that of the directory itself */

	CHECK(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static inline int test_run_one(const struct test *test)
{
	int status;
	pid_t pid;

	current_test = test;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		test->run();
		/* Not _exit(): LeakSanitizer runs at exit. */
		exit(TEST_PASSED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("FAIL %s: cannot run it: %s\n", test->name,
		       strerror(errno));
		return TEST_FAILED;
	}
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: killed by signal %d (%s)\n", test->name,
		       WTERMSIG(status), strsignal(WTERMSIG(status)));
		return TEST_FAILED;
	}
	switch (WEXITSTATUS(status)) {
	case TEST_PASSED:
		printf("PASS %s\n", test->name);
		return TEST_PASSED;
	case TEST_SKIPPED:
		return TEST_SKIPPED;
	case TEST_FAILED_SAID_WHY:
		return TEST_FAILED;
	default:
		printf("FAIL %s: ended with status %d\n", test->name,
		       WEXITSTATUS(status));
		return TEST_FAILED;
	}
}

/* Exit status of the program. */
static inline int test_verdict(int failed, int all_skipped)
{
	fflush(stdout);
	if (failed)
		return TEST_FAILED;
	return all_skipped ? TEST_SKIPPED : TEST_PASSED;
}

static inline int test_run(const struct test *tests, size_t count)
{
	size_t i, skipped = 0;
	int status, failed = 0;

	for (i = 0; i < count; i++) {
		status = test_run_one(&tests[i]);
		failed |= status == TEST_FAILED;
		skipped += status == TEST_SKIPPED;
	}
	return test_verdict(failed, skipped == count);
}

#define TEST_MAIN_RUN(tests) test_run(tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* PEERMR_TESTING_H */
