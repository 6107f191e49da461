// SPDX-License-Identifier: GPL-2.0
/* Mapping a BAR for another device: kernels with p2pdma providers. */

#include <linux/dma-buf-mapping.h>
#include <linux/err.h>
#include <linux/pci-p2pdma.h>

#include "p2p.h"

int peermr_p2p_init(struct pci_dev *pdev)
{
	return pcim_p2pdma_init(pdev);
}

struct sg_table *peermr_p2p_map(struct dma_buf_attachment *attach,
				const struct peermr_p2p_range *range,
				enum dma_data_direction dir)
{
	struct phys_vec vec = { .paddr = range->phys, .len = range->size };
	struct p2pdma_provider *provider;

	provider = pcim_p2pdma_provider(range->pdev, range->bar);
	if (!provider)
		return ERR_PTR(-EREMOTEIO);
	return dma_buf_phys_vec_to_sgt(attach, provider, &vec, 1, range->size,
				       dir);
}

void peermr_p2p_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	dma_buf_free_sgt(attach, sgt, dir);
}
