// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Soft-RoCE moves data into and out of a dma-buf, and nothing else.
 * usage: rxe_dmabuf_test [udmabuf | peermr] [TEST...]
 */
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

#include "dmabuf.h"
#include "transfer.h"

/* IBV_ACCESS_FLUSH_GLOBAL, which older headers lack */
#define ACCESS_FLUSH_GLOBAL (1 << 8)

_Static_assert(LENGTH == TRANSFER_LENGTH, "the buffer is what is transferred");

static struct transfer_pair pair_set_up(void)
{
	set_up();
	return (struct transfer_pair){
		&link_, host_mr, mr, host_memory, buffer.memory,
	};
}

static void check_transfers(bool from_host, enum ibv_wr_opcode opcode)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check(&pair, from_host, opcode);
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
	struct transfer_pair pair = pair_set_up();

	transfer_check_messages(&pair);
}

static void atomics_work_on_words_of_a_dmabuf(void)
{
	struct transfer_pair pair = pair_set_up();
	struct rdma_range result, word;

	transfer_check_atomics(&pair);

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
};

int main(int argc, char **argv)
{
	return DMABUF_TEST_MAIN(argc, argv, tests);
}
