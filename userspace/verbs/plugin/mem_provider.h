/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the patches in userspace/verbs/rdma-core add to <infiniband/verbs.h>, which
 * the plug-in is built without: it has to work with any libibverbs.
 */
#ifndef PEERMR_MEM_PROVIDER_H
#define PEERMR_MEM_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

struct ibv_mr;
struct ibv_pd;

/**
 * struct ibv_mem_request - memory that is to be registered
 * @pd: the protection domain
 * @addr: first byte
 * @length: bytes
 * @iova: that of ibv_reg_mr_iova(), else @addr
 * @access: enum ibv_access_flags
 * @error: 0, or the errno that the driver gave
 * @comp_mask: fields of a later version that count
 */
struct ibv_mem_request {
	struct ibv_pd *pd;
	void *addr;
	size_t length;
	uint64_t iova;
	unsigned int access;
	int error;
	uint32_t comp_mask;
};

/**
 * struct ibv_mem_provider - somebody who knows how to register memory
 * @name: of the provider
 * @reg_mr: returns 0, with the MR if it has registered the memory; or an errno
 * @comp_mask: 0
 */
struct ibv_mem_provider {
	const char *name;
	int (*reg_mr)(const struct ibv_mem_request *request,
		      struct ibv_mr **mr);
	uint32_t comp_mask;
};

/* ibv_register_mem_provider(): 0 or an errno; the provider must stay. */
typedef int (*ibv_register_mem_provider_fn)(const struct ibv_mem_provider *);

#endif /* PEERMR_MEM_PROVIDER_H */
