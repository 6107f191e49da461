/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Children of a test, and accesses to memory that may not be there. */
#ifndef PEERMR_PROCESS_H
#define PEERMR_PROCESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "testing.h"

/*
 * A child that runs a function and then ends. The two sides meet at pipes:
 * child_tell() on one side ends child_await() on the other. A child dies with
 * the test.
 */
struct child {
	pid_t pid;
	int to_child[2];
	int to_parent[2];
	bool inside;
};

/* End as a child ended that has told the verdict itself. */
static inline void child_pass_on(int status)
{
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == TEST_FAILED_SAID_WHY ||
	     WEXITSTATUS(status) == TEST_SKIPPED))
		_exit(WEXITSTATUS(status));
}

static inline void child_tell(struct child *child)
{
	int fd = child->inside ? child->to_parent[1] : child->to_child[1];

	CHECK(write(fd, "", 1) == 1);
}

static inline void child_await(struct child *child)
{
	int fd = child->inside ? child->to_child[0] : child->to_parent[0];
	int status;
	char byte;

	if (read(fd, &byte, 1) == 1)
		return;
	/* The other side failed, and has said why, or it was killed. */
	if (child->inside)
		_exit(TEST_FAILED_SAID_WHY);
	CHECK_EQ(waitpid(child->pid, &status, 0), child->pid);
	child_pass_on(status);
	TEST_FAIL("process %d ended too early", (int)child->pid);
}

static inline void child_start(struct child *child, void (*run)(struct child *))
{
	CHECK(!pipe(child->to_child));
	CHECK(!pipe(child->to_parent));
	fflush(stdout);
	child->inside = false;
	child->pid = fork();
	CHECK(child->pid >= 0);
	if (child->pid) {
		close(child->to_child[0]);
		close(child->to_parent[1]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	child->inside = true;
	close(child->to_child[1]);
	close(child->to_parent[0]);
	run(child);
	_exit(TEST_PASSED);
}

/* Wait for the child's end, which must be success. */
static inline void child_end(struct child *child)
{
	int status;

	close(child->to_child[1]);
	close(child->to_parent[0]);
	CHECK_EQ(waitpid(child->pid, &status, 0), child->pid);
	child_pass_on(status);
	CHECK_EQ(status, 0);
}

static inline void child_kill(struct child *child)
{
	CHECK(!kill(child->pid, SIGKILL));
	close(child->to_child[1]);
	close(child->to_parent[0]);
	CHECK_EQ(waitpid(child->pid, NULL, 0), child->pid);
}

/* Whether the child has ended within that time; reaps it. */
static inline bool child_ends_within(struct child *child, int ms, int *status)
{
	struct timespec pause = { 0, 10 * 1000 * 1000 };

	for (; ms > 0; ms -= 10) {
		if (waitpid(child->pid, status, WNOHANG) == child->pid)
			return true;
		nanosleep(&pause, NULL);
	}
	return waitpid(child->pid, status, WNOHANG) == child->pid;
}

static __thread sigjmp_buf fault_return;
static __thread volatile sig_atomic_t fault_signal;

static inline void fault_handler(int signal)
{
	fault_signal = signal;
	siglongjmp(fault_return, 1);
}

static inline void fault_catch(void)
{
	struct sigaction action = { .sa_handler = fault_handler };

	CHECK(!sigaction(SIGBUS, &action, NULL));
	CHECK(!sigaction(SIGSEGV, &action, NULL));
}

/* The signal that a read of @address gives, 0 for none; after fault_catch(). */
static inline int fault_of_read(const void *address)
{
	fault_signal = 0;
	if (!sigsetjmp(fault_return, 1))
		(void)*(const volatile unsigned char *)address;
	return fault_signal;
}

/* The signal that a write to @address gives, 0 for none; after fault_catch(). */
static inline int fault_of_write(void *address, unsigned char byte)
{
	fault_signal = 0;
	if (!sigsetjmp(fault_return, 1))
		*(volatile unsigned char *)address = byte;
	return fault_signal;
}

#endif /* PEERMR_PROCESS_H */
