// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Connect an RDMA device to itself and move data. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "rdma.h"
#include "tool.h"

/* Small enough for soft devices to finish one well within the timeout. */
#define RDMA_CHUNK		(1U << 20)
#define RDMA_TIMEOUT_S		30

static struct ibv_qp *rdma_qp_create(struct rdma_link *link)
{
	struct ibv_qp_init_attr attributes = {
		.send_cq = link->cq,
		.recv_cq = link->cq,
		.cap = {
			.max_send_wr = 1,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_RC,
	};

	return ibv_create_qp(link->pd, &attributes);
}

static int rdma_qp_init(struct rdma_link *link, struct ibv_qp *qp)
{
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_INIT,
		.port_num = link->port,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_READ,
	};

	return ibv_modify_qp(qp, &attributes,
			     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			     IBV_QP_ACCESS_FLAGS);
}

static int rdma_qp_ready_to_receive(struct rdma_link *link, struct ibv_qp *qp,
				    uint32_t peer)
{
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = link->attributes.active_mtu,
		.dest_qp_num = peer,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.dlid = link->attributes.lid,
			.port_num = link->port,
		},
	};

	if (link->gid_index != RDMA_ANY) {
		attributes.ah_attr.is_global = 1;
		attributes.ah_attr.grh.dgid = link->gid;
		attributes.ah_attr.grh.sgid_index = (uint8_t)link->gid_index;
		attributes.ah_attr.grh.hop_limit = 64;
	}
	return ibv_modify_qp(qp, &attributes,
			     IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			     IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			     IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
}

static int rdma_qp_ready_to_send(struct ibv_qp *qp)
{
	/* 67 ms (4.096 us * 2^14) a try: a link that loses all fails in 1 s. */
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};

	return ibv_modify_qp(qp, &attributes,
			     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
			     IBV_QP_MAX_QP_RD_ATOMIC);
}

static int rdma_create(struct rdma_link *link)
{
	const char *what;

	what = "a protection domain";
	link->pd = ibv_alloc_pd(link->context);
	if (!link->pd)
		goto err;
	what = "a completion queue";
	link->cq = ibv_create_cq(link->context, 2, NULL, NULL, 0);
	if (!link->cq)
		goto err;
	what = "a queue pair";
	link->initiator = rdma_qp_create(link);
	if (!link->initiator)
		goto err;
	link->target = rdma_qp_create(link);
	if (!link->target)
		goto err;
	return 0;

err:
	complain(link->name, "cannot create %s: %m", what);
	return -1;
}

int rdma_connect(struct rdma_link *link)
{
	int err;

	if (rdma_create(link))
		return -1;
	err = rdma_qp_init(link, link->initiator);
	if (!err)
		err = rdma_qp_init(link, link->target);
	if (!err)
		err = rdma_qp_ready_to_receive(link, link->initiator,
					       link->target->qp_num);
	if (!err)
		err = rdma_qp_ready_to_receive(link, link->target,
					       link->initiator->qp_num);
	if (!err)
		err = rdma_qp_ready_to_send(link->initiator);
	if (!err)
		err = rdma_qp_ready_to_send(link->target);
	if (err)
		complain(link->name, "cannot connect port %u to itself: %s; try another GID with --gid-index",
			 link->port, strerror(err));
	return err ? -1 : 0;
}

static time_t rdma_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int rdma_wait(struct rdma_link *link)
{
	time_t deadline = rdma_now() + RDMA_TIMEOUT_S;
	struct ibv_wc completion;
	int got;

	do {
		got = ibv_poll_cq(link->cq, 1, &completion);
	} while (!got && rdma_now() < deadline);
	if (got < 0) {
		complain(link->name, "cannot poll for completions");
	} else if (!got) {
		complain(link->name, "no completion within %d s; dmesg may say why",
			 RDMA_TIMEOUT_S);
	} else if (completion.status == IBV_WC_RETRY_EXC_ERR) {
		complain(link->name, "sent, but nothing came back to port %u; try another GID with --gid-index",
			 link->port);
	} else if (completion.status) {
		complain(link->name, "transfer failed: %s (vendor error %#x); on a hardware NIC the platform may not allow peer-to-peer DMA between the two devices",
			 ibv_wc_status_str(completion.status),
			 completion.vendor_err);
	} else {
		return 0;
	}
	return -1;
}

static int rdma_post(struct rdma_link *link, enum ibv_wr_opcode opcode,
		     const struct rdma_memory *local,
		     const struct rdma_memory *remote, size_t offset,
		     uint32_t length)
{
	struct ibv_sge segment = {
		.addr = (uintptr_t)local->address + offset,
		.length = length,
		.lkey = local->mr->lkey,
	};
	struct ibv_send_wr request = {
		.sg_list = &segment,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = {
			.remote_addr = (uintptr_t)remote->address + offset,
			.rkey = remote->mr->rkey,
		},
	};
	struct ibv_send_wr *bad;
	int err = ibv_post_send(link->initiator, &request, &bad);

	if (err)
		complain(link->name, "cannot post a work request: %s",
			 strerror(err));
	return err ? -1 : 0;
}

int rdma_transfer(struct rdma_link *link, enum ibv_wr_opcode opcode,
		  const struct rdma_memory *local,
		  const struct rdma_memory *remote, size_t length)
{
	uint32_t most = link->attributes.max_msg_sz;
	size_t offset, chunk;

	if (!most || most > RDMA_CHUNK)
		most = RDMA_CHUNK;
	for (offset = 0; offset < length; offset += chunk) {
		chunk = length - offset < most ? length - offset : most;
		if (rdma_post(link, opcode, local, remote, offset,
			      (uint32_t)chunk) || rdma_wait(link))
			return -1;
	}
	return 0;
}
