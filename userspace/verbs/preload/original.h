/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_PRELOAD_ORIGINAL_H
#define PEERMR_PRELOAD_ORIGINAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "verbs.h"
#include "verbs_abi.h"

struct peermr_mr_init_attr;

/**
 * struct peermr_original - the functions of one loaded libibverbs
 * @key: a function of it that its contexts refer to
 * @next: another libibverbs of this process
 * @reg_mr: and so on: NULL where the library has no such function
 *
 * Made once for a library and kept, as is the library.
 */
struct peermr_original {
	const void *key;
	struct peermr_original *next;
	struct ibv_mr *(*reg_mr)(struct ibv_pd *pd, void *address,
				 size_t length, int access);
	struct ibv_mr *(*reg_mr_iova)(struct ibv_pd *pd, void *address,
				      size_t length, uint64_t iova,
				      int access);
	struct ibv_mr *(*reg_mr_iova2)(struct ibv_pd *pd, void *address,
				       size_t length, uint64_t iova,
				       unsigned int access);
	struct ibv_mr *(*reg_mr_ex)(struct ibv_pd *pd,
				    struct peermr_mr_init_attr *attr);
	peermr_reg_dmabuf_fn reg_dmabuf_mr;
};

/* Those that are known, newest first. */
extern _Atomic(struct peermr_original *) peermr_originals;

/* For a library that is not known yet. */
const struct peermr_original *
peermr_original_add(const struct peermr_abi_context *context);

/* The libibverbs that @pd belongs to, or NULL. */
static inline const struct peermr_original *
peermr_original_find(const struct ibv_pd *pd)
{
	const struct peermr_abi_context *context = peermr_abi_pd_context(pd);
	const struct peermr_original *original;

	for (original = atomic_load_explicit(&peermr_originals,
					     memory_order_acquire);
	     original; original = original->next)
		if (original->key == context->library_ops[0])
			return original;
	return peermr_original_add(context);
}

#endif /* PEERMR_PRELOAD_ORIGINAL_H */
