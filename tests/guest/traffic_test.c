// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * RDMA into and out of a window that an unmodified ibv_reg_mr() registered:
 * the bytes arrive, and the counters tell what is pinned.
 * usage: traffic_test [WINDOW [TEST...]]
 */
#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define LENGTH (4 * MIB)

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

/* Whole, at odd places, and across page and 2 MiB boundaries. */
static const struct {
	size_t local;
	size_t remote;
	size_t length;
} transfers[] = {
	{ 0, 0, LENGTH }, { 1, 3, 1 }, { 4093, 4095, 4099 },
	{ 100, 2 * MIB - 50, 100 }, { MIB, 3 * MIB, MIB },
	{ 4096, 8192, 64 * KIB }, { LENGTH - 7, LENGTH - 7, 7 },
};

#define NR_TRANSFERS (sizeof(transfers) / sizeof(transfers[0]))

static void rdma_write_puts_the_bytes_into_the_window(void)
{
	size_t i;

	set_up();
	for (i = 0; i < NR_TRANSFERS; i++) {
		struct rdma_range local = { host_mr, transfers[i].local,
					    transfers[i].length };
		struct rdma_range remote = { window_mr, transfers[i].remote,
					     transfers[i].length };

		pattern_fill(host_memory, LENGTH, 10 + i);
		memset(window_memory, 0x5a, LENGTH);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &local,
				 &remote), IBV_WC_SUCCESS);
		CHECK(!memcmp(window_memory + remote.offset,
			      host_memory + local.offset, local.length));
		CHECK(!remote.offset || window_memory[remote.offset - 1] == 0x5a);
		CHECK(remote.offset + remote.length == LENGTH ||
		      window_memory[remote.offset + remote.length] == 0x5a);
	}
}

static void rdma_read_gets_the_bytes_out_of_the_window(void)
{
	size_t i;

	set_up();
	pattern_fill(window_memory, LENGTH, 20);
	for (i = 0; i < NR_TRANSFERS; i++) {
		struct rdma_range local = { host_mr, transfers[i].local,
					    transfers[i].length };
		struct rdma_range remote = { window_mr, transfers[i].remote,
					     transfers[i].length };

		memset(host_memory, 0, LENGTH);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_READ, &local,
				 &remote), IBV_WC_SUCCESS);
		CHECK(!memcmp(host_memory + local.offset,
			      window_memory + remote.offset, local.length));
	}
	/* The other way round: the window is where a read puts its bytes. */
	pattern_fill(host_memory, LENGTH, 21);
	CHECK_EQ(rdma_do(&link_.ends[1], IBV_WR_RDMA_READ,
			 &(struct rdma_range){ window_mr, 0, LENGTH },
			 &(struct rdma_range){ host_mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	pattern_check(window_memory, LENGTH, 21);
}

static void messages_are_sent_from_and_received_into_the_window(void)
{
	struct rdma_range host, window;
	size_t length = 300 * KIB;

	set_up();
	host = (struct rdma_range){ host_mr, 8192, length };
	window = (struct rdma_range){ window_mr, 2 * MIB - 4096, length };
	pattern_fill(host_memory + host.offset, length, 30);
	rdma_post_receive(&link_.ends[1], &window);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_SEND, &host, NULL),
		 IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&link_.ends[1]).byte_len, length);
	pattern_check(window_memory + window.offset, length, 30);

	pattern_fill(window_memory + window.offset, length, 31);
	rdma_post_receive(&link_.ends[0], &host);
	CHECK_EQ(rdma_do(&link_.ends[1], IBV_WR_SEND, &window, NULL),
		 IBV_WC_SUCCESS);
	CHECK_EQ(rdma_complete(&link_.ends[0]).byte_len, length);
	pattern_check(host_memory + host.offset, length, 31);
}

static void atomics_work_on_words_of_the_window(void)
{
	struct rdma_range result = { .length = 8 }, word = { .length = 8 };
	volatile uint64_t *value, *before;
	uint64_t i;

	set_up();
	result.mr = host_mr;
	word.mr = window_mr;
	word.offset = 2 * MIB + 1000;
	before = (uint64_t *)host_memory;
	value = (uint64_t *)(window_memory + word.offset);
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
