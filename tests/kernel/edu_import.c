// SPDX-License-Identifier: GPL-2.0
/*
 * The device as a dynamic importer. The engine runs under the reservation lock,
 * and so does the exporter's notice: when it comes, no DMA is under way, and the
 * mapping goes at once. What is asked for after that maps again, as importers
 * do whose memory has only moved, and gets what the exporter says.
 */

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "importer.h"

#include "edu.h"

static void edu_import_drop_mapping(struct edu_import *import)
{
	if (!import->sgt)
		return;
	dma_resv_assert_held(import->attach->dmabuf->resv);
	dma_buf_unmap_attachment(import->attach, import->sgt,
				 DMA_BIDIRECTIONAL);
	import->sgt = NULL;
}

static void edu_import_invalidate(struct dma_buf_attachment *attach)
{
	struct edu_import *import = attach->importer_priv;

	import->notices++;
	if (!(import->flags & EDU_IMPORT_KEEP))
		edu_import_drop_mapping(import);
}

static const struct dma_buf_attach_ops edu_attach_ops = {
	.allow_peer2peer = true,
	.peermr_compat_invalidate = edu_import_invalidate,
};

static const struct dma_buf_attach_ops edu_attach_no_p2p_ops = {
	.peermr_compat_invalidate = edu_import_invalidate,
};

static const struct dma_buf_attach_ops edu_attach_no_notice_ops = {
	.allow_peer2peer = true,
};

static struct dma_buf_attachment *edu_import_try(struct edu_import *import,
						 struct dma_buf *dmabuf,
						 unsigned int flags)
{
	const struct dma_buf_attach_ops *ops = &edu_attach_ops;
	struct device *dev = &import->edu->pdev->dev;

	if (flags & EDU_IMPORT_NO_P2P)
		ops = &edu_attach_no_p2p_ops;
	if (flags & EDU_IMPORT_NO_NOTICE)
		ops = &edu_attach_no_notice_ops;
	if (flags & EDU_IMPORT_NO_DMA)
		dev = import->edu->misc.this_device;
	return dma_buf_dynamic_attach(dmabuf, dev, ops, import);
}

int edu_import_attach(struct edu_import *import,
		      const struct edu_import_args *args)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	int ret = 0;

	if ((args->flags & EDU_IMPORT_NO_NOTICE) &&
	    !PEERMR_COMPAT_INVALIDATE_OPTIONAL)
		return -ENOTTY;
	dmabuf = dma_buf_get(args->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	mutex_lock(&import->lock);
	if (import->attach) {
		ret = -EBUSY;
		goto out_unlock;
	}
	/* A notice may come before the call is back, and finds no mapping. */
	import->flags = args->flags;
	attach = edu_import_try(import, dmabuf, args->flags);
	if (IS_ERR(attach))
		ret = PTR_ERR(attach);
	else	/* Pairs with the acquire in edu_ioctl(). */
		smp_store_release(&import->attach, attach);
out_unlock:
	mutex_unlock(&import->lock);
	if (ret)
		dma_buf_put(dmabuf);
	return ret;
}

void edu_import_end(struct edu_import *import)
{
	struct dma_buf *dmabuf;

	if (!import->attach)
		return;
	dmabuf = import->attach->dmabuf;
	edu_import_finish(import);
	edu_import_unmap(import);
	dma_buf_detach(dmabuf, import->attach);
	dma_buf_put(dmabuf);
}

static int edu_import_map_locked(struct edu_import *import)
{
	struct sg_table *sgt;

	dma_resv_assert_held(import->attach->dmabuf->resv);
	if (import->sgt)
		return 0;
	sgt = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	import->sgt = sgt;
	import->nents = sgt->nents;
	return 0;
}

int edu_import_map(struct edu_import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	int ret;

	dma_resv_lock(resv, NULL);
	ret = edu_import_map_locked(import);
	dma_resv_unlock(resv);
	return ret;
}

void edu_import_unmap(struct edu_import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	edu_import_drop_mapping(import);
	dma_resv_unlock(resv);
}

void edu_import_state(struct edu_import *import, struct edu_state *state)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	state->mapped = !!import->sgt;
	state->notices = import->notices;
	state->nents = import->nents;
	dma_resv_unlock(resv);
}

int edu_import_segment(struct edu_import *import, struct edu_segment *segment)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	struct scatterlist *sg;
	int ret = -ENOENT;
	unsigned int i;

	dma_resv_lock(resv, NULL);
	if (import->sgt) {
		for_each_sgtable_dma_sg(import->sgt, sg, i) {
			if (i != segment->index)
				continue;
			segment->address = sg_dma_address(sg);
			segment->length = sg_dma_len(sg);
			ret = 0;
		}
	}
	dma_resv_unlock(resv);
	return ret;
}

/* The DMA address of @offset, and how many bytes follow it: 0 if none. */
static size_t edu_import_address(struct edu_import *import, u64 offset,
				 dma_addr_t *address)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(import->sgt, sg, i) {
		if (offset < sg_dma_len(sg)) {
			*address = sg_dma_address(sg) + offset;
			return sg_dma_len(sg) - offset;
		}
		offset -= sg_dma_len(sg);
	}
	return 0;
}

/* One command of the engine; returns the bytes that it has moved. */
static ssize_t edu_import_command(struct edu_import *import, u64 offset,
				  void *data, size_t length, bool from)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	dma_addr_t address;
	ssize_t ret;

	dma_resv_lock(resv, NULL);
	ret = edu_import_map_locked(import);
	if (ret)
		goto out_unlock;
	length = min3(length, (size_t)EDU_COMMAND_MAX,
		      edu_import_address(import, offset, &address));
	ret = length ? edu_engine_move(import->edu, address, data, length,
				       from) : -EINVAL;
out_unlock:
	dma_resv_unlock(resv);
	return ret ?: length;
}

int edu_import_transfer(struct edu_import *import, u64 offset, void *data,
			size_t length, bool from)
{
	size_t done = 0;
	ssize_t ret;

	while (done < length) {
		ret = edu_import_command(import, offset + done, data + done,
					 length - done, from);
		if (ret < 0)
			return ret;
		done += ret;
	}
	return 0;
}

static const char *edu_fence_name(struct dma_fence *fence)
{
	return "edu";
}

static const struct dma_fence_ops edu_fence_ops = {
	.get_driver_name = edu_fence_name,
	.get_timeline_name = edu_fence_name,
};

static DEFINE_SPINLOCK(edu_fence_lock);

int edu_import_begin(struct edu_import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	struct dma_fence *fence;
	int ret;

	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	if (!fence)
		return -ENOMEM;
	dma_fence_init(fence, &edu_fence_ops, &edu_fence_lock,
		       dma_fence_context_alloc(1), 1);

	dma_resv_lock(resv, NULL);
	ret = import->fence ? -EBUSY : dma_resv_reserve_fences(resv, 1);
	if (!ret) {
		dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_BOOKKEEP);
		import->fence = fence;
	}
	dma_resv_unlock(resv);
	if (ret)
		dma_fence_put(fence);
	return ret;
}

void edu_import_finish(struct edu_import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	struct dma_fence *fence;

	dma_resv_lock(resv, NULL);
	fence = import->fence;
	import->fence = NULL;
	dma_resv_unlock(resv);
	if (!fence)
		return;
	dma_fence_signal(fence);
	dma_fence_put(fence);
}
