// SPDX-License-Identifier: GPL-2.0
/*
 * The dma-buf of a region. It has a file descriptor for the time of one call of
 * the driver, and other threads of the process may see that; so it is attached
 * once, by the task and for the device that it was made for, and can be mapped
 * in no other way.
 */

#include <linux/dma-buf.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "p2p.h"
#include "peerdirect.h"

static int peerdirect_dmabuf_attach(struct dma_buf *dmabuf,
				    struct dma_buf_attachment *attach)
{
	struct peerdirect_region *region = dmabuf->priv;
	int ret = 0;

	if (region->task != current || attach->dev != region->importer)
		return -EPERM;
	/* The addresses have no pages to fall back to. */
	if (!attach->peer2peer)
		return -EOPNOTSUPP;
	if (region->revocable && !peermr_p2p_revocable(attach)) {
		dev_warn_once(attach->dev,
			      "peerdirect: does not let go of a dma-buf when told, against expectation\n");
		return -EOPNOTSUPP;
	}

	dma_resv_lock(&region->resv, NULL);
	if (region->attached)
		ret = -EBUSY;
	else if (region->revoked)
		ret = -ENODEV;
	else
		WRITE_ONCE(region->attached, true);
	dma_resv_unlock(&region->resv);
	return ret;
}

/* The driver has deregistered, or failed to register. */
static void peerdirect_dmabuf_detach(struct dma_buf *dmabuf,
				     struct dma_buf_attachment *attach)
{
	struct peerdirect_region *region = dmabuf->priv;
	struct ib_mr *mr = region->mr;

	if (mr)
		xa_erase(&peerdirect_mrs, (unsigned long)mr);
	peerdirect_region_finish(region);
}

/* Drivers that only pin get clients only that never take memory back. */
static int peerdirect_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct peerdirect_region *region = attach->dmabuf->priv;

	dma_resv_assert_held(&region->resv);
	return region->revoked ? -ENODEV : 0;
}

static void peerdirect_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	struct peerdirect_region *region = attach->dmabuf->priv;

	dma_resv_assert_held(&region->resv);
}

static void peerdirect_dmabuf_user_gone(struct peerdirect_region *region)
{
	dma_resv_assert_held(&region->resv);
	WRITE_ONCE(region->users, region->users - 1);
	if (!region->users)
		wake_up_all(&region->wait);
}

static struct sg_table *
peerdirect_dmabuf_map(struct dma_buf_attachment *attach,
		      enum dma_data_direction dir)
{
	struct peerdirect_region *region = attach->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(&region->resv);
	if (region->revoked)
		return ERR_PTR(-ENODEV);
	if (!region->dma)
		return ERR_PTR(-EOPNOTSUPP);
	sgt = peerdirect_pages_table(region);
	if (!IS_ERR(sgt))
		WRITE_ONCE(region->users, region->users + 1);
	return sgt;
}

static void peerdirect_dmabuf_unmap(struct dma_buf_attachment *attach,
				    struct sg_table *sgt,
				    enum dma_data_direction dir)
{
	sg_free_table(sgt);
	kfree(sgt);
	peerdirect_dmabuf_user_gone(attach->dmabuf->priv);
}

static int peerdirect_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct peerdirect_region *region = dmabuf->priv;

	dma_resv_assert_held(&region->resv);
	if (region->revoked)
		return -ENODEV;
	*map = region->map;
	WRITE_ONCE(region->users, region->users + 1);
	return 0;
}

static void peerdirect_dmabuf_vunmap(struct dma_buf *dmabuf,
				     struct iosys_map *map)
{
	peerdirect_dmabuf_user_gone(dmabuf->priv);
}

static void peerdirect_dmabuf_release(struct dma_buf *dmabuf)
{
	struct peerdirect_region *region = dmabuf->priv;

	dma_resv_lock(&region->resv, NULL);
	region->dmabuf = NULL;
	dma_resv_unlock(&region->resv);
	peerdirect_region_put(region);
}

static const struct dma_buf_ops peerdirect_dmabuf_ops = {
	.attach = peerdirect_dmabuf_attach,
	.detach = peerdirect_dmabuf_detach,
	.pin = peerdirect_dmabuf_pin,
	.unpin = peerdirect_dmabuf_unpin,
	.map_dma_buf = peerdirect_dmabuf_map,
	.unmap_dma_buf = peerdirect_dmabuf_unmap,
	.release = peerdirect_dmabuf_release,
};

/* For a device that the CPU drives. */
static const struct dma_buf_ops peerdirect_dmabuf_cpu_ops = {
	.attach = peerdirect_dmabuf_attach,
	.detach = peerdirect_dmabuf_detach,
	.pin = peerdirect_dmabuf_pin,
	.unpin = peerdirect_dmabuf_unpin,
	.map_dma_buf = peerdirect_dmabuf_map,
	.unmap_dma_buf = peerdirect_dmabuf_unmap,
	.vmap = peerdirect_dmabuf_vmap,
	.vunmap = peerdirect_dmabuf_vunmap,
	.release = peerdirect_dmabuf_release,
};

/**
 * peerdirect_dmabuf_create() - give a region its dma-buf
 * @region: set up; its reference is the dma-buf's on success
 *
 * Return: 0, with a reference on the dma-buf for the caller; -ENOMEM or another
 * error of dma_buf_export().
 */
int peerdirect_dmabuf_create(struct peerdirect_region *region)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	info.ops = region->dma ? &peerdirect_dmabuf_ops :
				 &peerdirect_dmabuf_cpu_ops;
	info.size = region->size;
	info.flags = O_RDWR | O_CLOEXEC;
	info.resv = &region->resv;
	info.priv = region;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	dma_resv_lock(&region->resv, NULL);
	region->dmabuf = dmabuf;
	dma_resv_unlock(&region->resv);
	return 0;
}
