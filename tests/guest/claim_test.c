// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a front end gets from peermr_verbs_claim() for a window's memory, in
 * either mode of the window, with a NIC that takes dma-bufs.
 * usage: claim_test peermr [TEST...]
 */
#include <infiniband/verbs.h>
#include <peermr.h>

#include "dmabuf.h"
#include "verbs.h"

static struct rdma_end end;
static unsigned char *device;
static struct ibv_mr *claimed;

static int claim(void *address, size_t length, int access, unsigned int flags)
{
	struct peermr_verbs_request request = {
		.pd = end.pd,
		.address = address,
		.length = length,
		.iova = (uintptr_t)address,
		.access = (unsigned int)access,
	};

	return peermr_verbs_claim(&request, flags, ibv_reg_dmabuf_mr, &claimed);
}

static void open_all(void)
{
	const char *rxe = getenv("PEERMR_RXE");

	if (!rxe || strcmp(rxe, "patched"))
		TEST_SKIP("Soft-RoCE takes no dma-bufs");
	rdma_end_open(&end, "rxe1");
	device = node_map_fresh(LENGTH);
}

static void a_window_is_asked_after_the_plain_call_failed(void)
{
	open_all();
	CHECK_EQ(claim(device, LENGTH, RDMA_ACCESS, 0), 0);
	CHECK_EQ(claim(device + 5, MIB, RDMA_ACCESS, PEERMR_VERBS_RETRY), 1);
	CHECK(claimed->addr == device + 5);
	CHECK_EQ(claimed->length, MIB);
	CHECK(!ibv_dereg_mr(claimed));
}

static void so_it_is_for_memory_that_is_not_written(void)
{
	open_all();
	CHECK_EQ(claim(device, LENGTH, IBV_ACCESS_REMOTE_READ, 0), 0);
	CHECK_EQ(claim(device, LENGTH, 0, 0), 0);
	CHECK_EQ(claim(device, LENGTH, IBV_ACCESS_REMOTE_READ,
		       PEERMR_VERBS_RETRY), 1);
	CHECK(!ibv_dereg_mr(claimed));
}

static void host_memory_is_never_claimed(void)
{
	void *host = aligned_alloc(4096, 4096);

	open_all();
	CHECK_EQ(claim(host, 4096, RDMA_ACCESS, 0), 0);
	CHECK_EQ(claim(host, 4096, 0, 0), 0);
	CHECK_EQ(claim(host, 4096, RDMA_ACCESS, PEERMR_VERBS_RETRY), 0);
}

static void what_no_dmabuf_serves_is_told_after_the_plain_call(void)
{
	open_all();
	CHECK_EQ(claim(device, LENGTH + 1, RDMA_ACCESS, PEERMR_VERBS_RETRY),
		 -EINVAL);
	CHECK_EQ(claim(device, LENGTH, RDMA_ACCESS | IBV_ACCESS_MW_BIND,
		       PEERMR_VERBS_RETRY), -EOPNOTSUPP);
	CHECK_EQ(claim(device, LENGTH, IBV_ACCESS_LOCAL_WRITE |
		       IBV_ACCESS_ON_DEMAND, PEERMR_VERBS_RETRY), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(a_window_is_asked_after_the_plain_call_failed),
		TEST(so_it_is_for_memory_that_is_not_written),
		TEST(host_memory_is_never_claimed),
		TEST(what_no_dmabuf_serves_is_told_after_the_plain_call),
	};

	return DMABUF_TEST_MAIN(argc, argv, tests);
}
