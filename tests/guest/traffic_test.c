// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * RDMA into and out of a window that an unmodified ibv_reg_mr() registered:
 * the bytes arrive, and the counters tell what is pinned.
 * usage: traffic_test [WINDOW [TEST...]]
 */
#include <infiniband/verbs.h>

#include "process.h"
#include "transfer.h"

#define LENGTH TRANSFER_LENGTH

static struct rdma_link link_;
static unsigned char *window_memory, *host_memory;
static struct ibv_mr *window_mr, *host_mr;

/* End 0 has host memory, end 1 memory of the window. */
static void set_up(void)
{
	rdma_link_open(&link_);
	window_memory = node_map_fresh(LENGTH);
	window_mr = rdma_register(&link_.ends[1], window_memory, LENGTH);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	memset(host_memory, 0, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
}

static struct transfer_pair pair_set_up(void)
{
	set_up();
	return (struct transfer_pair){
		&link_, host_mr, window_mr, host_memory, window_memory,
	};
}

static void rdma_write_puts_the_bytes_into_the_window(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check(&pair, true, IBV_WR_RDMA_WRITE);
}

static void rdma_read_gets_the_bytes_out_of_the_window(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check(&pair, false, IBV_WR_RDMA_READ);
	/* The other way round: the window is where a read puts its bytes. */
	transfer_check(&pair, true, IBV_WR_RDMA_READ);
}

static void messages_are_sent_from_and_received_into_the_window(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check_messages(&pair);
}

static void atomics_work_on_words_of_the_window(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check_atomics(&pair);
}

static void data_goes_from_window_to_window(void)
{
	struct ibv_mr *source_mr;
	unsigned char *source;

	set_up();
	source = node_map_fresh(LENGTH);
	source_mr = rdma_register(&link_.ends[0], source, LENGTH);
	pattern_fill(source, LENGTH, 40);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ source_mr, 0, LENGTH },
			 &(struct rdma_range){ window_mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	pattern_check(window_memory, LENGTH, 40);
	pattern_check(source, LENGTH, 40);
}

static void pinned_tells_what_is_registered(void)
{
	uint64_t granule = node_attr("granule");
	struct peermr_holder holder;
	unsigned char *p;
	struct ibv_mr *a, *b;
	int fd = node_open();

	rdma_link_open(&link_);
	p = node_map(fd, 6 * granule, 0);
	CHECK_EQ(node_attr("pinned"), 0);
	/* Whole granules count: a byte of one, then the middle of three. */
	a = rdma_register(&link_.ends[0], p, 1);
	node_attr_wait("pinned", granule);
	b = rdma_register(&link_.ends[1], p + granule / 2 + 12345, 2 * granule);
	node_attr_wait("pinned", 3 * granule);
	CHECK(!node_holder(fd, 0, &holder));
	CHECK_EQ(holder.pinned, 3 * granule);
	CHECK_EQ(holder.length, 6 * granule);
	CHECK(!ibv_dereg_mr(a));
	node_attr_wait("pinned", 3 * granule);
	CHECK(!ibv_dereg_mr(b));
	node_attr_wait("pinned", 0);
	a = rdma_register(&link_.ends[0], p, 6 * granule);
	node_attr_wait("pinned", 6 * granule);
	CHECK(!ibv_dereg_mr(a));
	node_attr_wait("pinned", 0);
	CHECK_EQ(node_attr("quarantined"), 0);
}

static void memory_is_registered_by_parts_of_its_mapping(void)
{
	struct ibv_mr *mrs[32];
	size_t i;

	set_up();
	for (i = 0; i < 32; i++)
		mrs[i] = rdma_register(&link_.ends[1], window_memory + i * 100001,
				       100000);
	pattern_fill(host_memory, LENGTH, 50);
	for (i = 0; i < 32; i++)
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
				 &(struct rdma_range){ host_mr, i * 100001,
						       100000 },
				 &(struct rdma_range){ mrs[i], 0, 100000 }),
			 IBV_WC_SUCCESS);
	for (i = 0; i < 32; i++) {
		CHECK(!memcmp(window_memory + i * 100001,
			      host_memory + i * 100001, 100000));
		CHECK_EQ(window_memory[i * 100001 + 100000], 0);
		CHECK(!ibv_dereg_mr(mrs[i]));
	}
}

/* Kernels before 6.2 want to write to whatever is registered. */
static void check_host_can_do_so(void)
{
	void *p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	struct ibv_mr *mr;

	CHECK(p != MAP_FAILED);
	mr = ibv_reg_mr(link_.ends[1].pd, p, LENGTH, IBV_ACCESS_REMOTE_READ);
	if (!mr)
		TEST_SKIP("the kernel does not register shared host memory read-only: %s",
			  strerror(errno));
	CHECK(!ibv_dereg_mr(mr));
}

static void a_read_only_mapping_is_registered_for_reading_only(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *p = node_map(fd, LENGTH, handle), *read_only;
	struct ibv_mr *mr;

	rdma_link_open(&link_);
	check_host_can_do_so();
	pattern_fill(p, LENGTH, 60);
	read_only = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, handle);
	CHECK(read_only != MAP_FAILED);
	CHECK(!ibv_reg_mr(link_.ends[1].pd, read_only, LENGTH, RDMA_ACCESS));
	mr = ibv_reg_mr(link_.ends[1].pd, read_only, LENGTH,
			IBV_ACCESS_REMOTE_READ);
	CHECK(mr);
	host_memory = aligned_alloc(4096, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ,
			 &(struct rdma_range){ host_mr, 0, LENGTH },
			 &(struct rdma_range){ mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	pattern_check(host_memory, LENGTH, 60);
}

static const struct test tests[] = {
	TEST(rdma_write_puts_the_bytes_into_the_window),
	TEST(rdma_read_gets_the_bytes_out_of_the_window),
	TEST(messages_are_sent_from_and_received_into_the_window),
	TEST(atomics_work_on_words_of_the_window),
	TEST(data_goes_from_window_to_window),
	TEST(pinned_tells_what_is_registered),
	TEST(memory_is_registered_by_parts_of_its_mapping),
	TEST(a_read_only_mapping_is_registered_for_reading_only),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
