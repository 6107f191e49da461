// SPDX-License-Identifier: GPL-2.0
/* Mapping a BAR for another device: kernels with p2pdma providers. */

#include <linux/device.h>
#include <linux/dma-buf-mapping.h>
#include <linux/err.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#include "p2p.h"
#include "topology.h"

int peermr_p2p_init(struct pci_dev *pdev)
{
	return pcim_p2pdma_init(pdev);
}

static enum peermr_path peermr_p2p_path(struct device *dev,
					const struct peermr_p2p_range *range)
{
	if (!dev_is_pci(dev))
		return PEERMR_PATH_NONE;
	return peermr_topology_path(range->pdev, to_pci_dev(dev));
}

/* dma_buf_phys_vec_to_sgt() has one error, and no message, for all of this. */
static int peermr_p2p_check(struct device *dev,
			    struct p2pdma_provider *provider,
			    const struct peermr_p2p_range *range)
{
	enum peermr_path path = PEERMR_PATH_NONE;
	u64 addr = range->phys;

	if (provider)
		path = peermr_p2p_path(dev, range);
	if (path == PEERMR_PATH_NONE) {
		dev_warn_ratelimited(dev, "peermr: no known good PCIe path to %s\n",
				     pci_name(range->pdev));
		return -EREMOTEIO;
	}
	if (path == PEERMR_PATH_SWITCH)
		addr = pci_p2pdma_bus_addr_map(provider, range->phys);
	return peermr_p2p_check_reach(dev, addr, range->size,
				      path == PEERMR_PATH_ROOT);
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
