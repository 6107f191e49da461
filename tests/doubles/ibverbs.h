/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A double of libibverbs. Names and types are those of <infiniband/verbs.h>. */
#ifndef PEERMR_DOUBLE_IBVERBS_H
#define PEERMR_DOUBLE_IBVERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ibv_device {
	void *ops[2];
	int node_type;
	int transport_type;
	char name[64];
};

struct ibv_context {
	struct ibv_device *device;
	void *ops[32];
};

struct ibv_pd {
	struct ibv_context *context;
	uint32_t handle;
};

struct ibv_mr {
	struct ibv_context *context;
	struct ibv_pd *pd;
	void *addr;
	size_t length;
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
};

struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length,
			  int access);
struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length,
			       uint64_t iova, int access);
struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length,
				uint64_t iova, unsigned int access);
struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset,
				 size_t length, uint64_t iova, int fd,
				 int access);

/**
 * struct double_ibverbs - what the double was asked, and how it shall behave
 * @plain_calls: of ibv_reg_mr() and its like
 * @dmabuf_calls: of ibv_reg_dmabuf_mr() with a descriptor
 * @probes: without one
 * @offset: of the latest of those
 * @iova: of the latest call
 * @access: likewise
 * @plain_errno: if not 0, plain calls fail with it
 * @dmabuf_errno: if not 0, ibv_reg_dmabuf_mr() fails with it
 * @no_dmabufs: the driver has no MRs on dma-bufs
 */
struct double_ibverbs {
	int plain_calls;
	int dmabuf_calls;
	int probes;
	uint64_t offset;
	uint64_t iova;
	unsigned int access;
	int plain_errno;
	int dmabuf_errno;
	bool no_dmabufs;
};

extern struct double_ibverbs double_ibverbs;

#endif /* PEERMR_DOUBLE_IBVERBS_H */
