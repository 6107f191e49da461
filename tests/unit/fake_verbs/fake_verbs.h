/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A double: an RDMA device of the real libibverbs that has no kernel behind it.
 * It registers whatever it is given, or fails as it is told, and remembers it.
 */
#ifndef PEERMR_FAKE_VERBS_H
#define PEERMR_FAKE_VERBS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <infiniband/verbs.h>

#define FAKE_VERBS_LIBRARY "libfake_verbs.so"

/**
 * struct fake_verbs - the device, and what it was asked for
 * @context: the open device
 * @plain_error: errno of plain registrations, 0 for success
 * @dmabuf_error: errno of dma-buf registrations, 0 for success
 * @plain_hook: called by each plain registration, or NULL
 * @plain: how many plain registrations were tried
 * @dmabuf: how many with a valid descriptor were tried on dma-bufs
 * @address: of the last plain registration
 * @offset: of the last dma-buf registration
 * @length: of the last one of either kind, as @iova and @access
 */
struct fake_verbs {
	struct ibv_context *context;
	int plain_error;
	int dmabuf_error;
	void (*plain_hook)(void);
	atomic_uint plain;
	atomic_uint dmabuf;
	void *address;
	uint64_t offset;
	size_t length;
	uint64_t iova;
	int access;
};

/* What FAKE_VERBS_LIBRARY exports, the type and its name: NULL and errno. */
typedef struct fake_verbs *(*fake_verbs_open_fn)(void);
#define FAKE_VERBS_OPEN "fake_verbs_open"

#endif /* PEERMR_FAKE_VERBS_H */
