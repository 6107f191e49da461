// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers as dma-bufs. A hardware NIC maps one for itself and is told when it
 * goes away; a NIC that the CPU drives (Soft-RoCE) takes the kernel mapping.
 *
 * An export is revoked under the reservation lock of its dma-buf: mark, tell
 * the importers, and then wait, without any lock, until the last one has
 * unmapped. The order of locks is window->lock, then the reservation lock; so
 * no callback that runs under the latter takes the former.
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "p2p.h"
#include "peermr.h"
#include "trace.h"

/**
 * struct peermr_dmabuf - a dma-buf of a buffer
 * @buffer: a reference, until the dma-buf is released
 * @dmabuf: whose private data this is
 * @node: in buffer->exports, under window->lock
 * @revoked: set once; under the reservation lock
 * @users: mappings of importers, in DMA addresses or in the kernel's; changed
 *	under the reservation lock
 */
struct peermr_dmabuf {
	struct peermr_buffer *buffer;
	struct dma_buf *dmabuf;
	struct list_head node;
	bool revoked;
	unsigned int users;
};

static int peermr_dmabuf_attach(struct dma_buf *dmabuf,
				struct dma_buf_attachment *attach)
{
	struct peermr_dmabuf *export = dmabuf->priv;

	/* There are no pages to fall back to. */
	if (!attach->peer2peer)
		return -EOPNOTSUPP;
	if (!peermr_p2p_revocable(attach)) {
		dev_warn_ratelimited(attach->dev,
				     "peermr: cannot give memory back when told, so gets none\n");
		return -EOPNOTSUPP;
	}
	return READ_ONCE(export->revoked) ? -ENODEV : 0;
}

/*
 * Kernels without CONFIG_DMABUF_MOVE_NOTIFY pin on every mapping: this says
 * nothing about the importer. Memory that was pinned is revoked all the same.
 */
static int peermr_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct peermr_dmabuf *export = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	return export->revoked ? -ENODEV : 0;
}

static void peermr_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
}

static struct sg_table *peermr_dmabuf_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	struct peermr_dmabuf *export = attach->dmabuf->priv;
	struct peermr_buffer *buffer = export->buffer;
	struct peermr_window *window = buffer->window;
	struct peermr_p2p_range range;
	struct sg_table *sgt;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (export->revoked)
		return ERR_PTR(-ENODEV);

	range.pdev = window->pdev;
	range.bar = window->bar;
	range.phys = window->phys + buffer->offset;
	range.size = buffer->length;
	sgt = peermr_p2p_map(attach, &range, dir);
	if (!IS_ERR(sgt))
		WRITE_ONCE(export->users, export->users + 1);
	return sgt;
}

static void peermr_dmabuf_unmap(struct dma_buf_attachment *attach,
				struct sg_table *sgt,
				enum dma_data_direction dir)
{
	struct peermr_dmabuf *export = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	peermr_p2p_unmap(attach, sgt, dir);
	WRITE_ONCE(export->users, export->users - 1);
}

static int peermr_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct peermr_dmabuf *export = dmabuf->priv;
	struct peermr_buffer *buffer = export->buffer;

	dma_resv_assert_held(dmabuf->resv);
	if (export->revoked)
		return -ENODEV;
	WRITE_ONCE(export->users, export->users + 1);
	iosys_map_set_vaddr_iomem(map, buffer->window->kva + buffer->offset);
	return 0;
}

static void peermr_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct peermr_dmabuf *export = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);
	WRITE_ONCE(export->users, export->users - 1);
}

/*
 * The CPU has written through its mappings, and another device will be told to
 * read that. Nothing is done when access begins: no cache has the memory, and a
 * CPU's read does not overtake what a NIC has written.
 */
static int peermr_dmabuf_end_cpu_access(struct dma_buf *dmabuf,
					enum dma_data_direction dir)
{
	struct peermr_dmabuf *export = dmabuf->priv;
	struct peermr_buffer *buffer = export->buffer;
	int ret;

	/* Revocation waits for this lock before it takes the mapping away. */
	ret = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (ret)
		return ret;
	if (export->revoked) {
		ret = -ENODEV;
	} else if (dir != DMA_FROM_DEVICE) {
		/*
		 * Stores wait to be combined in mode pfn, and are posted in
		 * both: a read pushes them ahead of itself.
		 */
		wmb();
		__raw_readq(buffer->window->kva + buffer->offset);
	}
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

static int peermr_dmabuf_mmap(struct dma_buf *dmabuf,
			      struct vm_area_struct *vma)
{
	struct peermr_dmabuf *export = dmabuf->priv;

	if (READ_ONCE(export->revoked))
		return -ENODEV;
	return peermr_vma_adopt(vma, export->buffer);
}

static void peermr_dmabuf_release(struct dma_buf *dmabuf)
{
	struct peermr_dmabuf *export = dmabuf->priv;
	struct peermr_buffer *buffer = export->buffer;

	mutex_lock(&buffer->window->lock);
	list_del(&export->node);
	mutex_unlock(&buffer->window->lock);
	kfree(export);
	peermr_buffer_put(buffer);
}

static const struct dma_buf_ops peermr_dmabuf_ops = {
	.attach = peermr_dmabuf_attach,
	.pin = peermr_dmabuf_pin,
	.unpin = peermr_dmabuf_unpin,
	.map_dma_buf = peermr_dmabuf_map,
	.unmap_dma_buf = peermr_dmabuf_unmap,
	.end_cpu_access = peermr_dmabuf_end_cpu_access,
	.vmap = peermr_dmabuf_vmap,
	.vunmap = peermr_dmabuf_vunmap,
	.mmap = peermr_dmabuf_mmap,
	.release = peermr_dmabuf_release,
};

/* Enter @export into its buffer, unless that was revoked meanwhile. */
static int peermr_dmabuf_link(struct peermr_dmabuf *export)
{
	struct peermr_buffer *buffer = export->buffer;
	int ret = 0;

	mutex_lock(&buffer->window->lock);
	if (buffer->revoked || buffer->backing != PEERMR_BACKING_EXTENT) {
		INIT_LIST_HEAD(&export->node);
		export->revoked = true;
		ret = -ENODEV;
	} else {
		list_add_tail(&export->node, &buffer->exports);
	}
	mutex_unlock(&buffer->window->lock);
	return ret;
}

/**
 * peermr_buffer_export() - make a dma-buf of a buffer
 * @buffer: the buffer; the dma-buf gets a reference of its own
 *
 * Return: the dma-buf, to be given up by dma_buf_put(), or ERR_PTR: -ENODEV
 * (revoked), -ENOMEM, -EINTR (killed while the memory was zeroed).
 */
struct dma_buf *peermr_buffer_export(struct peermr_buffer *buffer)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct peermr_dmabuf *export;
	struct dma_buf *dmabuf;
	int ret;

	/* An importer sees all of it at once. */
	ret = peermr_buffer_expose(buffer);
	if (ret)
		return ERR_PTR(ret);

	export = kzalloc(sizeof(*export), GFP_KERNEL_ACCOUNT);
	if (!export)
		return ERR_PTR(-ENOMEM);
	export->buffer = buffer;

	info.ops = &peermr_dmabuf_ops;
	info.size = buffer->length;
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(export);
		return dmabuf;
	}

	/* From here on dma_buf_put() frees export and drops the buffer. */
	peermr_buffer_get(buffer);
	export->dmabuf = dmabuf;
	ret = peermr_dmabuf_link(export);
	if (ret) {
		dma_buf_put(dmabuf);
		return ERR_PTR(ret);
	}
	trace_peermr_export(buffer);
	return dmabuf;
}

/* The buffer's shared dma-buf, with a reference; @first becomes it, if any. */
static struct dma_buf *peermr_dmabuf_shared(struct peermr_buffer *buffer,
					    struct dma_buf *first)
{
	struct dma_buf *dmabuf;

	mutex_lock(&buffer->window->lock);
	/* Nobody would give it up after the last mapping. */
	if (!buffer->shared && first && atomic_read(&buffer->mappings)) {
		get_dma_buf(first);
		buffer->shared = first;
	}
	dmabuf = buffer->shared;
	if (dmabuf)
		get_dma_buf(dmabuf);
	mutex_unlock(&buffer->window->lock);
	return dmabuf;
}

/**
 * peermr_buffer_share() - get the dma-buf that a buffer's mappings share
 * @buffer: the buffer
 *
 * Making one takes longer than registering it, and addresses are registered
 * again and again. It lives as long as any mapping or importer.
 *
 * Return: as peermr_buffer_export().
 */
struct dma_buf *peermr_buffer_share(struct peermr_buffer *buffer)
{
	struct dma_buf *dmabuf, *shared;

	if (READ_ONCE(buffer->revoked))
		return ERR_PTR(-ENODEV);
	dmabuf = peermr_dmabuf_shared(buffer, NULL);
	if (dmabuf)
		return dmabuf;

	dmabuf = peermr_buffer_export(buffer);
	if (IS_ERR(dmabuf))
		return dmabuf;
	shared = peermr_dmabuf_shared(buffer, dmabuf);
	if (!shared)
		return dmabuf;
	dma_buf_put(dmabuf);
	return shared;
}

/* The last mapping is gone. May hold the mmap_lock: the rest is put off. */
void peermr_buffer_unshare(struct peermr_buffer *buffer)
{
	struct dma_buf *dmabuf;

	mutex_lock(&buffer->window->lock);
	dmabuf = buffer->shared;
	buffer->shared = NULL;
	mutex_unlock(&buffer->window->lock);
	if (dmabuf)
		dma_buf_put(dmabuf);
}

/* With window->lock held, which keeps the exports from being released. */
static void peermr_dmabuf_zap(struct peermr_buffer *buffer)
{
	struct peermr_dmabuf *export;

	list_for_each_entry(export, &buffer->exports, node) {
		dma_resv_lock(export->dmabuf->resv, NULL);
		WRITE_ONCE(export->revoked, true);
		peermr_p2p_invalidate(export->dmabuf);
		dma_resv_unlock(export->dmabuf->resv);
	}
}

/* Some importer has work under way that it has put a fence behind. */
static bool peermr_dmabuf_busy(struct peermr_dmabuf *export)
{
	return !dma_resv_test_signaled(export->dmabuf->resv,
				       DMA_RESV_USAGE_BOOKKEEP);
}

/* No importer has a mapping, and none has work under way. */
static bool peermr_dmabuf_drained(struct peermr_buffer *buffer)
{
	struct peermr_dmabuf *export;

	list_for_each_entry(export, &buffer->exports, node)
		if (READ_ONCE(export->users) || peermr_dmabuf_busy(export))
			return false;
	return true;
}

/* Name the devices that have not let go, for somebody who waits for them. */
static void peermr_dmabuf_describe(struct peermr_buffer *buffer)
{
	struct dma_buf_attachment *attach;
	struct peermr_dmabuf *export;
	const char *still;

	list_for_each_entry(export, &buffer->exports, node) {
		dma_resv_lock(export->dmabuf->resv, NULL);
		still = export->users ? "mapped" :
			peermr_dmabuf_busy(export) ? "in use" : NULL;
		if (still)
			list_for_each_entry(attach,
					    &export->dmabuf->attachments, node)
				dev_warn(&buffer->window->dev,
					 "a dma-buf is still %s by %s\n",
					 still, dev_name(attach->dev));
		dma_resv_unlock(export->dmabuf->resv);
	}
}

const struct peermr_consumer_ops peermr_dmabuf_consumer = {
	.zap = peermr_dmabuf_zap,
	.drained = peermr_dmabuf_drained,
	.describe = peermr_dmabuf_describe,
};
