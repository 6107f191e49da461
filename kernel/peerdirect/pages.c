// SPDX-License-Identifier: GPL-2.0
/*
 * What a client hands out: a table of DMA addresses, or a mapping for the CPU.
 * Clients are other people's drivers, so a table is looked at before a device
 * gets it; and as some compare it later with what they gave, it is copied.
 */

#include <linux/align.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "peerdirect.h"

static const struct peer_memory_client *
peerdirect_ops(const struct peerdirect_region *region)
{
	return region->client->ops;
}

static int peerdirect_pages_wrong(const struct peerdirect_region *region,
				  const char *what)
{
	dev_warn_ratelimited(&region->ibdev->dev,
			     "peerdirect: client %s: %s\n",
			     peerdirect_ops(region)->name, what);
	return -EINVAL;
}

/* The sum of a table's lengths, or 0 with a message if it is not in order. */
static u64 peerdirect_table_size(const struct peerdirect_region *region)
{
	struct scatterlist *sg = region->sgt.sgl;
	u64 size = 0;
	int i;

	if (region->nents <= 0 || region->nents > region->sgt.orig_nents) {
		peerdirect_pages_wrong(region, "its table is too short");
		return 0;
	}
	for (i = 0; sg && i < region->nents; i++, sg = sg_next(sg)) {
		if (!sg_dma_len(sg) ||
		    !PAGE_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg))) {
			peerdirect_pages_wrong(region, "its table has odd addresses");
			return 0;
		}
		size += sg_dma_len(sg);
	}
	if (i < region->nents) {
		peerdirect_pages_wrong(region, "its table is too short");
		return 0;
	}
	return size;
}

/* Where the client's addresses begin and end, and whether that is enough. */
static int peerdirect_pages_check(struct peerdirect_region *region)
{
	u64 end = region->start + region->length;
	unsigned long page_size = PAGE_SIZE;
	u64 size;

	if (peerdirect_ops(region)->get_page_size)
		page_size = peerdirect_ops(region)->get_page_size(region->context);
	if (!is_power_of_2(page_size) || page_size < PAGE_SIZE)
		return peerdirect_pages_wrong(region, "its page size is none");
	region->pages = (ALIGN(end, page_size) -
			 ALIGN_DOWN(region->start, page_size)) / page_size;

	/* A mapping for the CPU has no length to look at. */
	if (!region->dma)
		page_size = PAGE_SIZE;
	region->base = ALIGN_DOWN(region->start, page_size);
	region->size = PAGE_ALIGN(end) - region->base;
	if (!region->dma)
		return 0;

	size = peerdirect_table_size(region);
	if (!size)
		return -EINVAL;
	if (size < region->size)
		return peerdirect_pages_wrong(region, "its table is too short");
	return 0;
}

static int peerdirect_pages_map(struct peerdirect_region *region)
{
	int ret;

	if (region->dma)
		ret = peerdirect_ops(region)->dma_map(&region->sgt,
						      region->context,
						      region->dma, 0,
						      &region->nents);
	else
		ret = region->client->ex->vmap(region->context,
					       region->importer, &region->map);
	return ret > 0 ? -EINVAL : ret;
}

static void peerdirect_pages_unmap(struct peerdirect_region *region)
{
	if (region->dma)
		peerdirect_ops(region)->dma_unmap(&region->sgt, region->context,
						  region->dma);
	else
		region->client->ex->vunmap(region->context, &region->map);
}

/* What is due when a region ends, or its memory is taken back. */
void peerdirect_pages_put(struct peerdirect_region *region)
{
	if (region->mapped)
		peerdirect_pages_unmap(region);
	peerdirect_ops(region)->put_pages(&region->sgt, region->context);
}

/*
 * Get the client's memory, mapped for the region's device. What is to be undone
 * after an error is left to the end of the region: a client that takes memory
 * back may hold a lock for it, and waits until this is over.
 */
int peerdirect_pages_get(struct peerdirect_region *region, bool writable)
{
	int ret;

	if (!region->dma && !region->client->ex)
		return -EOPNOTSUPP;

	ret = peerdirect_ops(region)->get_pages(region->start, region->length,
						1, !writable, NULL,
						region->context, region->id);
	if (ret)
		return ret < 0 ? ret : -EINVAL;
	set_bit(PEERDIRECT_PAGES, &region->flags);

	if (!region->doomed) {
		ret = peerdirect_pages_map(region);
		region->mapped = !ret;
		if (!ret)
			ret = peerdirect_pages_check(region);
	}
	if (!region->doomed)
		return ret;
	/* It took the memory back in one of these calls. */
	if (region->client->unmaps)
		clear_bit(PEERDIRECT_PAGES, &region->flags);
	return -ENODEV;
}

/* Does @sg continue a segment of @length bytes, which has room for it? */
static bool peerdirect_sg_continues(const struct scatterlist *sg,
				    dma_addr_t address, unsigned int length,
				    unsigned int limit)
{
	return length && sg_dma_address(sg) == address + length &&
	       length <= limit && sg_dma_len(sg) <= limit - length;
}

/*
 * Put the client's addresses, adjacent ones in one segment, into @to; only
 * count the segments if that is NULL.
 */
static unsigned int peerdirect_table_copy(const struct peerdirect_region *region,
					  struct scatterlist *to)
{
	unsigned int limit = min_t(unsigned int, SZ_1G,
				   dma_get_max_seg_size(region->dma));
	unsigned int segments = 0, length = 0;
	struct scatterlist *sg;
	dma_addr_t address = 0;
	int i;

	for_each_sg(region->sgt.sgl, sg, region->nents, i) {
		if (peerdirect_sg_continues(sg, address, length, limit)) {
			length += sg_dma_len(sg);
		} else {
			if (to && segments)
				to = sg_next(to);
			segments++;
			address = sg_dma_address(sg);
			length = sg_dma_len(sg);
		}
		if (to) {
			sg_set_page(to, NULL, length, 0);
			sg_dma_address(to) = address;
			sg_dma_len(to) = length;
		}
	}
	return segments;
}

/* A table of the client's addresses that the driver may change. */
struct sg_table *peerdirect_pages_table(struct peerdirect_region *region)
{
	struct sg_table *sgt;
	int ret;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, peerdirect_table_copy(region, NULL),
			     GFP_KERNEL);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	peerdirect_table_copy(region, sgt->sgl);
	return sgt;
}
