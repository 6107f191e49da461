// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Plain ibv_reg_mr() on a window without struct pages, by peerdirect.ko and
 * peermr_client.ko: no library of peermr's has part in it, and none could, as
 * this program is linked statically. peerdirect.sh prepares what it needs.
 * usage: peerdirect_test [WINDOW [TEST...]]
 */
#include <signal.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include <infiniband/verbs.h>

#include "peerdirect.h"
#include "process.h"
#include "transfer.h"

#define LENGTH TRANSFER_LENGTH
#define CLIENT "peermr"

/* End 0 has host memory, end 1 the window's. */
static struct rdma_link link_;
static unsigned char *memory, *host_memory;
static struct ibv_mr *mr, *host_mr;

static void set_up(void)
{
	rdma_link_open(&link_);
	memory = node_map_fresh(LENGTH);
	mr = rdma_register(&link_.ends[1], memory, LENGTH);
	host_memory = aligned_alloc(4096, LENGTH);
	CHECK(host_memory);
	memset(host_memory, 0, LENGTH);
	host_mr = rdma_register(&link_.ends[0], host_memory, LENGTH);
}

static struct transfer_pair pair_set_up(void)
{
	set_up();
	return (struct transfer_pair){
		&link_, host_mr, mr, host_memory, memory,
	};
}

static struct ibv_mr *try_register(void *address, size_t length, int access)
{
	return ibv_reg_mr(link_.ends[1].pd, address, length, access);
}

static void the_program_is_static(void)
{
	/* The base of the dynamic linker */
	CHECK(!getauxval(AT_BASE));
}

static void the_window_is_refused_unless_enabled(void)
{
	const char *device;
	struct ibv_mr *first;

	rdma_link_open(&link_);
	device = ibv_get_device_name(link_.ends[1].context->device);
	memory = node_map_fresh(LENGTH);
	CHECK(peerdirect_set(device, false));
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EFAULT);
	CHECK(peerdirect_set(device, true));
	first = try_register(memory, LENGTH, RDMA_ACCESS);
	CHECK(first);
	CHECK(peerdirect_set(device, false));
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EFAULT);
	CHECK(!ibv_dereg_mr(first));
	CHECK(peerdirect_set(device, true));
}

static void check_transfers(bool from_host, enum ibv_wr_opcode opcode)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check(&pair, from_host, opcode);
}

static void rdma_write_puts_bytes_into_the_window(void)
{
	check_transfers(true, IBV_WR_RDMA_WRITE);
}

static void rdma_write_takes_bytes_from_the_window(void)
{
	check_transfers(false, IBV_WR_RDMA_WRITE);
}

static void rdma_read_takes_bytes_from_the_window(void)
{
	check_transfers(false, IBV_WR_RDMA_READ);
}

static void rdma_read_puts_bytes_into_the_window(void)
{
	check_transfers(true, IBV_WR_RDMA_READ);
}

static void messages_are_sent_and_received(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check_messages(&pair);
}

static void atomics_work_on_words_of_the_window(void)
{
	struct transfer_pair pair = pair_set_up();

	transfer_check_atomics(&pair);
}

static void any_part_can_be_registered(void)
{
	static const struct {
		size_t offset;
		size_t length;
	} parts[] = {
		{ 0, 1 }, { 1, 1 }, { 4095, 2 }, { 4097, 4096 },
		{ 2 * MIB - 1, MIB + 3 }, { LENGTH - 1, 1 },
	};
	struct peerdirect_counters before, after;
	struct ibv_mr *part;
	size_t i;

	set_up();
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		before = peerdirect_counters(CLIENT);
		part = rdma_register(&link_.ends[1], memory + parts[i].offset,
				     parts[i].length);
		after = peerdirect_counters(CLIENT);
		CHECK_EQ(after.mrs - before.mrs, 1);
		CHECK_EQ(after.bytes - before.bytes, parts[i].length);
		pattern_fill(host_memory, LENGTH, 50 + i);
		CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
				 &(struct rdma_range){ host_mr, 0, parts[i].length },
				 &(struct rdma_range){ part, 0, parts[i].length }),
			 IBV_WC_SUCCESS);
		CHECK(!memcmp(memory + parts[i].offset, host_memory,
			      parts[i].length));
		CHECK(!ibv_dereg_mr(part));
	}
}

static void more_than_the_mapping_is_refused(void)
{
	unsigned char *end;

	set_up();
	end = memory + LENGTH;
	CHECK(!munmap(end - 4096, 4096));
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EFAULT);
	CHECK_ERRNO(!try_register(end - 4097, 2, RDMA_ACCESS), EFAULT);
	CHECK_ERRNO(!try_register(end - 4096, 1, RDMA_ACCESS), EFAULT);
	CHECK(try_register(memory, LENGTH - 4096, RDMA_ACCESS));
}

static void a_range_of_two_buffers_is_refused(void)
{
	unsigned char *second;
	int fd;

	set_up();
	fd = node_open();
	second = mmap(memory + LENGTH - MIB, MIB, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(second == memory + LENGTH - MIB);
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EFAULT);
	CHECK(try_register(second, MIB, RDMA_ACCESS));
	close(fd);
}

/* How many dma-bufs of peermr.ko there are. */
static int dmabufs(void)
{
	FILE *file = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	char line[512];
	int count = 0;

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "\tpeermr\t"))
			count++;
	fclose(file);
	return count;
}

static void all_registrations_of_a_buffer_share_a_dmabuf(void)
{
	struct ibv_mr *others[10];
	unsigned char *second;
	int before = dmabufs(), ms, i;

	set_up();
	CHECK_EQ(dmabufs(), before + 1);
	for (i = 0; i < 10; i++) {
		others[i] = try_register(memory + i * 4096, MIB, RDMA_ACCESS);
		CHECK(others[i]);
	}
	CHECK_EQ(dmabufs(), before + 1);
	second = node_map_fresh(LENGTH);
	CHECK(try_register(second, LENGTH, RDMA_ACCESS));
	CHECK_EQ(dmabufs(), before + 2);

	/* With the last mapping and the last registration it goes. */
	CHECK(!ibv_dereg_mr(mr));
	CHECK(!munmap(memory, LENGTH));
	CHECK_EQ(dmabufs(), before + 2);
	for (i = 0; i < 10; i++)
		CHECK(!ibv_dereg_mr(others[i]));
	for (ms = 0; ms < 5000 && dmabufs() != before + 1; ms += 20)
		sleep_ms(20);
	CHECK_EQ(dmabufs(), before + 1);
}

static void a_part_of_a_buffer_is_all_that_is_handed_out(void)
{
	uint64_t callbacks;
	struct ibv_mr *part;
	int node;

	set_up();
	CHECK(!ibv_dereg_mr(mr));
	CHECK(!munmap(memory, LENGTH / 2));
	part = try_register(memory + LENGTH / 2, LENGTH / 2, RDMA_ACCESS);
	CHECK(part);
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, LENGTH / 2 },
			 &(struct rdma_range){ part, 0, LENGTH / 2 }),
		 IBV_WC_SUCCESS);

	/* By callbacks, as the dma-buf has all of the buffer. */
	callbacks = peerdirect_counters(CLIENT).callbacks;
	node = node_open();
	CHECK(!node_revoke(node, PEERMR_REVOKE_FORCE));
	close(node);
	CHECK(peerdirect_counters(CLIENT).callbacks > callbacks);
	CHECK(!ibv_dereg_mr(part));
}

static void memory_that_may_not_be_written_is_read_only(void)
{
	set_up();
	CHECK(!mprotect(memory, MIB, PROT_READ));
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EFAULT);
	CHECK_ERRNO(!try_register(memory, MIB, IBV_ACCESS_LOCAL_WRITE), EFAULT);
	CHECK(try_register(memory, LENGTH, IBV_ACCESS_REMOTE_READ));
}

static bool nic_pages_on_demand(void)
{
	struct ibv_device_attr_ex attr;

	return !ibv_query_device_ex(link_.ends[1].context, NULL, &attr) &&
	       (attr.odp_caps.general_caps & IBV_ODP_SUPPORT);
}

static void what_a_dmabuf_cannot_have_is_refused(void)
{
	set_up();
	CHECK(!try_register(memory, LENGTH, RDMA_ACCESS | IBV_ACCESS_MW_BIND));
	/* This goes to the NIC's driver, which may well know it. */
	CHECK(nic_pages_on_demand() ||
	      !try_register(memory, LENGTH, RDMA_ACCESS | IBV_ACCESS_ON_DEMAND));
	CHECK(try_register(memory, LENGTH,
			   RDMA_ACCESS | IBV_ACCESS_RELAXED_ORDERING));
}

static void no_descriptor_left_is_an_error(void)
{
	struct rlimit limit, none;

	set_up();
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 3;
	CHECK(!setrlimit(RLIMIT_NOFILE, &none));
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), EMFILE);
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(try_register(memory, LENGTH, RDMA_ACCESS));
}

static int lowest_free_descriptor(void)
{
	int fd = dup(1);

	close(fd);
	return fd;
}

static void no_descriptor_stays_open(void)
{
	int before, i;

	set_up();
	before = lowest_free_descriptor();
	for (i = 0; i < 10; i++)
		CHECK(try_register(memory, LENGTH, RDMA_ACCESS));
	CHECK_EQ(lowest_free_descriptor(), before);
}

/* Does the client hand out memory by its callbacks only? */
static bool by_callbacks(void)
{
	char text[8];

	CHECK(file_read("/sys/module/peermr_client/parameters/export", text,
			sizeof(text)));
	return text[0] == 'N';
}

static void revocation_ends_access_in_the_middle_of_traffic(void)
{
	struct rdma_range host, range;
	enum ibv_wc_status status = IBV_WC_SUCCESS;
	uint64_t callbacks;
	int node, i, done = 0;

	set_up();
	callbacks = peerdirect_counters(CLIENT).callbacks;
	host = (struct rdma_range){ host_mr, 0, MIB };
	range = (struct rdma_range){ mr, 0, MIB };
	for (i = 0; i < 8; i++)
		CHECK(!rdma_post(&link_.ends[0], IBV_WR_RDMA_WRITE, &host,
				 &range));
	CHECK_EQ(rdma_complete(&link_.ends[0]).status, IBV_WC_SUCCESS);
	node = node_open();
	CHECK(!node_revoke(node, PEERMR_REVOKE_FORCE));
	close(node);
	for (done = 1; done < 8 && status == IBV_WC_SUCCESS; done++)
		status = rdma_complete(&link_.ends[0]).status;
	if (status == IBV_WC_SUCCESS)
		status = rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &host,
				 &range);
	CHECK_EQ(status, IBV_WC_REM_ACCESS_ERR);
	CHECK_EQ(peerdirect_counters(CLIENT).callbacks > callbacks,
		 by_callbacks());
	CHECK_ERRNO(!try_register(memory, LENGTH, RDMA_ACCESS), ENODEV);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_revoked_window_can_be_bound_again_while_the_mr_lives(void)
{
	unsigned char *other;
	int node;

	set_up();
	node = node_open();
	CHECK(!node_revoke(node, PEERMR_REVOKE_FORCE));
	close(node);
	CHECK(node_unbind());
	CHECK(node_bind());
	other = node_map_fresh(LENGTH);
	CHECK(try_register(other, LENGTH, RDMA_ACCESS));
	CHECK(!ibv_dereg_mr(mr));
}

static void the_mr_outlives_the_mapping(void)
{
	uint64_t size;

	set_up();
	size = node_attr("size");
	CHECK(!munmap(memory, LENGTH));
	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE,
			 &(struct rdma_range){ host_mr, 0, LENGTH },
			 &(struct rdma_range){ mr, 0, LENGTH }),
		 IBV_WC_SUCCESS);
	CHECK_EQ(node_attr("free"), size - LENGTH);
	CHECK(!ibv_dereg_mr(mr));
	node_attr_wait("free", size);
}

static void registers_and_waits(struct child *child)
{
	set_up();
	child_tell(child);
	child_await(child);
}

static void a_killed_process_gives_it_all_back(void)
{
	struct child child;

	child_start(&child, registers_and_waits);
	child_await(&child);
	CHECK_EQ(peerdirect_counters(CLIENT).mrs, 1);
	CHECK(!kill(child.pid, SIGKILL));
	CHECK_EQ(waitpid(child.pid, NULL, 0), child.pid);
	CHECK(peerdirect_balances(CLIENT));
	node_check_settled();
}

static void host_memory_is_the_drivers_business(void)
{
	struct peerdirect_counters before;
	unsigned char *page;

	set_up();
	before = peerdirect_counters(CLIENT);
	page = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	CHECK(try_register(page, MIB, RDMA_ACCESS));
	CHECK(!munmap(page, MIB));
	CHECK_ERRNO(!try_register(page, MIB, RDMA_ACCESS), EFAULT);
	CHECK_EQ(peerdirect_counters(CLIENT).registrations,
		 before.registrations);
}

static void the_counters_balance_after_all_this(void)
{
	CHECK(peerdirect_balances(CLIENT));
	CHECK(peerdirect_counters(CLIENT).registrations > 20);
}

static const struct test tests[] = {
	TEST(the_program_is_static),
	TEST(the_window_is_refused_unless_enabled),
	TEST(rdma_write_puts_bytes_into_the_window),
	TEST(rdma_write_takes_bytes_from_the_window),
	TEST(rdma_read_takes_bytes_from_the_window),
	TEST(rdma_read_puts_bytes_into_the_window),
	TEST(messages_are_sent_and_received),
	TEST(atomics_work_on_words_of_the_window),
	TEST(any_part_can_be_registered),
	TEST(more_than_the_mapping_is_refused),
	TEST(a_range_of_two_buffers_is_refused),
	TEST(all_registrations_of_a_buffer_share_a_dmabuf),
	TEST(a_part_of_a_buffer_is_all_that_is_handed_out),
	TEST(memory_that_may_not_be_written_is_read_only),
	TEST(what_a_dmabuf_cannot_have_is_refused),
	TEST(no_descriptor_left_is_an_error),
	TEST(no_descriptor_stays_open),
	TEST(revocation_ends_access_in_the_middle_of_traffic),
	TEST(a_revoked_window_can_be_bound_again_while_the_mr_lives),
	TEST(the_mr_outlives_the_mapping),
	TEST(a_killed_process_gives_it_all_back),
	TEST(host_memory_is_the_drivers_business),
	TEST(the_counters_balance_after_all_this),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
