// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Lives of Soft-RoCE's MRs on a dma-buf: whatever goes first, nothing is left
 * and nothing is reached that is gone.
 * usage: rxe_dmabuf_life_test [udmabuf | peermr] [TEST...]
 */
#include <pthread.h>

#include <infiniband/verbs.h>

#include "dmabuf.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

static void an_mr_outlives_the_fd(void)
{
	struct ibv_mr *second;

	set_up();
	second = dmabuf_register(&link_.ends[1], &buffer, MIB, MIB);
	CHECK(!close(buffer.fd));
	CHECK(!ibv_dereg_mr(mr));
	pattern_fill(host_memory, MIB, 60);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, MIB },
			 &(struct rdma_range){ second, 0, MIB }),
		 IBV_WC_SUCCESS);
	pattern_check(buffer.memory + MIB, MIB, 60);
	zero_check(buffer.memory, MIB);
	/* Everything else goes at exit, before the MR. */
}

static void floods(struct child *child)
{
	set_up();
	child_tell(child);
	for (;;) {
		rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			&(struct rdma_range){ host_mr, 0, LENGTH },
			&(struct rdma_range){ mr, 0, LENGTH });
		rdma_do(&link_.ends[1], IBV_WR_RDMA_WRITE,
			&(struct rdma_range){ mr, 0, LENGTH },
			&(struct rdma_range){ host_mr, 0, LENGTH });
	}
}

static void a_process_is_killed_under_traffic(void)
{
	struct timespec pause = { 0, 300 * 1000 * 1000 };
	int i, before = dmabuf_count();

	/* Skips here if at all. */
	set_up();
	for (i = 0; i < 3; i++) {
		struct child child;

		child_start(&child, floods);
		child_await(&child);
		nanosleep(&pause, NULL);
		child_kill(&child);
	}
	if (before < 0)
		TEST_SKIP("it was; but without debugfs nobody knows what is left");
	CHECK(dmabuf_count_settles(before + 1));
}

static void *register_often(void *unused)
{
	int i;

	for (i = 0; i < 300; i++)
		CHECK(!ibv_dereg_mr(dmabuf_register(&link_.ends[1], &buffer,
						    i % 7 * 4096, MIB)));
	return unused;
}

static void other_mrs_of_a_buffer_come_and_go_under_traffic(void)
{
	pthread_t thread;
	int i;

	set_up();
	CHECK(!pthread_create(&thread, NULL, register_often, NULL));
	for (i = 0; i < 10; i++) {
		pattern_fill(host_memory, MIB, 70 + i);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
				 &(struct rdma_range){ host_mr, 0, MIB },
				 &(struct rdma_range){ mr, 0, MIB }),
			 IBV_WC_SUCCESS);
		pattern_check(buffer.memory, MIB, 70 + i);
	}
	CHECK(!pthread_join(thread, NULL));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ten_thousand_mrs_come_and_go(void)
{
	double start, registering = 0, deregistering = 0;
	int i;

	set_up();
	for (i = 0; i < 10000; i++) {
		struct ibv_mr *one;

		start = seconds();
		one = dmabuf_register(&link_.ends[1], &buffer, 0, LENGTH);
		registering += seconds() - start;
		start = seconds();
		CHECK(!ibv_dereg_mr(one));
		deregistering += seconds() - start;
	}
	printf("# 10000 MRs: %.0f us to register one, %.0f us to deregister it\n",
	       registering * 100, deregistering * 100);
}

static enum ibv_wc_status write_to_dmabuf(void)
{
	return rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
		       &(struct rdma_range){ host_mr, 0, 64 * KIB },
		       &(struct rdma_range){ mr, 0, 64 * KIB });
}

static enum ibv_wc_status read_from_dmabuf(void)
{
	return rdma_do(&link_.ends[0], IBV_WR_RDMA_READ,
		       &(struct rdma_range){ host_mr, 0, 64 * KIB },
		       &(struct rdma_range){ mr, 0, 64 * KIB });
}

static enum ibv_wc_status send_from_dmabuf(void)
{
	rdma_post_receive(&link_.ends[0],
			  &(struct rdma_range){ host_mr, 0, 64 * KIB });
	return rdma_do(&link_.ends[1], IBV_WR_SEND,
		       &(struct rdma_range){ mr, 0, 64 * KIB }, NULL);
}

static enum ibv_wc_status read_into_dmabuf(void)
{
	return rdma_do(&link_.ends[1], IBV_WR_RDMA_READ,
		       &(struct rdma_range){ mr, 0, 64 * KIB },
		       &(struct rdma_range){ host_mr, 0, 64 * KIB });
}

static enum ibv_wc_status send_into_dmabuf(void)
{
	rdma_post_receive(&link_.ends[1],
			  &(struct rdma_range){ mr, 0, 64 * KIB });
	return rdma_do(&link_.ends[0], IBV_WR_SEND,
		       &(struct rdma_range){ host_mr, 0, 64 * KIB }, NULL);
}

static enum ibv_wc_status add_to_dmabuf(void)
{
	return rdma_do_atomic(&link_.ends[0],
			      &(struct rdma_range){ host_mr, 0, 8 },
			      &(struct rdma_range){ mr, 64, 8 }, false, 1, 0);
}

/* One access after revocation ends as @expected, and deregistration works. */
static void check_revoked(enum ibv_wc_status (*access)(void),
			  enum ibv_wc_status expected)
{
	set_up();
	pattern_fill(host_memory, LENGTH, 80);
	CHECK_EQ(write_to_dmabuf(), IBV_WC_SUCCESS);
	dmabufs_revoke();
	CHECK_EQ(access(), expected);
	pattern_check(host_memory, LENGTH, 80);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_write_to_revoked_memory_is_a_remote_access_error(void)
{
	check_revoked(write_to_dmabuf, IBV_WC_REM_ACCESS_ERR);
}

static void a_read_from_revoked_memory_is_a_remote_access_error(void)
{
	check_revoked(read_from_dmabuf, IBV_WC_REM_ACCESS_ERR);
}

static void an_atomic_on_revoked_memory_is_a_remote_access_error(void)
{
	check_revoked(add_to_dmabuf, IBV_WC_REM_ACCESS_ERR);
}

static void a_send_into_revoked_memory_is_a_remote_operation_error(void)
{
	check_revoked(send_into_dmabuf, IBV_WC_REM_OP_ERR);
	CHECK(rdma_complete(&link_.ends[1]).status != IBV_WC_SUCCESS);
}

static void a_send_from_revoked_memory_is_a_local_protection_error(void)
{
	check_revoked(send_from_dmabuf, IBV_WC_LOC_PROT_ERR);
}

static void a_read_into_revoked_memory_is_a_local_protection_error(void)
{
	check_revoked(read_into_dmabuf, IBV_WC_LOC_PROT_ERR);
}

static void revoked_memory_is_not_registered_again(void)
{
	set_up();
	dmabufs_revoke();
	CHECK_ERRNO(!dmabuf_try_register(&link_.ends[1], buffer.fd, 0, LENGTH,
					 0, RDMA_ACCESS), ENODEV);
}

/* Another MR would otherwise be what the peer's old key reaches. */
static void the_key_of_revoked_memory_stays_taken(void)
{
	int i;

	set_up();
	dmabufs_revoke();
	for (i = 0; i < 1000; i++) {
		struct ibv_mr *one;

		one = rdma_register(&link_.ends[1], host_memory, 4096);
		CHECK(one->rkey >> 8 != mr->rkey >> 8);
		CHECK(!ibv_dereg_mr(one));
	}
	CHECK_EQ(write_to_dmabuf(), IBV_WC_REM_ACCESS_ERR);
}

static void revokes(struct child *child)
{
	struct timespec pause = { 0, 200 * 1000 * 1000 };

	child_await(child);
	nanosleep(&pause, NULL);
	dmabufs_revoke();
}

static void memory_is_revoked_under_traffic(void)
{
	time_t deadline = time(NULL) + 20;
	enum ibv_wc_status status;
	struct child child;

	if (!dmabuf_is_peermr)
		TEST_SKIP("udmabuf does not revoke");
	set_up();
	child_start(&child, revokes);
	child_tell(&child);
	do {
		status = rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
				 &(struct rdma_range){ host_mr, 0, LENGTH },
				 &(struct rdma_range){ mr, 0, LENGTH });
	} while (status == IBV_WC_SUCCESS && time(NULL) < deadline);
	CHECK_EQ(status, IBV_WC_REM_ACCESS_ERR);
	child_end(&child);
	CHECK(!ibv_dereg_mr(mr));
}

static void unbinds(struct child *child)
{
	child_await(child);
	CHECK(node_unbind());
}

/* All that belongs to the window goes, but for the MR of a dead dma-buf. */
static void an_unbind_under_traffic_does_not_wait_for_an_mr(void)
{
	time_t deadline = time(NULL) + 20;
	enum ibv_wc_status status;
	struct child child;

	if (!dmabuf_is_peermr)
		TEST_SKIP("udmabuf does not go away");
	set_up();
	child_start(&child, unbinds);
	child_tell(&child);
	do {
		status = write_to_dmabuf();
	} while (status == IBV_WC_SUCCESS && time(NULL) < deadline);
	CHECK_EQ(status, IBV_WC_REM_ACCESS_ERR);
	child_end(&child);
	CHECK(access(node_path, F_OK));
	CHECK(!ibv_dereg_mr(mr));
	CHECK(!close(buffer.fd));
}

/* The program that had the memory before keeps its dead MR meanwhile. */
static void a_window_bound_again_is_not_reached_by_an_old_key(void)
{
	struct rdma_link old = { 0 };
	struct ibv_mr *old_mr, *old_host;

	if (!dmabuf_is_peermr)
		TEST_SKIP("udmabuf does not go away");
	set_up();
	old = link_;
	old_mr = mr;
	old_host = host_mr;
	CHECK(node_unbind());
	CHECK(node_bind());
	set_up();
	pattern_fill(host_memory, LENGTH, 90);
	CHECK_EQ(write_to_dmabuf(), IBV_WC_SUCCESS);
	CHECK_EQ(rdma_do(&old.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ old_host, 0, 64 * KIB },
			 &(struct rdma_range){ old_mr, 0, 64 * KIB }),
		 IBV_WC_REM_ACCESS_ERR);
	pattern_check(buffer.memory, 64 * KIB, 90);
	CHECK(!ibv_dereg_mr(old_mr));
	CHECK(!ibv_dereg_mr(mr));
}

static const struct test tests[] = {
	TEST(an_mr_outlives_the_fd),
	TEST(a_process_is_killed_under_traffic),
	TEST(other_mrs_of_a_buffer_come_and_go_under_traffic),
	TEST(ten_thousand_mrs_come_and_go),
	TEST(a_write_to_revoked_memory_is_a_remote_access_error),
	TEST(a_read_from_revoked_memory_is_a_remote_access_error),
	TEST(an_atomic_on_revoked_memory_is_a_remote_access_error),
	TEST(a_send_into_revoked_memory_is_a_remote_operation_error),
	TEST(a_send_from_revoked_memory_is_a_local_protection_error),
	TEST(a_read_into_revoked_memory_is_a_local_protection_error),
	TEST(revoked_memory_is_not_registered_again),
	TEST(the_key_of_revoked_memory_stays_taken),
	TEST(memory_is_revoked_under_traffic),
	TEST(an_unbind_under_traffic_does_not_wait_for_an_mr),
	TEST(a_window_bound_again_is_not_reached_by_an_old_key),
};

int main(int argc, char **argv)
{
	return DMABUF_TEST_MAIN(argc, argv, tests);
}
