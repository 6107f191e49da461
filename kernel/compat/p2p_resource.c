// SPDX-License-Identifier: GPL-2.0
/* Mapping a BAR for another device: kernels before p2pdma providers. */

#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/math.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "p2p.h"
#include "topology.h"

/* A scatterlist entry's length is 32 bits wide. */
#define PEERMR_P2P_CHUNK	SZ_1G

static bool peermr_any_host_bridge;
module_param_named(any_host_bridge, peermr_any_host_bridge, bool, 0444);
MODULE_PARM_DESC(any_host_bridge,
		 "Let devices talk through host bridges that are not known to support it");

int peermr_p2p_init(struct pci_dev *pdev)
{
	return 0;
}

static int peermr_p2p_check_path(struct pci_dev *provider, struct device *dev)
{
	if (peermr_any_host_bridge)
		return 0;
	if (dev_is_pci(dev) &&
	    peermr_topology_reachable(provider, to_pci_dev(dev)))
		return 0;
	dev_warn_ratelimited(dev,
			     "peermr: no known good PCIe path to %s; peermr.any_host_bridge=1 overrides\n",
			     pci_name(provider));
	return -EREMOTEIO;
}

/* dma_map_resource() only warns about addresses that a device cannot reach. */
static int peermr_p2p_check_mask(struct device *dev,
				 const struct peermr_p2p_range *range)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 limit = dma_get_mask(dev);

	if (domain && (domain->type & __IOMMU_DOMAIN_PAGING))
		return 0;
	if (dev->bus_dma_limit)
		limit = min(limit, dev->bus_dma_limit);
	if (range->phys + range->size - 1 <= limit)
		return 0;
	dev_warn_ratelimited(dev,
			     "peermr: cannot reach %pa with a DMA mask of %#llx\n",
			     &range->phys, limit);
	return -EIO;
}

static void peermr_p2p_unmap_chunks(struct device *dev, struct sg_table *sgt,
				    unsigned int nents,
				    enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, nents, i)
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg),
				   dir, DMA_ATTR_SKIP_CPU_SYNC);
}

static int peermr_p2p_map_chunks(struct device *dev, struct sg_table *sgt,
				 const struct peermr_p2p_range *range,
				 enum dma_data_direction dir)
{
	size_t done = 0, length;
	struct scatterlist *sg;
	dma_addr_t addr;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, sgt->orig_nents, i) {
		length = min_t(size_t, range->size - done, PEERMR_P2P_CHUNK);
		addr = dma_map_resource(dev, range->phys + done, length, dir,
					DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(dev, addr)) {
			peermr_p2p_unmap_chunks(dev, sgt, i, dir);
			return -EIO;
		}
		/* No page: importers must not look at one. */
		sg_set_page(sg, NULL, length, 0);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = length;
		done += length;
	}
	sgt->nents = sgt->orig_nents;
	return 0;
}

struct sg_table *peermr_p2p_map(struct dma_buf_attachment *attach,
				const struct peermr_p2p_range *range,
				enum dma_data_direction dir)
{
	struct device *dev = attach->dev;
	struct sg_table *sgt;
	int ret;

	ret = peermr_p2p_check_path(range->pdev, dev);
	if (!ret)
		ret = peermr_p2p_check_mask(dev, range);
	if (ret)
		return ERR_PTR(ret);

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, DIV_ROUND_UP(range->size, PEERMR_P2P_CHUNK),
			     GFP_KERNEL);
	if (ret)
		goto err_free;
	ret = peermr_p2p_map_chunks(dev, sgt, range, dir);
	if (ret)
		goto err_table;
	return sgt;

err_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

void peermr_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	peermr_p2p_unmap_chunks(attach->dev, sgt, sgt->nents, dir);
	sg_free_table(sgt);
	kfree(sgt);
}
