/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What peermr test does with the buffers it was given. */
#ifndef PEERMR_TOOL_TEST_STEPS_H
#define PEERMR_TOOL_TEST_STEPS_H

#include "rdma.h"

/**
 * struct test_run - everything the steps work on
 * @link: connected
 * @length: of each buffer; a multiple of 8
 * @source: host memory that is sent from
 * @sink: host memory that is read into
 * @device: memory of the window, not yet written
 * @second: more of it, or address NULL where there was no room
 * @pattern: what the device memory should hold; not registered
 * @verified: bytes compared and found right
 */
struct test_run {
	struct rdma_link link;
	size_t length;
	struct rdma_memory source;
	struct rdma_memory sink;
	struct rdma_memory device;
	struct rdma_memory second;
	uint64_t *pattern;
	uint64_t verified;
};

/* Run "@what ... ok" or "FAILED", which comes after the reason. */
int test_step(const char *what, int result);

/* A buffer that nobody wrote holds zeroes: 0 or -1. Needs no registration. */
int test_fresh(struct test_run *run, const struct rdma_memory *memory);

/* All transfers: 0, or -1 after the first that fails. */
int test_transfers(struct test_run *run);

#endif /* PEERMR_TOOL_TEST_STEPS_H */
