/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_VERBS_LIBRARY_H
#define LIBPEERMR_VERBS_LIBRARY_H

#include "verbs.h"

/**
 * struct peermr_verbs_library - a loaded libibverbs
 * @reg_mr: ibv_reg_mr()
 * @reg_mr_iova: ibv_reg_mr_iova(), NULL before rdma-core 26
 * @reg_mr_iova2: ibv_reg_mr_iova2(), NULL before rdma-core 28
 * @reg_dmabuf_mr: ibv_reg_dmabuf_mr(), NULL before rdma-core 34
 */
struct peermr_verbs_library {
	struct ibv_mr *(*reg_mr)(struct ibv_pd *pd, void *address,
				 size_t length, int access);
	struct ibv_mr *(*reg_mr_iova)(struct ibv_pd *pd, void *address,
				      size_t length, uint64_t iova,
				      int access);
	struct ibv_mr *(*reg_mr_iova2)(struct ibv_pd *pd, void *address,
				       size_t length, uint64_t iova,
				       unsigned int access);
	peermr_reg_dmabuf_fn reg_dmabuf_mr;
};

/*
 * The libibverbs that @pd belongs to, wherever and however it was loaded.
 * Return: 0, or -ENOSYS if it cannot be found (linked statically).
 */
int peermr_verbs_library_find(const struct ibv_pd *pd,
			      struct peermr_verbs_library *library);

#endif /* LIBPEERMR_VERBS_LIBRARY_H */
