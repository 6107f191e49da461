// SPDX-License-Identifier: GPL-2.0
/* Mapping a BAR for another device: kernels with p2pdma providers. */

#include <linux/device.h>
#include <linux/dma-buf-mapping.h>
#include <linux/err.h>
#include <linux/pci-p2pdma.h>

#include "p2p.h"

int peermr_p2p_init(struct pci_dev *pdev)
{
	return pcim_p2pdma_init(pdev);
}

/* dma_buf_phys_vec_to_sgt() has one error, and no message, for all of this. */
static int peermr_p2p_check(struct device *dev,
			    struct p2pdma_provider *provider,
			    const struct peermr_p2p_range *range)
{
	switch (provider ? pci_p2pdma_map_type(provider, dev) :
			   PCI_P2PDMA_MAP_NOT_SUPPORTED) {
	case PCI_P2PDMA_MAP_BUS_ADDR:
		return peermr_p2p_check_reach(dev,
					      pci_p2pdma_bus_addr_map(provider,
								      range->phys),
					      range->size, false);
	case PCI_P2PDMA_MAP_THRU_HOST_BRIDGE:
		return peermr_p2p_check_reach(dev, range->phys, range->size,
					      true);
	default:
		dev_warn_ratelimited(dev, "peermr: no known good PCIe path to %s\n",
				     pci_name(range->pdev));
		return -EREMOTEIO;
	}
}

struct sg_table *peermr_p2p_map(struct dma_buf_attachment *attach,
				const struct peermr_p2p_range *range,
				enum dma_data_direction dir)
{
	struct phys_vec vec = { .paddr = range->phys, .len = range->size };
	struct p2pdma_provider *provider;
	int ret;

	provider = pcim_p2pdma_provider(range->pdev, range->bar);
	ret = peermr_p2p_check(attach->dev, provider, range);
	if (ret)
		return ERR_PTR(ret);
	return dma_buf_phys_vec_to_sgt(attach, provider, &vec, 1, range->size,
				       dir);
}

void peermr_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	dma_buf_free_sgt(attach, sgt, dir);
}
