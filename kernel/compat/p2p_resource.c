// SPDX-License-Identifier: GPL-2.0
/* Mapping a BAR for another device: kernels before p2pdma providers. */

#include <linux/container_of.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
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

/**
 * struct peermr_p2p_table - a table of DMA addresses
 * @sgt: what the importer gets
 * @path: decides what the addresses are and how they are given back
 */
struct peermr_p2p_table {
	struct sg_table sgt;
	enum peermr_path path;
};

static enum peermr_path peermr_p2p_path(struct device *dev,
					struct pci_dev *provider)
{
	enum peermr_path path = PEERMR_PATH_NONE;

	if (dev_is_pci(dev))
		path = peermr_topology_path(provider, to_pci_dev(dev));
	if (path == PEERMR_PATH_NONE && peermr_any_host_bridge)
		path = PEERMR_PATH_ROOT;
	if (path == PEERMR_PATH_NONE)
		dev_warn_ratelimited(dev,
				     "peermr: no known good PCIe path to %s; peermr.any_host_bridge=1 overrides\n",
				     pci_name(provider));
	return path;
}

/* Where a switch finds @range: what is in the BAR, not what the CPU uses. */
static u64 peermr_p2p_bus_address(const struct peermr_p2p_range *range)
{
	return pci_bus_address(range->pdev, range->bar) +
	       (range->phys - pci_resource_start(range->pdev, range->bar));
}

static int peermr_p2p_map_chunk(struct device *dev, enum peermr_path path,
				const struct peermr_p2p_range *range,
				size_t done, size_t length,
				enum dma_data_direction dir, dma_addr_t *addr)
{
	/* A switch never shows the IOMMU what it turns around. */
	if (path == PEERMR_PATH_SWITCH) {
		*addr = peermr_p2p_bus_address(range) + done;
		return 0;
	}
	*addr = dma_map_resource(dev, range->phys + done, length, dir,
				 DMA_ATTR_SKIP_CPU_SYNC);
	return dma_mapping_error(dev, *addr) ? -EIO : 0;
}

static void peermr_p2p_unmap_chunks(struct device *dev,
				    struct peermr_p2p_table *table,
				    unsigned int nents,
				    enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	if (table->path == PEERMR_PATH_SWITCH)
		return;
	for_each_sg(table->sgt.sgl, sg, nents, i)
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg),
				   dir, DMA_ATTR_SKIP_CPU_SYNC);
}

static int peermr_p2p_map_chunks(struct device *dev,
				 struct peermr_p2p_table *table,
				 const struct peermr_p2p_range *range,
				 enum dma_data_direction dir)
{
	size_t done = 0, length;
	struct scatterlist *sg;
	dma_addr_t addr;
	unsigned int i;
	int ret;

	for_each_sg(table->sgt.sgl, sg, table->sgt.orig_nents, i) {
		length = min_t(size_t, range->size - done, PEERMR_P2P_CHUNK);
		ret = peermr_p2p_map_chunk(dev, table->path, range, done,
					   length, dir, &addr);
		if (ret) {
			peermr_p2p_unmap_chunks(dev, table, i, dir);
			return ret;
		}
		/* No page: importers must not look at one. */
		sg_set_page(sg, NULL, length, 0);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = length;
		done += length;
	}
	table->sgt.nents = table->sgt.orig_nents;
	return 0;
}

struct sg_table *peermr_p2p_map(struct dma_buf_attachment *attach,
				const struct peermr_p2p_range *range,
				enum dma_data_direction dir)
{
	struct device *dev = attach->dev;
	struct peermr_p2p_table *table;
	enum peermr_path path;
	int ret;

	path = peermr_p2p_path(dev, range->pdev);
	if (path == PEERMR_PATH_NONE)
		return ERR_PTR(-EREMOTEIO);
	if (path == PEERMR_PATH_SWITCH)
		ret = peermr_p2p_check_reach(dev, peermr_p2p_bus_address(range),
					     range->size, false);
	else
		ret = peermr_p2p_check_reach(dev, range->phys, range->size,
					     true);
	if (ret)
		return ERR_PTR(ret);

	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->path = path;
	ret = sg_alloc_table(&table->sgt,
			     DIV_ROUND_UP(range->size, PEERMR_P2P_CHUNK),
			     GFP_KERNEL);
	if (ret)
		goto err_free;
	ret = peermr_p2p_map_chunks(dev, table, range, dir);
	if (ret)
		goto err_table;
	return &table->sgt;

err_table:
	sg_free_table(&table->sgt);
err_free:
	kfree(table);
	return ERR_PTR(ret);
}

void peermr_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	struct peermr_p2p_table *table =
		container_of(sgt, struct peermr_p2p_table, sgt);

	peermr_p2p_unmap_chunks(attach->dev, table, sgt->nents, dir);
	sg_free_table(sgt);
	kfree(table);
}
