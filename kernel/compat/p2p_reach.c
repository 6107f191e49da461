// SPDX-License-Identifier: GPL-2.0
/*
 * Which addresses a device can put on the bus. The kernel's own functions warn
 * with a stack trace about one that it cannot (dma_map_resource(), and
 * dma_map_phys() of device memory), or do not look (bus addresses).
 */

#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/minmax.h>

#include "p2p.h"

static bool peermr_p2p_has_iommu(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_PAGING);
}

int peermr_p2p_check_reach(struct device *dev, u64 addr, size_t size,
			   bool translated)
{
	u64 limit;

	if (!dev->dma_mask) {
		dev_warn_ratelimited(dev, "peermr: is no device that does DMA\n");
		return -EIO;
	}
	if (translated && peermr_p2p_has_iommu(dev))
		return 0;

	limit = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	if (addr + size - 1 <= limit)
		return 0;
	dev_warn_ratelimited(dev,
			     "peermr: cannot reach %#llx to %#llx: its DMA addresses end at %#llx\n",
			     addr, addr + size - 1, limit);
	return -EIO;
}
