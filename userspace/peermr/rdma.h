/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* An RDMA device that talks to itself over a pair of connected queue pairs. */
#ifndef PEERMR_TOOL_RDMA_H
#define PEERMR_TOOL_RDMA_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RDMA_ANY	(-1)

/**
 * struct rdma_link - one port of an RDMA device, connected to itself
 * @context: the device
 * @pd: for the registrations, too
 * @cq: completions of @initiator and @target
 * @initiator: posts all work requests
 * @target: its peer, which does nothing
 * @port: number of the port
 * @attributes: of the port
 * @gid_index: the GID in use, RDMA_ANY where the LID does
 * @gid: the GID itself
 * @hardware: a PCI device, as opposed to rxe
 * @name: of the device, for messages
 */
struct rdma_link {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *initiator;
	struct ibv_qp *target;
	uint8_t port;
	struct ibv_port_attr attributes;
	int gid_index;
	union ibv_gid gid;
	bool hardware;
	char name[IBV_SYSFS_NAME_MAX];
};

/* One side of a transfer: memory and its registration. */
struct rdma_memory {
	void *address;
	struct ibv_mr *mr;
};

/*
 * Open device @name (NULL: the first with an active port) and choose a port
 * (RDMA_ANY: the first active one) and a GID (RDMA_ANY: the best). Complains on
 * failure: -1. rdma_close() takes what rdma_open() left in either case.
 */
int rdma_open(struct rdma_link *link, const char *name, int port,
	      int gid_index);
void rdma_close(struct rdma_link *link);

/* Make the queue pairs and connect them: 0, or -1 with a complaint. */
int rdma_connect(struct rdma_link *link);

/*
 * Move @length bytes by IBV_WR_RDMA_WRITE or IBV_WR_RDMA_READ between @local
 * and @remote, and wait for the end: 0, or -1 with a complaint.
 */
int rdma_transfer(struct rdma_link *link, enum ibv_wr_opcode opcode,
		  const struct rdma_memory *local,
		  const struct rdma_memory *remote, size_t length);

#endif /* PEERMR_TOOL_RDMA_H */
