// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Taking the device or the module away while an RDMA device has memory of the
 * window registered: nobody can take that back, so it waits or is refused.
 * usage: unbind_test [WINDOW [TEST...]]
 *
 * Unbinds the device and unloads the module; needs root. Takes half a minute:
 * the kernel names a holder after 10 s.
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define LENGTH (4 * MIB)

static struct rdma_link link_;
static unsigned char *memory;
static struct ibv_mr *mr;

static void register_memory(void)
{
	rdma_link_open(&link_);
	memory = node_map_fresh(LENGTH);
	pattern_fill(memory, LENGTH, 1);
	mr = rdma_register(&link_.ends[1], memory, LENGTH);
}

static void unbinds(struct child *child)
{
	child_tell(child);
	if (!node_unbind())
		TEST_FAIL("unbind: %s", strerror(errno));
	child_tell(child);
}

static bool still_runs(struct child *child)
{
	return !waitpid(child->pid, NULL, WNOHANG);
}

/* A line of the kernel's log from now on that has all @words. */
static bool log_says(int kmsg, const char *a, const char *b, int seconds)
{
	time_t deadline = time(NULL) + seconds;
	char line[2048];
	ssize_t n;

	while (time(NULL) < deadline) {
		n = read(kmsg, line, sizeof(line) - 1);
		if (n < 0) {
			sleep_ms(100);
			continue;
		}
		line[n] = '\0';
		if (strstr(line, a) && strstr(line, b))
			return true;
	}
	return false;
}

static int log_open(void)
{
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	CHECK(kmsg >= 0);
	lseek(kmsg, 0, SEEK_END);
	return kmsg;
}

static void unbind_waits_for_the_nic_and_names_who_holds(void)
{
	struct ibv_mr *host_mr;
	struct child child;
	void *host_memory;
	int kmsg = log_open();
	char pid[32];

	register_memory();
	snprintf(pid, sizeof(pid), "(pid %d)", getpid());
	child_start(&child, unbinds);
	child_await(&child);
	if (!log_says(kmsg, node_name, pid, 25))
		TEST_FAIL("the log does not name %s %s", node_name, pid);
	CHECK(still_runs(&child));
	fault_catch();
	CHECK_EQ(fault_of_read(memory), SIGBUS);

	/* The NIC has what it was given, and it still works. */
	host_memory = aligned_alloc(4096, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ,
			 &(struct rdma_range){ host_mr, 0, LENGTH },
			 &(struct rdma_range){ mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	pattern_check(host_memory, LENGTH, 1);
	CHECK(still_runs(&child));
	CHECK(!ibv_dereg_mr(mr));
	child_await(&child);
	child_end(&child);
	CHECK_EQ(fault_of_read(memory), SIGBUS);
	CHECK(node_bind());
}

static void holds_until_killed(struct child *child)
{
	register_memory();
	child_tell(child);
	pause();
}

static void unbind_ends_when_the_holder_is_killed(void)
{
	struct child holder, child;

	child_start(&holder, holds_until_killed);
	child_await(&holder);
	child_start(&child, unbinds);
	child_await(&child);
	sleep_ms(1000);
	CHECK(still_runs(&child));
	child_kill(&holder);
	child_await(&child);
	child_end(&child);
	CHECK(node_bind());
}

static void pages_in_a_pipe_make_unbind_wait(void)
{
	unsigned char *p = node_map_fresh(2 * MIB);
	struct iovec iov = { p, 64 * KIB };
	uint64_t *copy = malloc(64 * KIB);
	struct child child;
	int pipes[2];

	CHECK(!pipe(pipes));
	pattern_fill(p, 2 * MIB, 6);
	CHECK_EQ(vmsplice(pipes[1], &iov, 1, 0), 64 * KIB);
	child_start(&child, unbinds);
	child_await(&child);
	sleep_ms(1000);
	/* The child has the pipe as well, but is not going to read it. */
	CHECK(still_runs(&child));
	CHECK_EQ(read(pipes[0], copy, 64 * KIB), 64 * KIB);
	pattern_check(copy, 64 * KIB, 6);
	child_await(&child);
	child_end(&child);
	CHECK(node_bind());
}

static void check_module_stays(void)
{
	CHECK_ERRNO(syscall(SYS_delete_module, "peermr", O_NONBLOCK) == -1,
		    EAGAIN);
	CHECK(node_is_live());
}

static void the_module_stays_while_memory_is_out(void)
{
	int fd = node_open();

	check_module_stays();
	close(fd);
	register_memory();
	check_module_stays();
	/* Neither a file nor a mapping is left, only the registration. */
	CHECK(!munmap(memory, LENGTH));
	sleep_ms(1500);
	check_module_stays();
	CHECK_EQ(node_attr("quarantined"), LENGTH);
	CHECK(!ibv_dereg_mr(mr));
	node_check_settled();
}

static void an_unused_module_goes_and_comes_back(void)
{
	int round;

	for (round = 0; round < 3; round++) {
		unsigned char *p = node_map_fresh(LENGTH);

		p[0] = 1;
		CHECK(!munmap(p, LENGTH));
		node_check_settled();
		if (syscall(SYS_delete_module, "peermr", O_NONBLOCK))
			TEST_FAIL("rmmod: %s", strerror(errno));
		CHECK(access(node_path, F_OK));
		/* driver_override is set: loading binds. */
		CHECK(!system("modprobe peermr"));
		CHECK(node_is_live());
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void a_forced_revoke_waits_and_can_be_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int fd = node_open();
	char state[32];

	register_memory();
	CHECK(!sigaction(SIGALRM, &action, NULL));
	alarm(2);
	CHECK_ERRNO(node_revoke(fd, PEERMR_REVOKE_FORCE) == -1, EINTR);
	CHECK(node_attr_text("state", state, sizeof(state)));
	CHECK(!strcmp(state, "revoked"));
	fault_catch();
	CHECK_EQ(fault_of_read(memory), SIGBUS);
	alarm(2);
	CHECK_ERRNO(node_revoke(fd, PEERMR_REVOKE_FORCE) == -1, EINTR);
	CHECK(!ibv_dereg_mr(mr));
	alarm(10);
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
}

static void revoke_without_force_minds_a_quarantined_buffer(void)
{
	int fd = node_open();

	register_memory();
	CHECK(!munmap(memory, LENGTH));
	sleep_ms(100);
	CHECK_ERRNO(node_revoke(fd, 0) == -1, EBUSY);
	CHECK(node_is_live());
	CHECK(!ibv_dereg_mr(mr));
	CHECK(!node_revoke(fd, 0));
}

static const struct test tests[] = {
	TEST(unbind_waits_for_the_nic_and_names_who_holds),
	TEST(unbind_ends_when_the_holder_is_killed),
	TEST(pages_in_a_pipe_make_unbind_wait),
	TEST(the_module_stays_while_memory_is_out),
	TEST(an_unused_module_goes_and_comes_back),
	TEST(a_forced_revoke_waits_and_can_be_interrupted),
	TEST(revoke_without_force_minds_a_quarantined_buffer),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
