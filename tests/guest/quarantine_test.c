// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory that a NIC can still reach although its owner gave it up: nobody else
 * gets it before the NIC has let go, and it is zero then.
 * usage: quarantine_test [WINDOW [TEST...]]
 *
 * Fills the whole window several times: tests/vm/run --bar-size 32M.
 */
#include <sys/uio.h>

#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define LENGTH (6 * MIB)

static struct rdma_link link_;
static unsigned char *window_memory, *host_memory;
static struct ibv_mr *window_mr, *host_mr;

/* End 0 has host memory, end 1 memory of the window that only the MR holds. */
static void register_and_give_up(void)
{
	rdma_link_open(&link_);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	window_memory = node_map_fresh(LENGTH);
	memset(window_memory, 0x77, LENGTH);
	window_mr = rdma_register(&link_.ends[1], window_memory, LENGTH);
	CHECK(!munmap(window_memory, LENGTH));
}

static void write_all_by_rdma(uint64_t seed)
{
	pattern_fill(host_memory, LENGTH, seed);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, LENGTH },
			 &(struct rdma_range){ window_mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
}

static void check_quarantine(uint64_t expected)
{
	CHECK_EQ(node_attr("quarantined"), expected);
	CHECK_EQ(node_attr("buffers"), expected ? 1 : 0);
	CHECK_EQ(node_attr("free"), node_attr("size") - expected);
}

static void writer_without_a_mapping(struct child *child)
{
	uint64_t seed;

	register_and_give_up();
	child_tell(child);
	for (seed = 0; seed < 3; seed++) {
		child_await(child);
		write_all_by_rdma(seed);
		child_tell(child);
	}
	child_await(child);
	CHECK(!ibv_dereg_mr(window_mr));
	child_tell(child);
	child_await(child);
}

static void a_peer_that_goes_on_writing_hits_nobody(void)
{
	uint64_t size = node_attr("size"), seed;
	struct child writer;
	unsigned char *p;

	child_start(&writer, writer_without_a_mapping);
	child_await(&writer);
	/* Long enough for a reaper that does not ask to come by. */
	sleep_ms(1500);
	check_quarantine(LENGTH);
	node_attr_wait("pinned", LENGTH);

	/* All that is free, not a byte more. */
	p = node_map_fresh(size - LENGTH);
	zero_check(p, size - LENGTH);
	pattern_fill(p, size - LENGTH, 99);
	CHECK_EQ(node_attr("free"), 0);
	for (seed = 0; seed < 3; seed++) {
		child_tell(&writer);
		child_await(&writer);
		pattern_check(p, size - LENGTH, 99);
	}

	child_tell(&writer);
	child_await(&writer);
	node_attr_wait("free", LENGTH);
	CHECK_EQ(node_attr("quarantined"), 0);
	CHECK_EQ(node_attr("pinned"), 0);
	p = node_map_fresh(LENGTH);
	zero_check(p, LENGTH);
	child_tell(&writer);
	child_end(&writer);
}

static void data_stays_reachable_by_rdma_without_a_mapping(void)
{
	register_and_give_up();
	sleep_ms(1500);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ,
			 &(struct rdma_range){ host_mr, 0, LENGTH },
			 &(struct rdma_range){ window_mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	CHECK_EQ(host_memory[0], 0x77);
	CHECK(!memcmp(host_memory, host_memory + 1, LENGTH - 1));
}

static void a_quarantined_buffer_counts_for_its_owners_quota(void)
{
	struct peermr_alloc alloc = { .length = LENGTH };
	struct peermr_holder holder;
	int fd = node_open();

	register_and_give_up();
	CHECK(!node_holder(fd, 0, &holder));
	CHECK_EQ(holder.state, PEERMR_STATE_QUARANTINED);
	CHECK_EQ(holder.mappings, 0);
	CHECK_EQ(holder.pinned, LENGTH);
	CHECK_EQ(holder.pid, getpid());
	node_attr_set("quota", LENGTH);
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EDQUOT);
	CHECK(!ibv_dereg_mr(window_mr));
	CHECK(!node_try_alloc(fd, &alloc));
	node_attr_set("quota", 0);
}

static void busy_writer(struct child *child)
{
	struct rdma_range local, remote;
	int posted = 0;

	rdma_link_open(&link_);
	host_memory = aligned_alloc(4096, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	window_memory = node_map_fresh(LENGTH);
	window_mr = rdma_register(&link_.ends[1], window_memory, LENGTH);
	local = (struct rdma_range){ host_mr, 0, 64 * KIB };
	remote = (struct rdma_range){ window_mr, 0, 64 * KIB };
	for (;;) {
		while (posted < RDMA_DEPTH / 2) {
			CHECK(!rdma_post(&link_.ends[0], IBV_WR_RDMA_WRITE,
					 &local, &remote));
			remote.offset = (remote.offset + 64 * KIB) % LENGTH;
			posted++;
		}
		CHECK_EQ(rdma_complete(&link_.ends[0]).status, IBV_WC_SUCCESS);
		if (posted-- == RDMA_DEPTH / 2)
			child_tell(child);
	}
}

static void kill_9_in_the_middle_of_traffic_leaves_nothing(void)
{
	int round;

	for (round = 0; round < 5; round++) {
		struct child writer;

		child_start(&writer, busy_writer);
		child_await(&writer);
		child_await(&writer);
		node_attr_wait("pinned", LENGTH);
		child_kill(&writer);
		node_check_settled();
	}
}

static void execs(struct child *child)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", child->to_child[0]);
	/* Ends when the test closes its side. */
	dup2(child->to_child[0], 0);
	child_tell(child);
	execl("/bin/sh", "sh", "-c", "read line", NULL);
	_exit(1);
}

static void traffic_goes_on_while_a_child_forks_and_execs(void)
{
	struct child child;
	int status;

	rdma_link_open(&link_);
	host_memory = aligned_alloc(4096, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	window_memory = node_map_fresh(LENGTH);
	window_mr = rdma_register(&link_.ends[1], window_memory, LENGTH);
	child_start(&child, execs);
	child_await(&child);
	write_all_by_rdma(1);
	pattern_check(window_memory, LENGTH, 1);
	CHECK(!ibv_dereg_mr(window_mr));
	CHECK(!munmap(window_memory, LENGTH));
	/* The new program has nothing of it. */
	CHECK(!waitpid(child.pid, &status, WNOHANG));
	node_check_settled();
	CHECK(!kill(child.pid, SIGKILL));
	CHECK_EQ(waitpid(child.pid, &status, 0), child.pid);
}

static void keeps_the_mapping(struct child *child)
{
	child_await(child);
	pattern_check(window_memory, LENGTH, 2);
}

static void a_forked_child_and_the_nic_see_the_same_memory(void)
{
	struct child child;

	rdma_link_open(&link_);
	host_memory = aligned_alloc(4096, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	window_memory = node_map_fresh(LENGTH);
	window_mr = rdma_register(&link_.ends[1], window_memory, LENGTH);
	/* With RDMAV_FORK_SAFE the library has asked for the opposite. */
	madvise(window_memory, LENGTH, MADV_DOFORK);
	child_start(&child, keeps_the_mapping);
	CHECK(!munmap(window_memory, LENGTH));
	write_all_by_rdma(2);
	child_tell(&child);
	child_end(&child);
}

static void pages_in_a_pipe_are_not_given_to_others(void)
{
	uint64_t length = 64 * KIB, size = node_attr("size");
	unsigned char *p = node_map_fresh(2 * MIB), *rest;
	struct iovec iov = { p, length };
	uint64_t *copy = malloc(length);
	int pipes[2];

	CHECK(!pipe(pipes));
	pattern_fill(p, 2 * MIB, 4);
	CHECK_EQ(vmsplice(pipes[1], &iov, 1, 0), length);
	CHECK(!munmap(p, 2 * MIB));
	sleep_ms(1500);
	check_quarantine(2 * MIB);
	rest = node_map_fresh(size - 2 * MIB);
	memset(rest, 0xff, size - 2 * MIB);
	CHECK_EQ(read(pipes[0], copy, length), length);
	pattern_check(copy, length, 4);
	node_attr_wait("free", 2 * MIB);
}

static const struct test tests[] = {
	TEST(a_peer_that_goes_on_writing_hits_nobody),
	TEST(data_stays_reachable_by_rdma_without_a_mapping),
	TEST(a_quarantined_buffer_counts_for_its_owners_quota),
	TEST(kill_9_in_the_middle_of_traffic_leaves_nothing),
	TEST(traffic_goes_on_while_a_child_forks_and_execs),
	TEST(a_forked_child_and_the_nic_see_the_same_memory),
	TEST(pages_in_a_pipe_are_not_given_to_others),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
