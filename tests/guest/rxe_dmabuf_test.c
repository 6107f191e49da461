// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Soft-RoCE moves data into and out of a dma-buf, and nothing else.
 * usage: rxe_dmabuf_test [TEST...]
 */
#include <pthread.h>

#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "dmabuf.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define KIB 1024UL
#define MIB (1024 * KIB)
#define LENGTH (4 * MIB)

/* IBV_ACCESS_FLUSH_GLOBAL, which older headers lack */
#define ACCESS_FLUSH_GLOBAL (1 << 8)

static struct rdma_link link_;
static struct dmabuf buffer;
static unsigned char *host_memory;
static struct ibv_mr *mr, *host_mr;

/* End 0 has host memory, end 1 the dma-buf. */
static void set_up(void)
{
	rdma_link_open(&link_);
	dmabuf_open(&buffer, LENGTH);
	mr = dmabuf_register(&link_.ends[1], &buffer, 0, LENGTH);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	memset(host_memory, 0, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
}

/* Whole, at odd places, and across pages. */
static const struct {
	size_t host;
	size_t dmabuf;
	size_t length;
} transfers[] = {
	{ 0, 0, LENGTH }, { 1, 3, 1 }, { 4093, 4095, 4099 },
	{ 100, 2 * MIB - 50, 100 }, { MIB, 3 * MIB, MIB },
	{ 7, 4095, 2 }, { LENGTH - 7, LENGTH - 7, 7 },
};

#define NR_TRANSFERS (sizeof(transfers) / sizeof(transfers[0]))

/* Each transfer puts its bytes, and no others, into the dma-buf or the host. */
static void check_transfers(bool from_host, enum ibv_wr_opcode opcode)
{
	bool host_is_local = from_host == (opcode == IBV_WR_RDMA_WRITE);
	size_t i;

	set_up();
	for (i = 0; i < NR_TRANSFERS; i++) {
		size_t length = transfers[i].length;
		struct rdma_range host = { host_mr, transfers[i].host, length };
		struct rdma_range range = { mr, transfers[i].dmabuf, length };
		unsigned char *to = from_host ? buffer.memory : host_memory;
		unsigned char *from = from_host ? host_memory : buffer.memory;
		size_t at = from_host ? range.offset : host.offset;
		size_t source = from_host ? host.offset : range.offset;

		pattern_fill(from, LENGTH, 10 + i);
		memset(to, 0x5a, LENGTH);
		CHECK_EQ(rdma_do(&link_.ends[!host_is_local], opcode,
				 host_is_local ? &host : &range,
				 host_is_local ? &range : &host),
			 IBV_WC_SUCCESS);
		CHECK(!memcmp(to + at, from + source, length));
		CHECK(!at || to[at - 1] == 0x5a);
		CHECK(at + length == LENGTH || to[at + length] == 0x5a);
	}
}

static void rdma_write_puts_bytes_into_a_dmabuf(void)
{
	check_transfers(true, IBV_WR_RDMA_WRITE);
}

static void rdma_write_takes_bytes_from_a_dmabuf(void)
{
	check_transfers(false, IBV_WR_RDMA_WRITE);
}

static void rdma_read_takes_bytes_from_a_dmabuf(void)
{
	check_transfers(false, IBV_WR_RDMA_READ);
}

static void rdma_read_puts_bytes_into_a_dmabuf(void)
{
	check_transfers(true, IBV_WR_RDMA_READ);
}

static void messages_are_sent_from_and_received_into_a_dmabuf(void)
{
	size_t length = 300 * KIB;
	struct rdma_range host, range;

	set_up();
	host = (struct rdma_range){ host_mr, 8192, length };
	range = (struct rdma_range){ mr, 2 * MIB - 4096, length };
	pattern_fill(host_memory + host.offset, length, 30);
	rdma_post_receive(&link_.ends[1], &range);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_SEND, &host, NULL),
		 IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&link_.ends[1]).byte_len, length);
	pattern_check(buffer.memory + range.offset, length, 30);

	pattern_fill(buffer.memory + range.offset, length, 31);
	rdma_post_receive(&link_.ends[0], &host);
	CHECK_EQ(rdma_do(&link_.ends[1], IBV_WR_SEND, &range, NULL),
		 IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&link_.ends[0]).byte_len, length);
	pattern_check(host_memory + host.offset, length, 31);
}

static void atomics_work_on_words_of_a_dmabuf(void)
{
	struct rdma_range result = { .length = 8 }, word = { .length = 8 };
	volatile uint64_t *value, *before;
	uint64_t i;

	set_up();
	result.mr = host_mr;
	word.mr = mr;
	word.offset = 2 * MIB + 1000;
	before = (uint64_t *)host_memory;
	value = (uint64_t *)(buffer.memory + word.offset);
	*value = 5;
	for (i = 0; i < 20; i++) {
		rdma_atomic(&link_.ends[0], &result, &word, false, 7, 0);
		CHECK_EQ(*before, 5 + 7 * i);
	}
	CHECK_EQ(*value, 145);
	rdma_atomic(&link_.ends[0], &result, &word, true, 145, 1);
	CHECK_EQ(*before, 145);
	CHECK_EQ(*value, 1);
	rdma_atomic(&link_.ends[0], &result, &word, true, 145, 2);
	CHECK_EQ(*before, 1);
	CHECK_EQ(*value, 1);

	/* The other way round: the old value goes to the dma-buf. */
	result = (struct rdma_range){ mr, 4096 - 8, 8 };
	word = (struct rdma_range){ host_mr, 64, 8 };
	*(uint64_t *)(host_memory + 64) = 99;
	rdma_atomic(&link_.ends[1], &result, &word, false, 1, 0);
	CHECK_EQ(*(uint64_t *)(buffer.memory + 4096 - 8), 99);
	CHECK_EQ(*(uint64_t *)(host_memory + 64), 100);
}

static void data_goes_from_dmabuf_to_dmabuf(void)
{
	struct dmabuf other;
	struct ibv_mr *other_mr;

	set_up();
	dmabuf_open(&other, LENGTH);
	other_mr = dmabuf_register(&link_.ends[0], &other, 0, LENGTH);
	pattern_fill(other.memory, LENGTH, 40);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ other_mr, 0, LENGTH },
			 &(struct rdma_range){ mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	pattern_check(buffer.memory, LENGTH, 40);
}

static void a_part_is_registered_at_any_congruent_iova(void)
{
	size_t offset = 3 * 4096 + 123, length = 100001;
	struct ibv_mr at_iova;
	struct ibv_mr *part;

	set_up();
	part = dmabuf_try_register(&link_.ends[1], buffer.fd, offset, length,
				   0x7ffff0000000 + 123, RDMA_ACCESS);
	CHECK(part);
	CHECK_EQ((uintptr_t)part->addr, offset);
	CHECK_EQ(part->length, length);
	at_iova = *part;
	at_iova.addr = (void *)(0x7ffff0000000 + 123);
	pattern_fill(host_memory, LENGTH, 50);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, length },
			 &(struct rdma_range){ &at_iova, 0, length }),
		 IBV_WC_SUCCESS);
	CHECK_EQ(buffer.memory[offset - 1], 0);
	CHECK(!memcmp(buffer.memory + offset, host_memory, length));
	CHECK_EQ(buffer.memory[offset + length], 0);
}

/* The MR is 64 KiB at 64 KiB. */
static const struct wrong {
	const char *what;
	int access;
	enum ibv_wr_opcode opcode;
	size_t offset;
	uint32_t key;
} wrongs[] = {
	{ "another key", RDMA_ACCESS, IBV_WR_RDMA_WRITE, 0, 1 },
	{ "the end", RDMA_ACCESS, IBV_WR_RDMA_WRITE, 64 * KIB - 63, 0 },
	{ "the end", RDMA_ACCESS, IBV_WR_RDMA_READ, 64 * KIB - 63, 0 },
	{ "the start", RDMA_ACCESS, IBV_WR_RDMA_WRITE, -1UL, 0 },
	{ "far away", RDMA_ACCESS, IBV_WR_RDMA_READ, 1UL << 62, 0 },
	{ "no write", IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ,
	  IBV_WR_RDMA_WRITE, 0, 0 },
	{ "no read", IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
	  IBV_WR_RDMA_READ, 0, 0 },
};

static void what_the_peer_may_not_do_is_a_remote_access_error(void)
{
	size_t i;

	set_up();
	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct rdma_link link;
		struct ibv_mr *local, *remote, changed;
		enum ibv_wc_status status;

		rdma_link_open(&link);
		local = rdma_register(&link.ends[0], host_memory, 64);
		remote = dmabuf_try_register(&link.ends[1], buffer.fd, 64 * KIB,
					     64 * KIB, 64 * KIB,
					     wrongs[i].access);
		CHECK(remote);
		changed = *remote;
		changed.rkey ^= wrongs[i].key;
		status = rdma_do(&link.ends[0], wrongs[i].opcode,
				 &(struct rdma_range){ local, 0, 64 },
				 &(struct rdma_range){ &changed,
						       wrongs[i].offset, 64 });
		if (status != IBV_WC_REM_ACCESS_ERR)
			TEST_FAIL("%s: %s", wrongs[i].what,
				  ibv_wc_status_str(status));
		CHECK(!ibv_dereg_mr(local));
		CHECK(!ibv_dereg_mr(remote));
		rdma_link_close(&link);
	}
	zero_check(buffer.memory, LENGTH);
}

static void a_key_is_worth_nothing_after_deregistration(void)
{
	struct ibv_mr gone;

	set_up();
	gone = *mr;
	CHECK(!ibv_dereg_mr(mr));
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, 64 },
			 &(struct rdma_range){ &gone, 0, 64 }),
		 IBV_WC_REM_ACCESS_ERR);
	/* As an lkey: the error is local. */
	rdma_link_open(&link_);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	CHECK_EQ(rdma_do(&link_.ends[1], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ &gone, 0, 64 },
			 &(struct rdma_range){ host_mr, 0, 64 }),
		 IBV_WC_LOC_PROT_ERR);
}

static void check_refused(int fd, uint64_t offset, size_t length, uint64_t iova,
			  int access, int expected)
{
	CHECK_ERRNO(!dmabuf_try_register(&link_.ends[1], fd, offset, length,
					 iova, access), expected);
}

static void bad_arguments_are_refused(void)
{
	int pipes[2];

	set_up();
	CHECK(!pipe(pipes));
	check_refused(-1, 0, 4096, 0, RDMA_ACCESS, EBADF);
	check_refused(pipes[0], 0, 4096, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, 0, 0, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, 0, LENGTH + 1, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, LENGTH, 1, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, LENGTH - 4096, 4097, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, -4096UL, 8192, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, 4096, -4096UL, 0, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, 0, 4096, 1, RDMA_ACCESS, EINVAL);
	check_refused(buffer.fd, 0, 4096, 0, IBV_ACCESS_REMOTE_WRITE, EINVAL);
	check_refused(buffer.fd, 0, 4096, 0,
		      RDMA_ACCESS | IBV_ACCESS_MW_BIND, EINVAL);
	check_refused(buffer.fd, 0, 4096, 0,
		      RDMA_ACCESS | IBV_ACCESS_ON_DEMAND, EINVAL);
	check_refused(buffer.fd, 0, 4096, 0,
		      RDMA_ACCESS | ACCESS_FLUSH_GLOBAL, EINVAL);
}

static void relaxed_ordering_is_allowed(void)
{
	set_up();
	CHECK(dmabuf_try_register(&link_.ends[1], buffer.fd, 0, LENGTH, 0,
				  RDMA_ACCESS | IBV_ACCESS_RELAXED_ORDERING));
	CHECK(dmabuf_try_register(&link_.ends[1], buffer.fd, 0, LENGTH, 0, 0));
}

/* libibverbs refuses it on its own, so ask the kernel directly. */
static void the_access_flags_do_not_change(void)
{
	struct ib_uverbs_rereg_mr_resp response;
	struct {
		struct ib_uverbs_cmd_hdr header;
		struct ib_uverbs_rereg_mr body;
	} command = {
		.header = {
			.command = IB_USER_VERBS_CMD_REREG_MR,
			.in_words = sizeof(command) / 4,
			.out_words = sizeof(response) / 4,
		},
	};

	set_up();
	command.body.response = (uintptr_t)&response;
	command.body.mr_handle = mr->handle;
	command.body.flags = IBV_REREG_MR_CHANGE_ACCESS;
	command.body.access_flags = RDMA_ACCESS | ACCESS_FLUSH_GLOBAL;
	CHECK_ERRNO(write(link_.ends[1].context->cmd_fd, &command,
			  sizeof(command)) == -1, EOPNOTSUPP);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, 64 },
			 &(struct rdma_range){ mr, 0, 64 }), IBV_WC_SUCCESS);
}

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

static const struct test tests[] = {
	TEST(rdma_write_puts_bytes_into_a_dmabuf),
	TEST(rdma_write_takes_bytes_from_a_dmabuf),
	TEST(rdma_read_takes_bytes_from_a_dmabuf),
	TEST(rdma_read_puts_bytes_into_a_dmabuf),
	TEST(messages_are_sent_from_and_received_into_a_dmabuf),
	TEST(atomics_work_on_words_of_a_dmabuf),
	TEST(data_goes_from_dmabuf_to_dmabuf),
	TEST(a_part_is_registered_at_any_congruent_iova),
	TEST(what_the_peer_may_not_do_is_a_remote_access_error),
	TEST(a_key_is_worth_nothing_after_deregistration),
	TEST(bad_arguments_are_refused),
	TEST(relaxed_ordering_is_allowed),
	TEST(the_access_flags_do_not_change),
	TEST(an_mr_outlives_the_fd),
	TEST(a_process_is_killed_under_traffic),
	TEST(other_mrs_of_a_buffer_come_and_go_under_traffic),
	TEST(ten_thousand_mrs_come_and_go),
};

int main(int argc, char **argv)
{
	int i, status, failed = 0, count = dmabuf_count();
	size_t n, skipped = 0, ran = 0;

	for (n = 0; n < sizeof(tests) / sizeof(tests[0]); n++) {
		for (i = 1; i < argc && strcmp(argv[i], tests[n].name); i++)
			;
		if (argc > 1 && i == argc)
			continue;
		ran++;
		status = test_run_one(&tests[n]);
		skipped += status == TEST_SKIPPED;
		failed |= status == TEST_FAILED;
		if (!dmabuf_count_settles(count)) {
			printf("FAIL nothing_is_left_by_%s: %d dma-bufs\n",
			       tests[n].name, dmabuf_count() - count);
			failed = 1;
			count = dmabuf_count();
		}
	}
	if (!ran) {
		fprintf(stderr, "usage: %s [TEST...]\n", argv[0]);
		return 2;
	}
	return test_verdict(failed, skipped == ran);
}
