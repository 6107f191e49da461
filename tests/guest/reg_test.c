// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * peermr_reg_mr(): which path it takes, what it reports, that data arrives. What
 * to expect depends on the mode of the window and on whether the RDMA device
 * takes dma-bufs ($PEERMR_RXE, $PEERMR_RDMA_CORE).
 * usage: reg_test peermr [TEST...]
 */
#include <sys/resource.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "dmabuf.h"
#include "pattern.h"
#include "range.h"

#define ACCESS IBV_ACCESS_LOCAL_WRITE

static struct rdma_end end;

/* Both halves of it are there: the driver's and librxe's. */
static bool takes_dmabufs(void)
{
	const char *rxe = getenv("PEERMR_RXE");
	const char *rdma_core = getenv("PEERMR_RDMA_CORE");

	return rxe && !strcmp(rxe, "patched") && rdma_core &&
	       !strcmp(rdma_core, "patched");
}

static bool has_pages(void)
{
	char mode[16];

	CHECK(node_attr_text("mode", mode, sizeof(mode)));
	return !strcmp(mode, "pages");
}

static struct peermr_reg_report report(void)
{
	struct peermr_reg_report report;

	peermr_reg_report(&report);
	return report;
}

static void check_report(unsigned int path, unsigned int memory,
			 const char *text)
{
	CHECK_EQ(report().path, path);
	CHECK_EQ(report().memory, memory);
	if (strcmp(report().text, text))
		TEST_FAIL("the report says '%s', not '%s'", report().text,
			  text);
}

/* What is registered as device memory where that works, plainly elsewhere. */
static struct ibv_mr *check_registers(struct ibv_pd *pd, void *address,
				      size_t length, int access)
{
	struct ibv_mr *mr = peermr_reg_mr(pd, address, length, access);
	int failed = errno;

	if (takes_dmabufs()) {
		if (!mr)
			TEST_FAIL("not registered: %s", report().text);
		check_report(PEERMR_PATH_DMABUF, PEERMR_MEMORY_WINDOW,
			     "peermr window memory, registered as a dma-buf");
	} else if (has_pages()) {
		if (!mr)
			TEST_FAIL("not registered: %s", report().text);
		check_report(PEERMR_PATH_PLAIN, PEERMR_MEMORY_NONE,
			     "rxe1 takes no dma-bufs; registered as ibv_reg_mr() does");
	} else {
		CHECK(!mr);
		CHECK_EQ(failed, EFAULT);
		check_report(PEERMR_PATH_NONE, PEERMR_MEMORY_NONE,
			     "rxe1 takes no dma-bufs; ibv_reg_mr(): Bad address");
		return NULL;
	}
	CHECK(mr->addr == address);
	CHECK_EQ(mr->length, length);
	return mr;
}

/* @mr is NULL, with this errno where the NIC takes dma-bufs or the other one. */
static void check_refuses(struct ibv_mr *mr, int dmabuf_errno, int plain_errno)
{
	int failed = errno;

	if (mr)
		TEST_FAIL("registered: %s", report().text);
	CHECK_EQ(failed, takes_dmabufs() ? dmabuf_errno : plain_errno);
	CHECK_EQ(report().path, PEERMR_PATH_NONE);
}

static void open_end(void)
{
	rdma_end_open(&end, "rxe1");
}

static void host_memory_is_registered_plainly(void)
{
	struct ibv_mr *mr;
	void *memory = aligned_alloc(4096, LENGTH);

	open_end();
	mr = peermr_reg_mr(end.pd, memory, LENGTH, ACCESS);
	CHECK(mr);
	CHECK(mr->addr == memory);
	check_report(PEERMR_PATH_PLAIN, PEERMR_MEMORY_NONE,
		     takes_dmabufs() ?
		     "host memory; registered as ibv_reg_mr() does" :
		     "rxe1 takes no dma-bufs; registered as ibv_reg_mr() does");
	CHECK_EQ(report().plain_error, 0);
	CHECK_EQ(report().dmabuf_error, PEERMR_NOT_TRIED);
	CHECK(!ibv_dereg_mr(mr));
	CHECK_ERRNO(!peermr_reg_mr(end.pd, addresses_reserve(LENGTH), LENGTH,
				   ACCESS), EFAULT);
	CHECK_EQ(report().plain_error, -EFAULT);
}

/* With 2 MiB of it in one entry of the page table, which the kernel reads unlocked. */
static void touched_memory_without_pages_is_a_bad_address(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	struct ibv_mr *mr;

	memset(device, 1, LENGTH);
	open_end();
	if (!has_pages()) {
		CHECK_ERRNO(!ibv_reg_mr(end.pd, device, LENGTH, ACCESS), EFAULT);
		return;
	}
	mr = ibv_reg_mr(end.pd, device, LENGTH, ACCESS);
	CHECK(mr);
	CHECK(!ibv_dereg_mr(mr));
}

static void data_arrives_at_odd_offsets(void)
{
	static const size_t offsets[] = { 0, 4096 + 1, 2 * MIB + 12345 };
	unsigned char *device = node_map_fresh(LENGTH);
	unsigned char *host = aligned_alloc(4096, LENGTH);
	struct rdma_range local, remote;
	struct rdma_link link;
	size_t i, length = 100001;
	struct ibv_mr *mr;

	rdma_link_open(&link);
	pattern_fill(host, LENGTH, 1);
	local = (struct rdma_range){
		.mr = rdma_register(&link.ends[0], host, LENGTH),
		.length = length,
	};
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		mr = check_registers(link.ends[1].pd, device + offsets[i],
				     length, RDMA_ACCESS);
		if (!mr)
			continue;
		memset(device, 0, LENGTH);
		remote = (struct rdma_range){ .mr = mr };
		CHECK_EQ(rdma_do(&link.ends[0], IBV_WR_RDMA_WRITE, &local,
				 &remote), IBV_WC_SUCCESS);
		CHECK(!memcmp(device + offsets[i], host, length));
		CHECK_EQ(device[offsets[i] + length], 0);
		CHECK(!offsets[i] || !device[offsets[i] - 1]);
		CHECK(!ibv_dereg_mr(mr));
	}
}

static void an_iova_of_ones_own_works(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	uint64_t iova = 0x123456000ULL + 77;
	bool pages = has_pages();
	struct rdma_link link;
	struct ibv_mr *mr;
	struct ibv_sge sge;
	struct ibv_send_wr *bad, wr = {
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.sg_list = &sge,
		.num_sge = 1,
	};

	rdma_link_open(&link);
	host_memory = aligned_alloc(4096, LENGTH);
	pattern_fill(host_memory, LENGTH, 2);
	host_mr = rdma_register(&link.ends[0], host_memory, LENGTH);
	mr = peermr_reg_mr_iova(link.ends[1].pd, device + 4096 + 77, MIB, iova,
				RDMA_ACCESS);
	if (!pages && !takes_dmabufs()) {
		CHECK_EQ(mr ? 0 : report().plain_error, -EFAULT);
		return;
	}
	if (!mr)
		TEST_FAIL("not registered: %s", report().text);
	CHECK(mr->addr == device + 4096 + 77);
	sge = (struct ibv_sge){
		.addr = (uintptr_t)host_memory,
		.length = MIB,
		.lkey = host_mr->lkey,
	};
	wr.wr.rdma.remote_addr = iova;
	wr.wr.rdma.rkey = mr->rkey;
	CHECK(!ibv_post_send(link.ends[0].qp, &wr, &bad));
	CHECK_EQ(rdma_complete(&link.ends[0]).status, IBV_WC_SUCCESS);
	CHECK(!memcmp(device + 4096 + 77, host_memory, MIB));
	CHECK(!ibv_dereg_mr(mr));
}

static void an_iova_that_disagrees_below_a_page_is_einval(void)
{
	unsigned char *device = node_map_fresh(LENGTH);

	open_end();
	CHECK_ERRNO(!peermr_reg_mr_iova(end.pd, device, MIB, 8, ACCESS), EINVAL);
	CHECK_EQ(report().path, PEERMR_PATH_NONE);
	CHECK_ERRNO(!peermr_reg_mr_iova(end.pd, device + 5, MIB, MIB, ACCESS),
		    EINVAL);
}

static void optional_access_flags_are_ignored(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	struct ibv_mr *mr;

	open_end();
	mr = check_registers(end.pd, device, LENGTH,
			     ACCESS | IBV_ACCESS_RELAXED_ORDERING | 1 << 29);
	if (mr)
		CHECK(!ibv_dereg_mr(mr));
}

static void access_flags_that_no_dmabuf_allows_go_the_plain_way(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	bool pages = has_pages();
	struct ibv_mr *mr;

	open_end();
	mr = peermr_reg_mr(end.pd, device, LENGTH, ACCESS | IBV_ACCESS_MW_BIND);
	if (!pages) {
		check_refuses(mr, EOPNOTSUPP, EFAULT);
		return;
	}
	CHECK(mr);
	CHECK_EQ(report().path, PEERMR_PATH_PLAIN);
	if (takes_dmabufs() &&
	    !strstr(report().text, "access flags 0x11 do not go with a dma-buf"))
		TEST_FAIL("the report says '%s'", report().text);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_range_beyond_the_buffer_is_einval(void)
{
	/* Nothing is mapped behind the second one. */
	unsigned char *device = node_map_pair(LENGTH) + LENGTH;

	open_end();
	check_refuses(peermr_reg_mr(end.pd, device + LENGTH - 1, 2, ACCESS),
		      EINVAL, EFAULT);
	check_refuses(peermr_reg_mr(end.pd, device, LENGTH + 1, ACCESS),
		      EINVAL, EFAULT);
	CHECK(!peermr_reg_mr(end.pd, device, SIZE_MAX - 4096, ACCESS));
}

static void a_range_over_two_buffers_needs_pages(void)
{
	unsigned char *pair = node_map_pair(LENGTH);
	bool pages = has_pages();
	struct ibv_mr *mr;

	open_end();
	mr = peermr_reg_mr(end.pd, pair + MIB, LENGTH, ACCESS);
	if (!pages) {
		check_refuses(mr, EINVAL, EFAULT);
		return;
	}
	CHECK(mr);
	CHECK_EQ(report().path, PEERMR_PATH_PLAIN);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_pointer_after_free_is_a_bad_address(void)
{
	unsigned char *device = node_map_fresh(LENGTH);

	open_end();
	CHECK(!munmap(device, LENGTH));
	CHECK_ERRNO(!peermr_reg_mr(end.pd, device, LENGTH, ACCESS), EFAULT);
	CHECK_EQ(report().memory, PEERMR_MEMORY_NONE);
}

static void revoked_memory_is_not_registered(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	int window = node_open();
	struct ibv_mr *mr;

	open_end();
	mr = peermr_reg_mr(end.pd, device, LENGTH, ACCESS);
	CHECK(!mr || !ibv_dereg_mr(mr));
	CHECK(!node_revoke(window, PEERMR_REVOKE_FORCE));
	check_refuses(peermr_reg_mr(end.pd, device, LENGTH, ACCESS), ENODEV,
		      EFAULT);
}

static void a_window_that_appears_later_is_found(void)
{
	unsigned char *device;
	struct ibv_mr *mr;

	CHECK(node_unbind());
	open_end();
	mr = peermr_reg_mr(end.pd, aligned_alloc(4096, 4096), 4096, ACCESS);
	CHECK(mr);
	CHECK(!ibv_dereg_mr(mr));
	CHECK(node_bind());
	device = node_map_fresh(LENGTH);
	mr = peermr_reg_mr(end.pd, device, LENGTH, ACCESS);
	if (has_pages()) {
		CHECK(mr);
		CHECK_EQ(report().path, PEERMR_PATH_PLAIN);
	} else if (takes_dmabufs()) {
		CHECK(mr);
		check_report(PEERMR_PATH_DMABUF, PEERMR_MEMORY_WINDOW,
			     "peermr window memory, registered as a dma-buf; ibv_reg_mr(): Bad address");
	}
	if (mr)
		CHECK(!ibv_dereg_mr(mr));
}

static void at_any_shortage_of_descriptors_none_is_lost(void)
{
	unsigned char *device = node_map_fresh(LENGTH);
	int spare, before, failed;
	struct rlimit limit;
	struct ibv_mr *mr;
	rlim_t enough;

	if (!takes_dmabufs())
		TEST_SKIP("rxe1 takes no dma-bufs");
	open_end();
	/* The window has pages or not: what ends at the plain call is no news. */
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	enough = limit.rlim_cur;
	for (spare = 0;; spare++) {
		before = fds_open();
		limit.rlim_cur = fds_first_free() + spare;
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		mr = peermr_reg_mr(end.pd, device, LENGTH, ACCESS);
		failed = errno;
		limit.rlim_cur = enough;
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		/* The window may be open by now, for the next time. */
		CHECK(fds_open() <= before + 1);
		if (mr && report().path == PEERMR_PATH_DMABUF)
			break;
		if (mr)
			CHECK(!ibv_dereg_mr(mr));
		else
			CHECK_EQ(failed, EMFILE);
		CHECK_EQ(!mr, !has_pages());
	}
	CHECK(spare > 0);
	CHECK(!ibv_dereg_mr(mr));
}

static void a_range_of_the_application_is_registered(void)
{
	unsigned char *addresses = addresses_reserve(LENGTH);
	struct rdma_range local, remote = { 0 };
	struct rdma_link link;

	if (!takes_dmabufs())
		TEST_SKIP("rxe1 takes no dma-bufs");
	rdma_link_open(&link);
	dmabuf_open(&buffer, LENGTH);
	host_memory = aligned_alloc(4096, MIB);
	pattern_fill(host_memory, MIB, 4);
	local = (struct rdma_range){
		.mr = rdma_register(&link.ends[0], host_memory, MIB),
		.length = MIB,
	};
	CHECK_EQ(peermr_register_range(addresses, LENGTH - MIB, buffer.fd, MIB),
		 0);
	remote.mr = peermr_reg_mr(link.ends[1].pd, addresses + 3, MIB,
				  RDMA_ACCESS);
	CHECK(remote.mr);
	check_report(PEERMR_PATH_DMABUF, PEERMR_MEMORY_APPLICATION,
		     "application memory, registered as a dma-buf");
	CHECK(remote.mr->addr == addresses + 3);
	CHECK_EQ(rdma_do(&link.ends[0], IBV_WR_RDMA_WRITE, &local, &remote),
		 IBV_WC_SUCCESS);
	CHECK(!memcmp(buffer.memory + MIB + 3, host_memory, MIB));
	/* Without it the address means nothing. */
	CHECK(!ibv_dereg_mr(remote.mr));
	CHECK_EQ(peermr_unregister_range(addresses, LENGTH - MIB), 0);
	CHECK_ERRNO(!peermr_reg_mr(link.ends[1].pd, addresses + 3, MIB,
				   RDMA_ACCESS), EFAULT);
	/* An offset that disagrees with the address below a page. */
	CHECK_EQ(peermr_register_range(addresses, MIB, buffer.fd, 8), 0);
	CHECK_ERRNO(!peermr_reg_mr(link.ends[1].pd, addresses, MIB,
				   RDMA_ACCESS), EINVAL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(host_memory_is_registered_plainly),
		TEST(touched_memory_without_pages_is_a_bad_address),
		TEST(data_arrives_at_odd_offsets),
		TEST(an_iova_of_ones_own_works),
		TEST(an_iova_that_disagrees_below_a_page_is_einval),
		TEST(optional_access_flags_are_ignored),
		TEST(access_flags_that_no_dmabuf_allows_go_the_plain_way),
		TEST(a_range_beyond_the_buffer_is_einval),
		TEST(a_range_over_two_buffers_needs_pages),
		TEST(a_pointer_after_free_is_a_bad_address),
		TEST(revoked_memory_is_not_registered),
		TEST(a_window_that_appears_later_is_found),
		TEST(at_any_shortage_of_descriptors_none_is_lost),
		TEST(a_range_of_the_application_is_registered),
	};

	return DMABUF_TEST_MAIN(argc, argv, tests);
}
