/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_PRELOAD_REGISTRATION_H
#define PEERMR_PRELOAD_REGISTRATION_H

#include <stddef.h>
#include <stdint.h>

struct ibv_mr;
struct ibv_pd;

/* In attr->comp_mask, which members are set. */
#define PEERMR_MR_INIT_IOVA	(1ULL << 0)
#define PEERMR_MR_INIT_ADDR	(1ULL << 1)

/*
 * The start of struct ibv_mr_init_attr, which headers before rdma-core 59 lack;
 * the members behind are those of registrations that are none of ours.
 */
struct peermr_mr_init_attr {
	size_t length;
	int access;
	uint64_t comp_mask;
	uint64_t iova;
	void *addr;
};

/* Those of libibverbs, exported under its versions; see <infiniband/verbs.h>. */
struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *address, size_t length,
			  int access);
struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *address, size_t length,
			       uint64_t iova, int access);
struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *address,
				size_t length, uint64_t iova,
				unsigned int access);
struct ibv_mr *ibv_reg_mr_ex(struct ibv_pd *pd,
			     struct peermr_mr_init_attr *attr);

#endif /* PEERMR_PRELOAD_REGISTRATION_H */
