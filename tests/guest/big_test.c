// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A window of 8 GiB or more, as a whole. usage: big_test [WINDOW [TEST...]]
 *
 * tests/vm/run --bar-size 8G; registering all of it makes the host's backing
 * file that large.
 */
#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

static uint64_t size;

static unsigned char *map_all(void)
{
	size = node_attr("size");
	if (size < 8 * GIB)
		TEST_SKIP("%s has %llu MiB, this needs 8 GiB", node_name,
			  (unsigned long long)(size / MIB));
	return node_map_fresh(size);
}

static void every_GiB_is_mapped_and_its_own(void)
{
	unsigned char *p = map_all();
	uint64_t i, gib;

	CHECK_EQ(node_attr("free"), 0);
	CHECK_EQ(node_attr("buffers"), 1);
	for (gib = 0; gib < size / GIB; gib++) {
		uint64_t ends[2] = { gib * GIB, (gib + 1) * GIB - 4096 };

		for (i = 0; i < 2; i++) {
			zero_check(p + ends[i], 4096);
			pattern_fill(p + ends[i], 4096, ends[i]);
		}
	}
	for (gib = 0; gib < size / GIB; gib++) {
		pattern_check(p + gib * GIB, 4096, gib * GIB);
		pattern_check(p + (gib + 1) * GIB - 4096, 4096,
			      (gib + 1) * GIB - 4096);
	}
	CHECK(!munmap(p, size));
	node_check_settled();
	/* What was written is gone, at the very end, too. */
	p = map_all();
	zero_check(p, 4096);
	zero_check(p + size - 4096, 4096);
}

/* rxe allocates 16 bytes a page in one piece, so an MR has its limit there. */
#define MR_SIZE (512 * MIB)

static struct rdma_link link_;
static struct ibv_mr *host_mr;

/* To and from the end of each registration. */
static void check_transfers(struct ibv_mr **mrs, size_t count)
{
	unsigned char *host_memory = host_mr->addr;
	struct rdma_range host = { host_mr, 0, MIB };
	size_t i;

	for (i = 0; i < count; i++) {
		struct rdma_range remote = { mrs[i], MR_SIZE - MIB, MIB };

		pattern_fill(host_memory, MIB, i);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &host,
				 &remote), IBV_WC_SUCCESS);
	}
	for (i = 0; i < count; i++) {
		unsigned char *end = (unsigned char *)mrs[i]->addr + MR_SIZE;

		pattern_check(end - MIB, MIB, i);
	}
}

static void all_of_it_is_registered_at_once(void)
{
	unsigned char *p = map_all();
	size_t count = size / MR_SIZE, i;
	struct ibv_mr **mrs = calloc(count, sizeof(*mrs));

	/* Zeroing 8 GiB of emulated device takes minutes. */
	alarm(0);
	rdma_link_open(&link_);
	host_mr = rdma_register(&link_.ends[0], aligned_alloc(4096, MIB), MIB);
	for (i = 0; i < count; i++)
		mrs[i] = rdma_register(&link_.ends[1], p + i * MR_SIZE, MR_SIZE);
	node_attr_wait("pinned", size);
	check_transfers(mrs, count);
	CHECK(!munmap(p, size));
	sleep_ms(1500);
	CHECK_EQ(node_attr("quarantined"), size);
	for (i = 0; i < count; i++)
		CHECK(!ibv_dereg_mr(mrs[i]));
	node_attr_wait("pinned", 0);
	/* It is zeroed before it is free, which may take a while. */
	while (node_attr("quarantined"))
		sleep_ms(100);
	CHECK_EQ(node_attr("free"), size);
}

static const struct test tests[] = {
	TEST(every_GiB_is_mapped_and_its_own),
	TEST(all_of_it_is_registered_at_once),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
