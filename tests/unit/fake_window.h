/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_FAKE_WINDOW_H
#define PEERMR_FAKE_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <linux/peermr.h>

/*
 * A character device that can be mapped shared; ioctl() and mmap() on it are wrapped by the linker (-Wl,--wrap).
 */
#define FAKE_WINDOW_PATH "/dev/zero"

/**
 * struct fake_window - what the fake kernel was asked and shall answer
 * @lock: protects everything here
 * @query: answer to QUERY
 * @lookup: answer to LOOKUP
 * @last_alloc: the latest ALLOC as it came in
 * @last_lookup: address of the latest LOOKUP
 * @granule: lengths are rounded up to it
 * @most: a longer ALLOC is ENOSPC; 0 for no limit
 * @live: handles that were allocated and not freed
 * @allocs: how many ALLOC were answered
 * @bad_frees: FREE of a handle that is not live
 * @ioctl_errno: if set, every ioctl fails with it
 * @mmap_errno: if set, mapping the device fails with it
 * @misalign: anonymous mappings begin a page behind a multiple of 2 MiB; newer
 *	kernels align large ones, which would hide that the library has to
 * @reserved: the latest such mapping, NULL if there was none
 * @reserved_length: its length
 */
struct fake_window {
	pthread_mutex_t lock;
	struct peermr_query query;
	struct peermr_lookup lookup;
	struct peermr_alloc last_alloc;
	__u64 last_lookup;
	__u64 granule;
	__u64 most;
	int live;
	int allocs;
	int bad_frees;
	int ioctl_errno;
	int mmap_errno;
	bool misalign;
	char *reserved;
	size_t reserved_length;
};

extern struct fake_window fake_window;

#endif /* PEERMR_FAKE_WINDOW_H */
