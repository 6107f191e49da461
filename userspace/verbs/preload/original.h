/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_PRELOAD_ORIGINAL_H
#define PEERMR_PRELOAD_ORIGINAL_H

#include <stddef.h>
#include <stdint.h>

#include "verbs.h"

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

/* The libibverbs that @pd belongs to, or NULL. */
const struct peermr_original *peermr_original_find(const struct ibv_pd *pd);

#endif /* PEERMR_PRELOAD_ORIGINAL_H */
