/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DMA addresses of one PCI device's BAR for another device. Kernels since 7.0
 * have providers for this (p2p_provider.c); before, it is done with
 * dma_map_resource() and a look at the topology (p2p_resource.c).
 */
#ifndef _PEERMR_COMPAT_P2P_H
#define _PEERMR_COMPAT_P2P_H

#include <linux/dma-buf.h>
#include <linux/dma-direction.h>
#include <linux/types.h>

struct device;
struct pci_dev;
struct sg_table;

/**
 * struct peermr_p2p_range - what is mapped
 * @pdev: the device whose BAR it is
 * @bar: number of the BAR
 * @phys: CPU physical address
 * @size: bytes
 */
struct peermr_p2p_range {
	struct pci_dev *pdev;
	unsigned int bar;
	phys_addr_t phys;
	size_t size;
};

/* Once per device, before the first mapping. */
int peermr_p2p_init(struct pci_dev *pdev);

/*
 * Map @range for the device of @attach: a table of DMA addresses without
 * pages, or ERR_PTR: -EREMOTEIO (the topology does not let the two devices
 * talk), -EIO (the device cannot reach the address, or the mapping failed),
 * -ENOMEM. The log says why the first two.
 */
struct sg_table *peermr_p2p_map(struct dma_buf_attachment *attach,
				const struct peermr_p2p_range *range,
				enum dma_data_direction dir);
void peermr_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir);

/*
 * p2p_reach.c: 0 if @dev can reach @size bytes at @addr, or -EIO with a line in
 * the log. @translated: through an IOMMU, if there is one, which then finds an
 * address that it can reach.
 */
int peermr_p2p_check_reach(struct device *dev, u64 addr, size_t size,
			   bool translated);

#ifdef PEERMR_HAVE_ATTACH_REVOCABLE
static inline bool peermr_p2p_revocable(struct dma_buf_attachment *attach)
{
	return dma_buf_attach_revocable(attach);
}

static inline void peermr_p2p_invalidate(struct dma_buf *dmabuf)
{
	dma_buf_invalidate_mappings(dmabuf);
}
#else
/* Before 7.0 an importer does not say whether it will let go when told. */
static inline bool peermr_p2p_revocable(struct dma_buf_attachment *attach)
{
	return true;
}

static inline void peermr_p2p_invalidate(struct dma_buf *dmabuf)
{
	dma_buf_move_notify(dmabuf);
}
#endif

#endif /* _PEERMR_COMPAT_P2P_H */
