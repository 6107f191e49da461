// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * PeerDirect with other people's drivers: clients that keep their memory, take
 * it back, or do what they must not (tests/kernel/peer_client.h). Needs
 * peerdirect.ko with both RDMA devices enabled, and loads peer_client.ko.
 * usage: peer_client_test [TEST...]; PEERMR_CYCLES is how often each of four
 * threads registers in the last but one.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <infiniband/verbs.h>

#include "peerdirect.h"
#include "pattern.h"
#include "peer.h"
#include "process.h"

#define PEER_CLIENT "/usr/lib/peermr/tests/modules/peer_client.ko"
#define LENGTH (1 * MIB)
#define DEVICE "rxe1"

static const char * const clients[] = {
	"peer_keeps", "peer_revokes", "peer_unmaps",
};

/* Those that take memory back are the second and the third. */
#define NR_CLIENTS (sizeof(clients) / sizeof(clients[0]))

/* End 0 has host memory, end 1 a client's. */
static struct rdma_link link_;
static unsigned char *host_memory;
static struct ibv_mr *host_mr;

static void peer_close(struct peer *peer)
{
	CHECK(!munmap(peer->memory, peer->length));
	CHECK(!close(peer->fd));
}

static void open_link(void)
{
	rdma_link_open(&link_);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	memset(host_memory, 0, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
}

static struct ibv_mr *try_register(const struct peer *peer)
{
	return ibv_reg_mr(link_.ends[1].pd, peer->memory, LENGTH, RDMA_ACCESS);
}

static struct ibv_mr *peer_register(const struct peer *peer)
{
	return rdma_register(&link_.ends[1], peer->memory, LENGTH);
}

static enum ibv_wc_status write_all(struct ibv_mr *mr)
{
	return rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
		       &(struct rdma_range){ host_mr, 0, LENGTH },
		       &(struct rdma_range){ mr, 0, LENGTH });
}

/* A failed access has broken the connection. */
static void reconnect(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };
	struct ibv_wc wc;
	int i;

	for (i = 0; i < 2; i++) {
		while (ibv_poll_cq(link_.ends[i].cq, 1, &wc) > 0)
			;
		CHECK(!ibv_modify_qp(link_.ends[i].qp, &attr, IBV_QP_STATE));
	}
	rdma_end_connect(&link_.ends[0], &link_.ends[1]);
	rdma_end_connect(&link_.ends[1], &link_.ends[0]);
}

/* Nothing is registered, and what the clients gave they have back. */
static const char *imbalance(void)
{
	static char text[256];
	size_t i;

	for (i = 0; i < NR_CLIENTS; i++)
		if (!peerdirect_balances(clients[i]))
			return clients[i];
	if (!file_read(PEER_MODULE "/parameters/fault", text, sizeof(text)))
		return "peer_client.ko is gone";
	return peer_counts_imbalance();
}

static void data_goes_to_and_from_each_client(void)
{
	size_t i;

	open_link();
	for (i = 0; i < NR_CLIENTS; i++) {
		struct peer peer = peer_open(clients[i], LENGTH);
		struct ibv_mr *mr = peer_register(&peer);

		CHECK_EQ(peerdirect_counters(clients[i]).mrs, 1);
		CHECK_EQ(peerdirect_counters(clients[i]).bytes, LENGTH);
		CHECK_EQ(peerdirect_counters(clients[i]).pages, LENGTH / 4096);
		pattern_fill(host_memory, LENGTH, i);
		CHECK_EQ(write_all(mr), IBV_WC_SUCCESS);
		pattern_check(peer.memory, LENGTH, i);
		pattern_fill(peer.memory, LENGTH, 10 + i);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ,
				 &(struct rdma_range){ host_mr, 0, LENGTH },
				 &(struct rdma_range){ mr, 0, LENGTH }),
			 IBV_WC_SUCCESS);
		pattern_check(host_memory, LENGTH, 10 + i);
		CHECK(!ibv_dereg_mr(mr));
		CHECK_EQ(peerdirect_counters(clients[i]).mrs, 0);
		peer_close(&peer);
	}
}

static void addresses_for_dma_are_not_for_a_cpu(void)
{
	struct peer peer;

	open_link();
	peer = peer_open("peer_plain", LENGTH);
	CHECK_ERRNO(!try_register(&peer), EOPNOTSUPP);
}

static void it_is_not_served_when_disabled(void)
{
	struct peer peer;
	struct ibv_mr *mr;

	open_link();
	peer = peer_open(clients[1], LENGTH);
	mr = peer_register(&peer);
	CHECK(peerdirect_set(DEVICE, false));
	CHECK_ERRNO(!try_register(&peer), EFAULT);
	/* What was registered stays, and can be taken back. */
	CHECK_EQ(write_all(mr), IBV_WC_SUCCESS);
	peer_invalidate(&peer);
	CHECK_EQ(write_all(mr), IBV_WC_REM_ACCESS_ERR);
	CHECK(!ibv_dereg_mr(mr));
	CHECK(peerdirect_set(DEVICE, true));
}

static bool all_are(const unsigned char *bytes, unsigned char byte)
{
	return bytes[0] == byte && !memcmp(bytes, bytes + 1, LENGTH - 1);
}

/* Nobody writes to the memory. */
static void check_unchanged(const struct peer *peer)
{
	unsigned char *before = malloc(LENGTH);

	CHECK(before);
	memcpy(before, peer->memory, LENGTH);
	sleep_ms(200);
	CHECK(!memcmp(before, peer->memory, LENGTH));
	free(before);
}

static void invalidate_under_traffic(const char *client)
{
	enum ibv_wc_status status = IBV_WC_SUCCESS;
	struct peer peer = peer_open(client, LENGTH);
	struct ibv_mr *mr = peer_register(&peer);
	uint64_t callbacks = peerdirect_counters(client).callbacks;
	int i;

	for (i = 0; i < 16; i++)
		CHECK(!rdma_post(&link_.ends[0], IBV_WR_RDMA_WRITE,
				 &(struct rdma_range){ host_mr, 0, LENGTH },
				 &(struct rdma_range){ mr, 0, LENGTH }));
	CHECK_EQ(rdma_complete(&link_.ends[0]).status, IBV_WC_SUCCESS);
	peer_invalidate(&peer);
	memset(peer.memory, 0x77, LENGTH);
	check_unchanged(&peer);
	for (i = 1; i < 16 && status == IBV_WC_SUCCESS; i++)
		status = rdma_complete(&link_.ends[0]).status;
	CHECK_EQ(status, IBV_WC_REM_ACCESS_ERR);
	CHECK_EQ(peerdirect_counters(client).callbacks, callbacks + 1);

	reconnect();
	CHECK_EQ(write_all(mr), IBV_WC_REM_ACCESS_ERR);
	CHECK(all_are(peer.memory, 0x77));
	/* Nothing happens when it is taken back once more. */
	peer_invalidate(&peer);
	CHECK(!ibv_dereg_mr(mr));
	peer_invalidate(&peer);
	reconnect();

	/* The memory can be registered again. */
	mr = peer_register(&peer);
	CHECK_EQ(write_all(mr), IBV_WC_SUCCESS);
	CHECK(!ibv_dereg_mr(mr));
	peer_close(&peer);
}

static void a_client_takes_memory_back_in_the_middle_of_traffic(void)
{
	open_link();
	invalidate_under_traffic("peer_revokes");
	invalidate_under_traffic("peer_unmaps");
}

static void a_number_that_is_nobodys_is_nothing(void)
{
	struct peer peer;
	struct ibv_mr *mr;

	open_link();
	peer = peer_open("peer_revokes", LENGTH);
	mr = peer_register(&peer);
	CHECK(write(peer.fd, "0", 1) == 1);
	CHECK(write(peer.fd, "0xffffffff", 10) == 10);
	CHECK(write(peer.fd, "0xffffffffffffffff", 18) == 18);
	CHECK_EQ(write_all(mr), IBV_WC_SUCCESS);
}

static void check_fault(const char *client, const char *fault, int error)
{
	struct peer peer = peer_open(client, LENGTH);
	struct ibv_mr *mr;

	peer_set_fault(fault);
	errno = 0;
	mr = try_register(&peer);
	if (mr || errno != error)
		TEST_FAIL("%s: %s: %s, not %s", client, fault,
			  mr ? "registered" : strerror(errno), strerror(error));
	peer_set_fault("");
	mr = peer_register(&peer);
	CHECK_EQ(write_all(mr), IBV_WC_SUCCESS);
	CHECK(!ibv_dereg_mr(mr));
	peer_close(&peer);
}

static void a_callback_that_fails_is_an_error_for_the_user(void)
{
	size_t i;

	open_link();
	for (i = 0; i < NR_CLIENTS; i++) {
		check_fault(clients[i], "acquire", EFAULT);
		check_fault(clients[i], "get_pages", EPERM);
		check_fault(clients[i], "positive", EINVAL);
		check_fault(clients[i], "dma_map", EIO);
		check_fault(clients[i], "page size", EINVAL);
	}
}

static void a_client_that_claims_everything_does_not_get_host_memory(void)
{
	struct peerdirect_counters before;
	unsigned char *page;
	struct ibv_mr *mr;

	open_link();
	before = peerdirect_counters(clients[0]);
	peer_set_fault("claim");
	mr = ibv_reg_mr(link_.ends[1].pd, host_memory, LENGTH, RDMA_ACCESS);
	CHECK(mr);
	CHECK(!ibv_dereg_mr(mr));
	page = mmap(NULL, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	/* Its own get_pages() finds that it should not have. */
	CHECK_ERRNO(!ibv_reg_mr(link_.ends[1].pd, page, MIB, RDMA_ACCESS),
		    EINVAL);
	peer_set_fault("");
	CHECK_ERRNO(!ibv_reg_mr(link_.ends[1].pd, page, MIB, RDMA_ACCESS),
		    EFAULT);
	CHECK_EQ(peerdirect_counters(clients[0]).registrations,
		 before.registrations);
}

static void memory_taken_back_while_it_is_set_up_is_not_registered(void)
{
	size_t i;

	open_link();
	for (i = 1; i < NR_CLIENTS; i++) {
		check_fault(clients[i], "invalidate in get_pages", ENODEV);
		check_fault(clients[i], "invalidate in dma_map", ENODEV);
	}
}

static void memory_taken_back_while_it_is_given_back_is_nothing(void)
{
	static const char * const faults[] = {
		"invalidate in dma_unmap", "invalidate in put_pages",
		"invalidate in release",
	};
	struct ibv_mr *mr;
	size_t i, j;

	open_link();
	for (i = 1; i < NR_CLIENTS; i++) {
		for (j = 0; j < sizeof(faults) / sizeof(faults[0]); j++) {
			struct peer peer = peer_open(clients[i], LENGTH);

			mr = peer_register(&peer);
			peer_set_fault(faults[j]);
			CHECK(!ibv_dereg_mr(mr));
			/* And from within a callback that takes it back. */
			mr = peer_register(&peer);
			peer_invalidate(&peer);
			CHECK(!ibv_dereg_mr(mr));
			peer_set_fault("");
			peer_close(&peer);
		}
	}
}

static void *invalidates_soon(void *arg)
{
	sleep_ms(100);
	peer_invalidate(arg);
	return NULL;
}

static void who_takes_memory_back_waits_until_it_is_set_up(void)
{
	size_t i;

	open_link();
	for (i = 1; i < NR_CLIENTS; i++) {
		struct peer peer = peer_open(clients[i], LENGTH);
		struct ibv_mr *mr;
		pthread_t thread;

		peer_set_fault("slow");
		CHECK(!pthread_create(&thread, NULL, invalidates_soon, &peer));
		mr = try_register(&peer);
		CHECK(!pthread_join(thread, NULL));
		peer_set_fault("");
		/* It came in time to be refused, or it is dead. */
		if (mr) {
			CHECK_EQ(write_all(mr), IBV_WC_REM_ACCESS_ERR);
			CHECK(!ibv_dereg_mr(mr));
			reconnect();
		}
		peer_close(&peer);
	}
}

static void registers_and_waits(struct child *child)
{
	struct peer peers[NR_CLIENTS];
	size_t i;

	open_link();
	for (i = 0; i < NR_CLIENTS; i++) {
		peers[i] = peer_open(clients[i], LENGTH);
		peer_register(&peers[i]);
		peer_register(&peers[i]);
	}
	peer_invalidate(&peers[1]);
	child_tell(child);
	child_await(child);
}

static void a_killed_process_gives_it_all_back(void)
{
	struct child child;

	child_start(&child, registers_and_waits);
	child_await(&child);
	CHECK_EQ(peerdirect_counters(clients[0]).mrs, 2);
	CHECK_EQ(peerdirect_counters(clients[2]).mrs, 2);
	CHECK(!kill(child.pid, SIGKILL));
	CHECK_EQ(waitpid(child.pid, NULL, 0), child.pid);
}

struct cycles {
	const struct peer *peer;
	unsigned long count;
	unsigned long failed;
	bool *stop;
};

static void *registers_again_and_again(void *arg)
{
	struct cycles *cycles = arg;
	unsigned long i;

	for (i = 0; i < cycles->count; i++) {
		struct ibv_mr *mr = try_register(cycles->peer);

		if (mr)
			CHECK(!ibv_dereg_mr(mr));
		else
			cycles->failed += errno != ENODEV;
	}
	return NULL;
}

static void *invalidates_again_and_again(void *arg)
{
	struct cycles *cycles = arg;

	while (!__atomic_load_n(cycles->stop, __ATOMIC_RELAXED)) {
		CHECK(write(cycles->peer->fd, "invalidate", 10) == 10);
		cycles->count++;
		sleep_ms(1);
	}
	return NULL;
}

static void four_threads_register_while_memory_is_taken_back(void)
{
	unsigned long count = test_parameter("PEERMR_CYCLES", 250);
	struct cycles cycles[4] = { 0 }, breaker[2] = { 0 };
	pthread_t threads[4], breakers[2];
	struct peer peers[2];
	bool stop = false;
	int i;

	alarm(600);
	open_link();
	peers[0] = peer_open("peer_revokes", LENGTH);
	peers[1] = peer_open("peer_unmaps", LENGTH);
	for (i = 0; i < 2; i++) {
		breaker[i].peer = &peers[i];
		breaker[i].stop = &stop;
		CHECK(!pthread_create(&breakers[i], NULL,
				      invalidates_again_and_again,
				      &breaker[i]));
	}
	for (i = 0; i < 4; i++) {
		cycles[i].peer = &peers[i % 2];
		cycles[i].count = count;
		CHECK(!pthread_create(&threads[i], NULL,
				      registers_again_and_again, &cycles[i]));
	}
	for (i = 0; i < 4; i++) {
		CHECK(!pthread_join(threads[i], NULL));
		CHECK_EQ(cycles[i].failed, 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		CHECK(!pthread_join(breakers[i], NULL));
		CHECK(breaker[i].count);
	}
}

static int remove_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

static void peerdirect_stays_while_it_has_clients(void)
{
	CHECK_ERRNO(remove_module("peerdirect") == -1, EAGAIN);
	CHECK(!access("/sys/module/peerdirect", F_OK));
}

/* Its files are closed, so the module may go, and takes the memory along. */
static void a_client_that_goes_leaves_dead_registrations(void)
{
	struct ibv_mr *mr[2];
	struct peer peer;
	int i;

	open_link();
	for (i = 0; i < 2; i++) {
		peer = peer_open(clients[i], LENGTH);
		mr[i] = peer_register(&peer);
		peer_close(&peer);
	}
	CHECK(!remove_module("peer_client"));
	for (i = 0; i < 2; i++) {
		CHECK_EQ(write_all(mr[i]), IBV_WC_REM_ACCESS_ERR);
		reconnect();
	}
	CHECK(!system("insmod " PEER_CLIENT));
	for (i = 0; i < 2; i++)
		CHECK(!ibv_dereg_mr(mr[i]));
}

static const struct test tests[] = {
	TEST(data_goes_to_and_from_each_client),
	TEST(addresses_for_dma_are_not_for_a_cpu),
	TEST(it_is_not_served_when_disabled),
	TEST(a_client_takes_memory_back_in_the_middle_of_traffic),
	TEST(a_number_that_is_nobodys_is_nothing),
	TEST(a_callback_that_fails_is_an_error_for_the_user),
	TEST(a_client_that_claims_everything_does_not_get_host_memory),
	TEST(memory_taken_back_while_it_is_set_up_is_not_registered),
	TEST(memory_taken_back_while_it_is_given_back_is_nothing),
	TEST(who_takes_memory_back_waits_until_it_is_set_up),
	TEST(a_killed_process_gives_it_all_back),
	TEST(four_threads_register_while_memory_is_taken_back),
	TEST(peerdirect_stays_while_it_has_clients),
	TEST(a_client_that_goes_leaves_dead_registrations),
};

static bool chosen(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	size_t i, ran = 0, skipped = 0;
	int status, failed = 0;
	const char *left;

	if (system("insmod " PEER_CLIENT)) {
		printf("FAIL the_clients_are_there: peer_client.ko does not load\n");
		return TEST_FAILED;
	}
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!chosen(tests[i].name, argc, argv))
			continue;
		ran++;
		status = node_test_run_one(&tests[i]);
		failed |= status == TEST_FAILED;
		skipped += status == TEST_SKIPPED;
		/* What a test that ended in the middle may have left. */
		file_write(PEER_MODULE "/parameters/fault", "\n");
		peerdirect_set(DEVICE, true);
		left = imbalance();
		if (left) {
			printf("FAIL nothing_is_left_by_%s: %s\n",
			       tests[i].name, left);
			failed = 1;
		}
	}
	return test_verdict(failed, skipped == ran);
}
