// SPDX-License-Identifier: GPL-2.0
/*
 * Regions, and how they end. A region is finished, once, by the driver's
 * deregistration, by a registration that failed, or by its client's going.
 * Before that the client may take the memory back.
 *
 * The client's put_pages, and dma_unmap before it, are due while PEERDIRECT_PAGES
 * is set; who clears it calls them, or is the client and undoes it itself.
 */

#include <linux/dma-buf.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "p2p.h"
#include "peerdirect.h"

/* As @core_context may be expected to fit in 32 bits. */
#define PEERDIRECT_REGION_IDS	XA_LIMIT(1, U32_MAX - 1)

static struct lock_class_key peerdirect_resv_key;

static struct peerdirect_region *
peerdirect_region_alloc(const struct peerdirect_device *device,
			const struct peermr_reg_mr *reg)
{
	struct peerdirect_region *region;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return NULL;
	kref_init(&region->refs);
	region->ibdev = device->ibdev;
	region->revocable = device->revocable;
	region->dma = device->dma;
	region->importer = device->dma ?: &device->ibdev->dev;
	region->start = reg->start;
	region->length = reg->length;
	region->task = current;
	region->setup = current;
	init_completion(&region->ready);
	init_completion(&region->unmapped);
	init_completion(&region->finished);
	init_waitqueue_head(&region->wait);
	dma_resv_init(&region->resv);
	lockdep_set_class(&region->resv.lock.base, &peerdirect_resv_key);
	return region;
}

static void peerdirect_region_free(struct kref *refs)
{
	struct peerdirect_region *region =
		container_of(refs, struct peerdirect_region, refs);

	dma_resv_fini(&region->resv);
	kfree(region);
}

void peerdirect_region_put(struct peerdirect_region *region)
{
	kref_put(&region->refs, peerdirect_region_free);
}

/* Number the region and have its client fill it. */
static int peerdirect_region_setup(struct peerdirect_region *region,
				   bool writable)
{
	struct peerdirect_client *client = region->client;
	int ret;

	ret = xa_alloc_cyclic(&client->regions, &region->id, region,
			      PEERDIRECT_REGION_IDS, &client->next_region,
			      GFP_KERNEL_ACCOUNT);
	if (ret >= 0)
		ret = peerdirect_pages_get(region, writable);
	if (!ret) {
		set_bit(PEERDIRECT_COUNTED, &region->flags);
		peerdirect_client_lends(client, region->pages, region->length);
	}
	if (!test_bit(PEERDIRECT_PAGES, &region->flags))
		complete_all(&region->unmapped);
	WRITE_ONCE(region->setup, NULL);
	complete_all(&region->ready);
	return ret;
}

/**
 * peerdirect_region_create() - get memory from the client whose it is
 * @device: the RDMA device it is for
 * @reg: the registration
 * @client: who claims it; its reference is taken over, on errors, too
 * @context: the client's; released at the end, on errors, too
 *
 * Return: the region, to be given up by peerdirect_region_finish() and
 * peerdirect_region_put(), or ERR_PTR: -EOPNOTSUPP (the client cannot serve
 * this device), -ENODEV (taken back while it was set up), -EINVAL (the client's
 * table is wrong), -ENOMEM, or what the client returned.
 */
struct peerdirect_region *
peerdirect_region_create(const struct peerdirect_device *device,
			 const struct peermr_reg_mr *reg,
			 struct peerdirect_client *client, void *context)
{
	struct peerdirect_region *region;
	int ret;

	region = peerdirect_region_alloc(device, reg);
	if (!region) {
		peerdirect_client_release(client, context);
		return ERR_PTR(-ENOMEM);
	}
	region->client = client;
	region->context = context;

	ret = peerdirect_region_setup(region, ib_access_writable(reg->access));
	if (ret) {
		peerdirect_region_finish(region);
		peerdirect_region_put(region);
		return ERR_PTR(ret);
	}
	return region;
}

/* The region with number @id and a reference on it, or NULL. */
struct peerdirect_region *
peerdirect_region_find(struct peerdirect_client *client, unsigned long id)
{
	struct peerdirect_region *region;

	xa_lock(&client->regions);
	region = xa_load(&client->regions, id);
	if (region)
		kref_get(&region->refs);
	xa_unlock(&client->regions);
	return region;
}

/* The same for the first region after number @id, which is set to its own. */
struct peerdirect_region *
peerdirect_region_next(struct peerdirect_client *client, unsigned long *id)
{
	struct peerdirect_region *region;

	xa_lock(&client->regions);
	region = xa_find_after(&client->regions, id, ULONG_MAX, XA_PRESENT);
	if (region)
		kref_get(&region->refs);
	xa_unlock(&client->regions);
	return region;
}

/*
 * Have the client undo the mapping. If another thread is about it, wait for
 * that, unless the client may hold a lock that it needs.
 */
static void peerdirect_region_unmap(struct peerdirect_region *region,
				    bool wait)
{
	if (test_and_clear_bit(PEERDIRECT_PAGES, &region->flags)) {
		WRITE_ONCE(region->unmapper, current);
		peerdirect_pages_put(region);
		WRITE_ONCE(region->unmapper, NULL);
		complete_all(&region->unmapped);
	} else if (wait && READ_ONCE(region->unmapper) != current) {
		wait_for_completion(&region->unmapped);
	}
}

/**
 * peerdirect_region_finish() - the region is not used any more
 * @region: neither mapped by a driver nor about to be
 *
 * The first call counts; others wait for it. Nothing of the client's, nor the
 * RDMA device, is touched after it.
 */
void peerdirect_region_finish(struct peerdirect_region *region)
{
	struct peerdirect_client *client = region->client;

	if (test_and_set_bit(PEERDIRECT_FINISHED, &region->flags)) {
		wait_for_completion(&region->finished);
		return;
	}
	peerdirect_region_unmap(region, !client->unmaps);
	if (test_bit(PEERDIRECT_COUNTED, &region->flags))
		peerdirect_client_gets_back(client, region->pages,
					    region->length);
	xa_erase(&client->regions, region->id);
	peerdirect_client_release(client, region->context);
	complete_all(&region->finished);
}

/**
 * peerdirect_region_revoke() - end the RDMA device's access
 * @region: set up
 *
 * A driver that is about to deregister is not told: it lets go anyway, and some
 * (mlx5 of 6.1) do not stand being told then.
 */
void peerdirect_region_revoke(struct peerdirect_region *region)
{
	dma_resv_lock(&region->resv, NULL);
	if (!region->revoked) {
		WRITE_ONCE(region->revoked, true);
		if (region->dmabuf && !region->leaving)
			peermr_p2p_invalidate(region->dmabuf);
	}
	dma_resv_unlock(&region->resv);
	wait_event(region->wait, !READ_ONCE(region->users));
}

/**
 * peerdirect_region_invalidate() - the callback that clients get
 * @reg_handle: the client
 * @core_context: the number of the region
 *
 * Return: 0.
 */
int peerdirect_region_invalidate(void *reg_handle, u64 core_context)
{
	struct peerdirect_client *client = reg_handle;
	struct peerdirect_region *region;

	atomic64_inc(&client->stats.free_callbacks);
	if (core_context > U32_MAX)
		return 0;
	region = peerdirect_region_find(client, core_context);
	if (!region)
		return 0;

	/* From within its own get_pages or dma_map: told when it returns. */
	if (READ_ONCE(region->setup) == current) {
		region->doomed = true;
		goto out_put;
	}
	wait_for_completion(&region->ready);
	peerdirect_region_revoke(region);
	if (client->unmaps)
		clear_bit(PEERDIRECT_PAGES, &region->flags);
	else
		peerdirect_region_unmap(region, true);
out_put:
	peerdirect_region_put(region);
	return 0;
}
