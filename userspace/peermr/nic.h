/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* RDMA devices, as sysfs shows them: no libibverbs, no permission needed. */
#ifndef PEERMR_TOOL_NIC_H
#define PEERMR_TOOL_NIC_H

#include "pci.h"
#include "platform.h"

#define NIC_NAME_LEN	64

/**
 * struct nic - an RDMA device
 * @name: "mlx5_0"
 * @uverbs: its node below /dev/infiniband, "" if ib_uverbs offers none
 * @pci: the PCI device that does its DMA, "" for one that the CPU drives
 * @driver: of that PCI device, or "rdma_rxe" or "siw", or "" if unknown
 * @iommu: type of its IOMMU group ("DMA", "DMA-FQ", "identity"), "" for none
 * @dma_bits: of the DMA mask of that PCI device, 0 if unknown
 * @peer_offered: peerdirect.ko could serve it: its driver registers dma-bufs
 * @peer_enabled: and does; both are KNOWN_NOT where that is not loaded
 */
struct nic {
	char name[NIC_NAME_LEN];
	char uverbs[NIC_NAME_LEN];
	char pci[PCI_NAME_LEN];
	char driver[PCI_NAME_LEN];
	char iommu[PCI_NAME_LEN];
	unsigned int dma_bits;
	enum known peer_offered;
	enum known peer_enabled;
};

/* All RDMA devices, by name; the caller frees @nics. A count, or -ENOMEM. */
int nic_list(struct nic **nics);

#endif /* PEERMR_TOOL_NIC_H */
