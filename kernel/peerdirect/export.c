// SPDX-License-Identifier: GPL-2.0
/*
 * MRs on dma-bufs that clients made themselves. Everything about them is
 * between the driver and who made the dma-buf; they are known here by the
 * device's table, for the clients' counters only.
 */

#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

#include "peerdirect.h"

static const struct rhashtable_params peerdirect_exports_params = {
	.key_len = sizeof_field(struct peerdirect_export, mr),
	.key_offset = offsetof(struct peerdirect_export, mr),
	.head_offset = offsetof(struct peerdirect_export, node),
	.automatic_shrinking = true,
};

int peerdirect_exports_init(struct peerdirect_device *device)
{
	return rhashtable_init(&device->exports, &peerdirect_exports_params);
}

static void peerdirect_export_drop(void *export, void *arg)
{
	peerdirect_export_end(export);
}

/* The device goes, and what is still registered goes with it. */
void peerdirect_exports_destroy(struct peerdirect_device *device)
{
	rhashtable_free_and_destroy(&device->exports, peerdirect_export_drop,
				    NULL);
}

bool peerdirect_exports_exist(const struct peerdirect_device *device)
{
	return atomic_read(&device->exports.nelems);
}

/**
 * peerdirect_export_add() - count an MR
 * @device: its device
 * @client: whose memory it is on
 * @reg: what was asked for
 * @mr: the MR, which user space does not know yet
 *
 * Return: 0, -ENOMEM, or another error of the hash table.
 */
int peerdirect_export_add(struct peerdirect_device *device,
			  struct peerdirect_client *client,
			  const struct peermr_reg_mr *reg,
			  const struct ib_mr *mr)
{
	struct peerdirect_export *export;
	int ret;

	export = kzalloc(sizeof(*export), GFP_KERNEL_ACCOUNT);
	if (!export)
		return -ENOMEM;
	export->mr = mr;
	export->client = client;
	export->length = reg->length;
	export->pages = (PAGE_ALIGN(reg->start + reg->length) -
			 ALIGN_DOWN(reg->start, PAGE_SIZE)) >> PAGE_SHIFT;
	ret = rhashtable_insert_fast(&device->exports, &export->node,
				     peerdirect_exports_params);
	if (ret) {
		kfree(export);
		return ret;
	}
	kobject_get(&client->kobj);
	peerdirect_client_lends(client, export->pages, export->length);
	return 0;
}

/*
 * Take an MR that is about to be deregistered out of the table, if it is in
 * there: its address may belong to another before the driver has returned.
 */
struct peerdirect_export *
peerdirect_export_take(struct peerdirect_device *device,
		       const struct ib_mr *mr)
{
	struct peerdirect_export *export;

	if (!peerdirect_exports_exist(device))
		return NULL;
	rcu_read_lock();
	export = rhashtable_lookup(&device->exports, &mr,
				   peerdirect_exports_params);
	if (export &&
	    rhashtable_remove_fast(&device->exports, &export->node,
				   peerdirect_exports_params))
		export = NULL;
	rcu_read_unlock();
	return export;
}

/* The MR stays. If there is no memory for that, it counts as gone. */
void peerdirect_export_restore(struct peerdirect_device *device,
			       struct peerdirect_export *export)
{
	/* Lookups of other MRs may still be looking at it. */
	synchronize_rcu();
	if (rhashtable_insert_fast(&device->exports, &export->node,
				   peerdirect_exports_params))
		peerdirect_export_end(export);
}

/* The MR is gone. */
void peerdirect_export_end(struct peerdirect_export *export)
{
	struct peerdirect_client *client = export->client;

	peerdirect_client_gets_back(client, export->pages, export->length);
	kobject_put(&client->kobj);
	kfree_rcu(export, rcu);
}
