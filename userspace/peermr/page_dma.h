/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where DMA to the pages of a window ends up. The kernel gives other devices
 * the addresses of the window, or of copies in host memory (swiotlb) that it
 * fills and empties by the CPU when a transfer begins and ends. Disks and
 * network devices get right data by that, only slowly; memory that is registered
 * for RDMA does not end until it is deregistered, and is not what it seems.
 */
#ifndef PEERMR_TOOL_PAGE_DMA_H
#define PEERMR_TOOL_PAGE_DMA_H

#include "window.h"

enum page_dma {
	PAGE_DMA_DIRECT,
	PAGE_DMA_BOUNCED,	/* all of it: swiotlb=force */
	PAGE_DMA_NARROW,	/* the device's mask is too small */
};

/**
 * struct narrow_device - a device whose DMA cannot reach a window
 * @bdf: PCI address
 * @driver: that it is bound to
 * @bits: of its DMA mask
 */
struct narrow_device {
	char bdf[PCI_NAME_LEN];
	char driver[PCI_NAME_LEN];
	unsigned int bits;
};

struct narrow_list {
	struct narrow_device *devices;
	int count;
};

/*
 * For a device with a DMA mask of @mask_bits, 0 if unknown, in an IOMMU group
 * of type @iommu, "" for none.
 */
enum page_dma page_dma_of(const struct window *window, unsigned int mask_bits,
			  const char *iommu);

/* The window's attribute "page_dma", in words. */
const char *page_dma_text(const struct window *window);

/* Bits of a PCI device's DMA mask, 0 if unknown. */
unsigned int page_dma_mask_bits(const char *bdf);

/*
 * Disks and network devices that the window is out of reach for; none unless it
 * has pages. The caller frees @narrow->devices.
 */
void narrow_list_read(const struct window *window, struct narrow_list *narrow);

#endif /* PEERMR_TOOL_PAGE_DMA_H */
