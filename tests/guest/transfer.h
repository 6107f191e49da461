/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * RDMA in all its operations between host memory at end 0 of a link and the
 * memory that is tested at end 1, TRANSFER_LENGTH bytes each.
 */
#ifndef PEERMR_TRANSFER_H
#define PEERMR_TRANSFER_H

#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "rdma.h"

#define TRANSFER_LENGTH (4 * MIB)

struct transfer_pair {
	struct rdma_link *link;
	struct ibv_mr *host_mr;
	struct ibv_mr *mr;
	unsigned char *host;	/* the CPU's view of both */
	unsigned char *memory;
};

/*
 * From the first byte to the last, at odd places, and across page and 2 MiB
 * boundaries; not all of it each time, which takes half a minute on a kernel with
 * its checkers on.
 */
static const struct {
	size_t host;
	size_t memory;
	size_t length;
} transfers[] = {
	{ 0, 0, 256 * KIB }, { 1, 3, 1 }, { 4093, 4095, 4099 },
	{ 100, 2 * MIB - 50, 100 }, { MIB, 3 * MIB, MIB },
	{ 4096, 8192, 64 * KIB }, { 7, 4095, 2 },
	{ TRANSFER_LENGTH - 7, TRANSFER_LENGTH - 7, 7 },
};

/* Each RDMA WRITE or READ puts its bytes, and no others, where they belong. */
static inline void transfer_check(const struct transfer_pair *pair,
				  bool from_host, enum ibv_wr_opcode opcode)
{
	bool host_is_local = from_host == (opcode == IBV_WR_RDMA_WRITE);
	unsigned char *to = from_host ? pair->memory : pair->host;
	unsigned char *from = from_host ? pair->host : pair->memory;
	size_t i;

	for (i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
		size_t length = transfers[i].length;
		struct rdma_range host = { pair->host_mr, transfers[i].host,
					   length };
		struct rdma_range range = { pair->mr, transfers[i].memory,
					    length };
		size_t at = from_host ? range.offset : host.offset;
		size_t source = from_host ? host.offset : range.offset;

		pattern_fill(from, TRANSFER_LENGTH, 10 + i);
		memset(to, 0x5a, TRANSFER_LENGTH);
		CHECK_EQ(rdma_do(&pair->link->ends[!host_is_local], opcode,
				 host_is_local ? &host : &range,
				 host_is_local ? &range : &host),
			 IBV_WC_SUCCESS);
		CHECK(!memcmp(to + at, from + source, length));
		CHECK(!at || to[at - 1] == 0x5a);
		CHECK(at + length == TRANSFER_LENGTH ||
		      to[at + length] == 0x5a);
	}
}

/* SEND in both directions. */
static inline void transfer_check_messages(const struct transfer_pair *pair)
{
	struct rdma_end *ends = pair->link->ends;
	size_t length = 300 * KIB;
	struct rdma_range host = { pair->host_mr, 8192, length };
	struct rdma_range range = { pair->mr, 2 * MIB - 4096, length };

	pattern_fill(pair->host + host.offset, length, 30);
	rdma_post_receive(&ends[1], &range);
	CHECK_EQ(rdma_do(&ends[0], IBV_WR_SEND, &host, NULL), IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&ends[1]).byte_len, length);
	pattern_check(pair->memory + range.offset, length, 30);

	pattern_fill(pair->memory + range.offset, length, 31);
	rdma_post_receive(&ends[0], &host);
	CHECK_EQ(rdma_do(&ends[1], IBV_WR_SEND, &range, NULL), IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&ends[0]).byte_len, length);
	pattern_check(pair->host + host.offset, length, 31);
}

/* Fetch-and-add, and compare-and-swap that does and that does not swap. */
static inline void transfer_check_atomics(const struct transfer_pair *pair)
{
	struct rdma_range result = { pair->host_mr, 0, 8 };
	struct rdma_range word = { pair->mr, 2 * MIB + 1000, 8 };
	volatile uint64_t *before = (uint64_t *)pair->host;
	volatile uint64_t *value = (uint64_t *)(pair->memory + word.offset);
	struct rdma_end *end = &pair->link->ends[0];
	uint64_t i;

	*value = 5;
	for (i = 0; i < 20; i++) {
		rdma_atomic(end, &result, &word, false, 7, 0);
		CHECK_EQ(*before, 5 + 7 * i);
	}
	CHECK_EQ(*value, 145);
	rdma_atomic(end, &result, &word, true, 145, 1);
	CHECK_EQ(*before, 145);
	CHECK_EQ(*value, 1);
	rdma_atomic(end, &result, &word, true, 145, 2);
	CHECK_EQ(*before, 1);
	CHECK_EQ(*value, 1);
}

#endif /* PEERMR_TRANSFER_H */
