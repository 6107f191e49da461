/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A reliable connection between two RDMA devices, both ends in this process.
 * The devices are $PEERMR_RDMA_DEVICES, "rxe0 rxe1" if that is not set; with
 * one name both ends are on it.
 */
#ifndef PEERMR_RDMA_H
#define PEERMR_RDMA_H

#include <stdbool.h>
#include <time.h>

#include <infiniband/verbs.h>

#include "testing.h"

#define RDMA_DEPTH 64
#define RDMA_ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
		     IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)

struct rdma_end {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	union ibv_gid gid;
	int gid_index;
	struct ibv_port_attr port;
};

struct rdma_link {
	struct rdma_end ends[2];
};

static inline struct ibv_context *rdma_device_open(const char *name)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;
	int i;

	for (i = 0; devices && devices[i]; i++)
		if (!strcmp(ibv_get_device_name(devices[i]), name))
			context = ibv_open_device(devices[i]);
	if (devices)
		ibv_free_device_list(devices);
	if (!context)
		TEST_SKIP("there is no RDMA device %s", name);
	return context;
}

/* An address that routes: of IPv4 where there is one. */
static inline void rdma_gid_find(struct rdma_end *end)
{
	static const unsigned char ipv4[12] = { [10] = 0xff, [11] = 0xff };
	union ibv_gid gid;
	int i;

	end->gid_index = -1;
	for (i = 0; i < end->port.gid_tbl_len; i++) {
		if (ibv_query_gid(end->context, 1, i, &gid))
			break;
		if (end->gid_index >= 0 && memcmp(gid.raw, ipv4, 12))
			continue;
		if (!gid.global.interface_id)
			continue;
		end->gid = gid;
		end->gid_index = i;
		if (!memcmp(gid.raw, ipv4, 12))
			break;
	}
	CHECK(end->gid_index >= 0);
}

static inline void rdma_end_open(struct rdma_end *end, const char *device)
{
	struct ibv_qp_init_attr init = {
		.qp_type = IBV_QPT_RC,
		.cap = {
			.max_send_wr = RDMA_DEPTH,
			.max_recv_wr = RDMA_DEPTH,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
	};

	end->context = rdma_device_open(device);
	CHECK(!ibv_query_port(end->context, 1, &end->port));
	rdma_gid_find(end);
	end->pd = ibv_alloc_pd(end->context);
	CHECK(end->pd);
	end->cq = ibv_create_cq(end->context, 2 * RDMA_DEPTH, NULL, NULL, 0);
	CHECK(end->cq);
	init.send_cq = end->cq;
	init.recv_cq = end->cq;
	end->qp = ibv_create_qp(end->pd, &init);
	CHECK(end->qp);
}

static inline void rdma_end_connect(struct rdma_end *end,
				    const struct rdma_end *peer)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = RDMA_ACCESS,
	};

	CHECK(!ibv_modify_qp(end->qp, &attr,
			     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			     IBV_QP_ACCESS_FLAGS));
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = peer->qp->qp_num,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = 1,
			.dlid = peer->port.lid,
			.grh = {
				.dgid = peer->gid,
				.sgid_index = end->gid_index,
				.hop_limit = 64,
			},
		},
	};
	CHECK(!ibv_modify_qp(end->qp, &attr,
			     IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			     IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			     IBV_QP_MAX_DEST_RD_ATOMIC |
			     IBV_QP_MIN_RNR_TIMER));
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 16,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	CHECK(!ibv_modify_qp(end->qp, &attr,
			     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
			     IBV_QP_MAX_QP_RD_ATOMIC));
}

static inline void rdma_link_open(struct rdma_link *link)
{
	const char *names = getenv("PEERMR_RDMA_DEVICES");
	char first[64] = "", second[64] = "";

	switch (sscanf(names && *names ? names : "rxe0 rxe1", "%63s %63s",
		       first, second)) {
	case 1:
		strcpy(second, first);
		break;
	case 2:
		break;
	default:
		TEST_SKIP("PEERMR_RDMA_DEVICES names no device");
	}
	rdma_end_open(&link->ends[0], first);
	rdma_end_open(&link->ends[1], second);
	rdma_end_connect(&link->ends[0], &link->ends[1]);
	rdma_end_connect(&link->ends[1], &link->ends[0]);
}

/* For a process that goes on; at exit the kernel does the same. */
static inline void rdma_link_close(struct rdma_link *link)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct rdma_end *end = &link->ends[i];

		CHECK(!ibv_destroy_qp(end->qp));
		CHECK(!ibv_destroy_cq(end->cq));
		CHECK(!ibv_dealloc_pd(end->pd));
		CHECK(!ibv_close_device(end->context));
	}
}

static inline struct ibv_mr *rdma_register(struct rdma_end *end, void *memory,
					   size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(end->pd, memory, length, RDMA_ACCESS);

	if (!mr)
		TEST_FAIL("ibv_reg_mr() of %zu bytes: %s", length,
			  strerror(errno));
	return mr;
}

/* The next completion at @end, which comes even from a slow guest within two minutes. */
static inline struct ibv_wc rdma_complete(struct rdma_end *end)
{
	time_t deadline = time(NULL) + 120;
	struct ibv_wc wc = { 0 };
	int n;

	do {
		n = ibv_poll_cq(end->cq, 1, &wc);
		if (n > 0)
			return wc;
		/* Whoever moves the data needs the CPU more. */
		if (!n)
			usleep(100);
	} while (!n && time(NULL) < deadline);
	TEST_FAIL("no completion (%d)", n);
}

/* A range of registered memory. */
struct rdma_range {
	struct ibv_mr *mr;
	size_t offset;
	size_t length;
};

static inline struct ibv_sge rdma_sge(const struct rdma_range *range)
{
	return (struct ibv_sge){
		.addr = (uintptr_t)range->mr->addr + range->offset,
		.length = range->length,
		.lkey = range->mr->lkey,
	};
}

static inline int rdma_post(struct rdma_end *end, enum ibv_wr_opcode opcode,
			    const struct rdma_range *local,
			    const struct rdma_range *remote)
{
	struct ibv_sge sge = rdma_sge(local);
	struct ibv_send_wr wr = {
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.sg_list = &sge,
		.num_sge = 1,
	}, *bad;

	if (remote) {
		wr.wr.rdma.remote_addr =
			(uintptr_t)remote->mr->addr + remote->offset;
		wr.wr.rdma.rkey = remote->mr->rkey;
	}
	return ibv_post_send(end->qp, &wr, &bad);
}

/* RDMA WRITE or READ between @local and as much of @remote, and its status. */
static inline enum ibv_wc_status rdma_do(struct rdma_end *end,
					 enum ibv_wr_opcode opcode,
					 const struct rdma_range *local,
					 const struct rdma_range *remote)
{
	CHECK(!rdma_post(end, opcode, local, remote));
	return rdma_complete(end).status;
}

static inline void rdma_post_receive(struct rdma_end *end,
				     const struct rdma_range *range)
{
	struct ibv_sge sge = rdma_sge(range);
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	CHECK(!ibv_post_recv(end->qp, &wr, &bad));
}

/* FETCH_AND_ADD, or with @swap COMPARE_AND_SWAP, on 8 bytes of @remote. */
static inline enum ibv_wc_status
rdma_do_atomic(struct rdma_end *end, const struct rdma_range *local,
	       const struct rdma_range *remote, bool swap,
	       uint64_t add_or_compare, uint64_t new_value)
{
	struct ibv_sge sge = rdma_sge(local);
	struct ibv_send_wr wr = {
		.opcode = swap ? IBV_WR_ATOMIC_CMP_AND_SWP :
				 IBV_WR_ATOMIC_FETCH_AND_ADD,
		.send_flags = IBV_SEND_SIGNALED,
		.sg_list = &sge,
		.num_sge = 1,
		.wr.atomic = {
			.remote_addr = (uintptr_t)remote->mr->addr +
				       remote->offset,
			.rkey = remote->mr->rkey,
			.compare_add = add_or_compare,
			.swap = new_value,
		},
	}, *bad;

	sge.length = 8;
	CHECK(!ibv_post_send(end->qp, &wr, &bad));
	return rdma_complete(end).status;
}

static inline void rdma_atomic(struct rdma_end *end,
			       const struct rdma_range *local,
			       const struct rdma_range *remote, bool swap,
			       uint64_t add_or_compare, uint64_t new_value)
{
	CHECK_EQ(rdma_do_atomic(end, local, remote, swap, add_or_compare,
				new_value), IBV_WC_SUCCESS);
}

#endif /* PEERMR_RDMA_H */
