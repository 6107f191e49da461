/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-kernel interface of peermr: how a device driver offers a range of its BAR
 * as memory for RDMA, without giving up the device.
 */
#ifndef _LINUX_PEERMR_H
#define _LINUX_PEERMR_H

#include <linux/types.h>
#include <uapi/linux/peermr.h>

struct dma_buf;
struct module;
struct pci_dev;
struct peermr_window;

/**
 * struct peermr_window_config - what a driver offers
 * @owner: THIS_MODULE of the driver; pinned while a buffer of the window lives
 * @bar: number of the memory BAR, which the driver has requested
 * @mode: PEERMR_MODE_PAGES or PEERMR_MODE_PFN, or 0 for peermr_mode_default()
 * @offset: first byte of the window in the BAR
 * @size: bytes in the window, 0 for all that follows @offset
 *
 * In PEERMR_MODE_PAGES the window begins and ends on a 2 MiB boundary of the
 * bus address space, in PEERMR_MODE_PFN on a page boundary. The driver itself
 * must leave the range alone while the window exists.
 */
struct peermr_window_config {
	struct module *owner;
	unsigned int bar;
	unsigned int mode;
	u64 offset;
	u64 size;
};

struct peermr_window *
peermr_window_create(struct pci_dev *pdev,
		     const struct peermr_window_config *config);
void peermr_window_destroy(struct peermr_window *window);

void peermr_window_stop(struct peermr_window *window);
int peermr_window_stop_unused(struct peermr_window *window);
void peermr_window_start(struct peermr_window *window);

unsigned int peermr_mode_default(struct pci_dev *pdev);

/**
 * struct peermr_range - addresses of a process that map a buffer
 * @offset: of the first byte in the buffer, and so in its dma-buf
 * @writable: the process may write to all of it
 * @whole: one mapping, of all of the buffer (to a granule), has it
 */
struct peermr_range {
	u64 offset;
	bool writable;
	bool whole;
};

bool peermr_range_is_buffer(unsigned long address, size_t length);
struct dma_buf *peermr_range_export(unsigned long address, size_t length,
				    struct peermr_range *range);

#endif /* _LINUX_PEERMR_H */
