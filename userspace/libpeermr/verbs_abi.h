/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * As much as we need of the ABI of libibverbs.so.1: the library is built
 * without <infiniband/verbs.h>, and verbs_abi_test compares the two. From
 * rdma-core, libibverbs/verbs.h: enum ibv_access_flags, struct ibv_device,
 * ibv_context, ibv_pd and ibv_mr. None of it can change within this soname.
 */
#ifndef LIBPEERMR_VERBS_ABI_H
#define LIBPEERMR_VERBS_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PEERMR_ABI_ACCESS_LOCAL_WRITE		(1U << 0)
#define PEERMR_ABI_ACCESS_REMOTE_WRITE		(1U << 1)
#define PEERMR_ABI_ACCESS_REMOTE_READ		(1U << 2)
#define PEERMR_ABI_ACCESS_REMOTE_ATOMIC		(1U << 3)
#define PEERMR_ABI_ACCESS_ON_DEMAND		(1U << 6)
#define PEERMR_ABI_ACCESS_RELAXED_ORDERING	(1U << 20)
/* IBV_ACCESS_OPTIONAL_RANGE: whoever does not know these ignores them. */
#define PEERMR_ABI_ACCESS_OPTIONAL		0x3ff00000U

#define PEERMR_ABI_DEVICE_NAME_LEN	64

struct peermr_abi_device {
	void *ops[2];
	int node_type;
	int transport_type;
	char name[PEERMR_ABI_DEVICE_NAME_LEN];
};

/**
 * struct peermr_abi_context - struct ibv_context
 * @device: its device
 * @library_ops: _compat_query_device and _compat_query_port of the ops, which
 *	are functions of libibverbs; the other ops are the provider's
 */
struct peermr_abi_context {
	struct peermr_abi_device *device;
	void *library_ops[2];
};

struct peermr_abi_pd {
	struct peermr_abi_context *context;
	uint32_t handle;
};

struct peermr_abi_mr {
	struct peermr_abi_context *context;
	struct peermr_abi_pd *pd;
	void *addr;
	size_t length;
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
};

struct ibv_pd;

static inline const struct peermr_abi_context *
peermr_abi_pd_context(const struct ibv_pd *pd)
{
	return ((const struct peermr_abi_pd *)pd)->context;
}

#endif /* LIBPEERMR_VERBS_ABI_H */
