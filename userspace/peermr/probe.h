/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What an RDMA device does with memory, found out by trying: everything is
 * given back before a function returns.
 * Built without libibverbs, nothing is tried.
 */
#ifndef PEERMR_TOOL_PROBE_H
#define PEERMR_TOOL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "nic.h"
#include "window.h"

/* A step that was not made. The result of one is 0 or a negative errno. */
#define PROBE_NOT_TRIED	1

#define PROBE_LIBRARY_LEN	64

/**
 * struct nic_probe - what an RDMA device is able to
 * @opened: opening it
 * @library: file name of its provider library, "" if unknown
 * @kernel: -EBADF if its kernel driver registers dma-bufs, -EOPNOTSUPP if not,
 *	-EPROTONOSUPPORT if the kernel has no such call
 * @provider: the same through the provider library
 */
struct nic_probe {
	int opened;
	char library[PROBE_LIBRARY_LEN];
	int kernel;
	int provider;
};

/**
 * struct window_probe - what became of one granule of a window
 * @opened: opening the window
 * @allocated: allocating a granule and mapping it
 * @plain: ibv_reg_mr()
 * @pinned: what the kernel pinned by that
 * @exported: making a dma-buf of it
 * @dmabuf: ibv_reg_dmabuf_mr()
 */
struct window_probe {
	int opened;
	int allocated;
	int plain;
	bool pinned;
	int exported;
	int dmabuf;
};

/* Have libibverbs load what it loads: a front end of the verbs extension, too. */
void probe_prepare(void);

/* A device that was opened; NULL if that failed. */
struct probe;

struct probe *probe_open(const struct nic *nic, struct nic_probe *result);
void probe_close(struct probe *probe);

/* @probe may be NULL. */
void probe_window(struct probe *probe, const struct window *window,
		  struct window_probe *result);

#endif /* PEERMR_TOOL_PROBE_H */
