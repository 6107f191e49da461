// SPDX-License-Identifier: GPL-2.0
/*
 * A range of a buffer that is registered. It is a dma-buf of the buffer with
 * one importer, which stands for the RDMA device: peermr revokes it as any
 * other, and what it is told goes on to PeerDirect.
 *
 * The exporter tells under the reservation lock, and PeerDirect then waits for
 * get_pages() and dma_map() if they are under way. So it is told only of memory
 * that is mapped, after which these two take no lock any more.
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/peermr.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "importer.h"
#include "p2p.h"
#include "peermr_client.h"

/**
 * struct peermr_client_range - a registered range
 * @core_context: PeerDirect's name for it
 * @start: its first byte, rounded down to a page, in the dma-buf
 * @size: bytes, whole pages
 * @dmabuf: of the buffer, from get_pages() to release()
 * @attach: from dma_map() or vmap() to release()
 * @mapped: the exporter's mapping is there; under the reservation lock
 * @mapping: the exporter's table (dma_map)
 * @table: PeerDirect's, from which it was filled
 * @map: the exporter's mapping (vmap)
 */
struct peermr_client_range {
	u64 core_context;
	u64 start;
	u64 size;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	bool mapped;
	struct sg_table *mapping;
	struct sg_table table;
	struct iosys_map map;
};

static int peermr_client_acquire(unsigned long addr, size_t size,
				 void *peer_mem_private_data,
				 char *peer_mem_name, void **client_context)
{
	struct peermr_client_range *range;

	if (!peermr_client_is_registered() ||
	    !peermr_range_is_buffer(addr, size))
		return 0;
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return 0;
	/* It may be about to go. */
	if (!try_module_get(THIS_MODULE)) {
		kfree(range);
		return 0;
	}
	*client_context = range;
	return 1;
}

static int peermr_client_get_pages(unsigned long addr, size_t size, int write,
				   int force, struct sg_table *sg_head,
				   void *client_context, u64 core_context)
{
	struct peermr_client_range *range = client_context;
	struct peermr_range found;
	struct dma_buf *dmabuf;

	dmabuf = peermr_range_export(addr, size, &found);
	if (dmabuf == ERR_PTR(-ENOENT))
		return -EFAULT;
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (write && !force && !found.writable) {
		dma_buf_put(dmabuf);
		return -EFAULT;
	}
	range->core_context = core_context;
	range->dmabuf = dmabuf;
	range->start = ALIGN_DOWN(found.offset, PAGE_SIZE);
	range->size = PAGE_ALIGN(found.offset + size) - range->start;
	return 0;
}

/*
 * The process may get hold of the dma-buf, which must give it nothing more than
 * its mapping does: part of a buffer, or one for reading only, goes by the
 * callbacks.
 */
struct dma_buf *peermr_client_export(unsigned long addr, size_t size,
				     bool writable, void *client_context,
				     u64 *offset)
{
	struct peermr_range found;
	struct dma_buf *dmabuf;

	dmabuf = peermr_range_export(addr, size, &found);
	if (dmabuf == ERR_PTR(-ENOENT))
		return ERR_PTR(-EFAULT);
	if (IS_ERR(dmabuf))
		return dmabuf;
	if (!found.writable || !found.whole) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EOPNOTSUPP);
	}
	*offset = found.offset;
	return dmabuf;
}

/* The exporter takes the memory back: with the reservation lock held. */
static void peermr_client_revoke(struct dma_buf_attachment *attach);

static const struct dma_buf_attach_ops peermr_client_attach_ops = {
	.allow_peer2peer = true,
	.peermr_compat_invalidate = peermr_client_revoke,
};

static int peermr_client_attach(struct peermr_client_range *range,
				struct device *device)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(range->dmabuf, device,
					&peermr_client_attach_ops, range);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	range->attach = attach;
	return 0;
}

static void peermr_client_unmap_locked(struct peermr_client_range *range)
{
	dma_resv_assert_held(range->dmabuf->resv);
	if (!range->mapped)
		return;
	range->mapped = false;
	if (range->mapping)
		dma_buf_unmap_attachment(range->attach, range->mapping,
					 DMA_BIDIRECTIONAL);
	else
		dma_buf_vunmap(range->dmabuf, &range->map);
	dma_buf_unpin(range->attach);
}

static void peermr_client_unmap(struct peermr_client_range *range)
{
	dma_resv_lock(range->dmabuf->resv, NULL);
	peermr_client_unmap_locked(range);
	dma_resv_unlock(range->dmabuf->resv);
}

static void peermr_client_revoke(struct dma_buf_attachment *attach)
{
	struct peermr_client_range *range = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (!range->mapped)
		return;
	peermr_client_invalidate(range->core_context);
	peermr_client_unmap_locked(range);
}

/* The part of segment @sg, which begins at @at, that is in the range. */
static bool peermr_client_clip(const struct peermr_client_range *range,
			       const struct scatterlist *sg, u64 at,
			       u64 *first, u64 *length)
{
	u64 end = min(at + sg_dma_len(sg), range->start + range->size);

	*first = max(at, range->start);
	if (*first >= end)
		return false;
	*length = end - *first;
	return true;
}

/* How many segments of the exporter's table the range has parts of. */
static unsigned int
peermr_client_segments(const struct peermr_client_range *range)
{
	unsigned int segments = 0;
	u64 at = 0, first, length;
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(range->mapping, sg, i) {
		if (peermr_client_clip(range, sg, at, &first, &length))
			segments++;
		at += sg_dma_len(sg);
	}
	return segments;
}

static int peermr_client_fill(struct peermr_client_range *range)
{
	struct scatterlist *sg, *to;
	u64 at = 0, first, length;
	int ret, i;

	ret = sg_alloc_table(&range->table, peermr_client_segments(range),
			     GFP_KERNEL);
	if (ret)
		return ret;
	to = range->table.sgl;
	for_each_sgtable_dma_sg(range->mapping, sg, i) {
		if (peermr_client_clip(range, sg, at, &first, &length)) {
			sg_set_page(to, NULL, length, 0);
			sg_dma_address(to) = sg_dma_address(sg) + (first - at);
			sg_dma_len(to) = length;
			to = sg_next(to);
		}
		at += sg_dma_len(sg);
	}
	return 0;
}

static int peermr_client_map_locked(struct peermr_client_range *range)
{
	struct sg_table *mapping;
	int ret;

	dma_resv_assert_held(range->dmabuf->resv);
	ret = dma_buf_pin(range->attach);
	if (ret)
		return ret;
	mapping = dma_buf_map_attachment(range->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(mapping)) {
		ret = PTR_ERR(mapping);
		goto err_unpin;
	}
	range->mapping = mapping;
	ret = peermr_client_fill(range);
	if (ret)
		goto err_unmap;
	range->mapped = true;
	return 0;

err_unmap:
	dma_buf_unmap_attachment(range->attach, mapping, DMA_BIDIRECTIONAL);
	range->mapping = NULL;
err_unpin:
	dma_buf_unpin(range->attach);
	return ret;
}

static int peermr_client_dma_map(struct sg_table *sg_head, void *client_context,
				 struct device *dma_device, int dmasync,
				 int *nmap)
{
	struct peermr_client_range *range = client_context;
	int ret;

	ret = peermr_client_attach(range, dma_device);
	if (ret)
		return ret;
	dma_resv_lock(range->dmabuf->resv, NULL);
	ret = peermr_client_map_locked(range);
	dma_resv_unlock(range->dmabuf->resv);
	if (ret)
		return ret;
	*sg_head = range->table;
	*nmap = range->table.nents;
	return 0;
}

static int peermr_client_dma_unmap(struct sg_table *sg_head,
				   void *client_context,
				   struct device *dma_device)
{
	peermr_client_unmap(client_context);
	return 0;
}

/* Not called after a revocation; so what is left to do is in release(). */
static void peermr_client_put_pages(struct sg_table *sg_head,
				    void *client_context)
{
}

static unsigned long peermr_client_get_page_size(void *client_context)
{
	return PAGE_SIZE;
}

static void peermr_client_release(void *client_context)
{
	struct peermr_client_range *range = client_context;

	/* A revocation that is under way ends before the attachment does. */
	if (range->attach)
		dma_buf_detach(range->dmabuf, range->attach);
	if (range->dmabuf)
		dma_buf_put(range->dmabuf);
	sg_free_table(&range->table);
	kfree(range);
	module_put(THIS_MODULE);
}

static int peermr_client_vmap_locked(struct peermr_client_range *range,
				     struct iosys_map *map)
{
	int ret;

	ret = dma_buf_pin(range->attach);
	if (ret)
		return ret;
	ret = dma_buf_vmap(range->dmabuf, &range->map);
	if (ret) {
		dma_buf_unpin(range->attach);
		return ret;
	}
	range->mapped = true;
	*map = range->map;
	iosys_map_incr(map, range->start);
	return 0;
}

int peermr_client_vmap(void *client_context, struct device *device,
		       struct iosys_map *map)
{
	struct peermr_client_range *range = client_context;
	int ret;

	ret = peermr_client_attach(range, device);
	if (ret)
		return ret;
	dma_resv_lock(range->dmabuf->resv, NULL);
	ret = peermr_client_vmap_locked(range, map);
	dma_resv_unlock(range->dmabuf->resv);
	return ret;
}

void peermr_client_vunmap(void *client_context, struct iosys_map *map)
{
	peermr_client_unmap(client_context);
}

const struct peer_memory_client peermr_client_callbacks = {
	.name = "peermr",
	.version = "0.1.0",
	.acquire = peermr_client_acquire,
	.get_pages = peermr_client_get_pages,
	.dma_map = peermr_client_dma_map,
	.dma_unmap = peermr_client_dma_unmap,
	.put_pages = peermr_client_put_pages,
	.get_page_size = peermr_client_get_page_size,
	.release = peermr_client_release,
};
