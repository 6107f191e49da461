// SPDX-License-Identifier: GPL-2.0
/* Clients: who registered, and which of them serves a range. */

#define pr_fmt(fmt) "peerdirect: " fmt

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "peerdirect.h"

#define PEERDIRECT_WAITS_LOG	10	/* seconds between messages */

DECLARE_RWSEM(peerdirect_clients_lock);
static LIST_HEAD(peerdirect_clients);

/* May be wrong at once: a client that comes or goes meets no guarantee. */
bool peerdirect_clients_exist(void)
{
	return !list_empty_careful(&peerdirect_clients);
}

static bool peerdirect_client_complete(const struct peer_memory_client *ops)
{
	const char *missing = NULL;

	if (strnlen(ops->name, IB_PEER_MEMORY_NAME_MAX) ==
	    IB_PEER_MEMORY_NAME_MAX || !*ops->name || strchr(ops->name, '/')) {
		pr_err("a client without a proper name is refused\n");
		return false;
	}
	if (!ops->acquire)
		missing = "acquire";
	else if (!ops->get_pages)
		missing = "get_pages";
	else if (!ops->dma_map)
		missing = "dma_map";
	else if (!ops->dma_unmap)
		missing = "dma_unmap";
	else if (!ops->put_pages)
		missing = "put_pages";
	if (missing)
		pr_err("client %s is refused: it has no %s\n", ops->name,
		       missing);
	return !missing;
}

/* A client with flags says so in the last byte of its version. */
static const struct peer_memory_client_ex *
peerdirect_client_flags(const struct peer_memory_client *ops)
{
	const struct peer_memory_client_ex *ex;

	if (!ops->version[IB_PEER_MEMORY_VER_MAX - 1])
		return NULL;
	ex = container_of(ops, struct peer_memory_client_ex, client);
	if (ex->ex_size < offsetofend(struct peer_memory_client_ex, flags))
		return NULL;
	return ex;
}

static const struct peerdirect_client_ex *
peerdirect_client_extension(const struct peer_memory_client_ex *ex)
{
	const struct peerdirect_client_ex *extension;

	if (!ex || !(ex->flags & PEERDIRECT_CLIENT_EX) ||
	    ex->ex_size < sizeof(*extension))
		return NULL;
	extension = container_of(ex, struct peerdirect_client_ex, ex);
	if (extension->magic != PEERDIRECT_CLIENT_EX_MAGIC ||
	    !extension->vmap || !extension->vunmap)
		return NULL;
	return extension;
}

static bool peerdirect_client_name_taken(const char *name)
{
	struct peerdirect_client *client;

	lockdep_assert_held_write(&peerdirect_clients_lock);
	list_for_each_entry(client, &peerdirect_clients, node)
		if (!strcmp(client->ops->name, name))
			return true;
	return false;
}

/* Its name is free, and it is to be found in sysfs and by registrations. */
static int peerdirect_client_publish(struct peerdirect_client *client)
{
	int ret;

	down_write(&peerdirect_clients_lock);
	if (peerdirect_client_name_taken(client->ops->name))
		ret = -EEXIST;
	else
		ret = peerdirect_client_kobject_add(client);
	if (!ret)
		list_add_tail(&client->node, &peerdirect_clients);
	up_write(&peerdirect_clients_lock);
	return ret;
}

void *
ib_register_peer_memory_client(const struct peer_memory_client *peer_client,
			       invalidate_peer_memory *invalidate_callback)
{
	const struct peer_memory_client_ex *ex;
	struct peerdirect_client *client;
	int ret;

	if (!peerdirect_client_complete(peer_client))
		return NULL;
	client = kzalloc(sizeof(*client), GFP_KERNEL);
	if (!client)
		return NULL;

	peerdirect_client_kobject_init(client);
	ex = peerdirect_client_flags(peer_client);
	client->ops = peer_client;
	client->ex = peerdirect_client_extension(ex);
	client->unmaps = ex && ex->flags & PEER_MEM_INVALIDATE_UNMAPS;
	client->revokes = invalidate_callback;
	xa_init_flags(&client->regions, XA_FLAGS_ALLOC1);
	refcount_set(&client->users, 1);
	init_completion(&client->idle);
	/* Before anybody may ask the client for memory. */
	if (invalidate_callback)
		*invalidate_callback = peerdirect_region_invalidate;

	ret = peerdirect_client_publish(client);
	if (ret) {
		pr_err("client %s is refused: %s (%d)\n", peer_client->name,
		       ret == -EEXIST ? "there is one of that name" :
					"no directory in sysfs", ret);
		kobject_put(&client->kobj);
		return NULL;
	}
	peerdirect_devices_report(client);
	return client;
}
EXPORT_SYMBOL_GPL(ib_register_peer_memory_client);

/* Take the memory back where that is possible: the client is about to go. */
static void peerdirect_client_revoke(struct peerdirect_client *client)
{
	struct peerdirect_region *region;
	unsigned long id = 0;

	while ((region = peerdirect_region_next(client, &id))) {
		wait_for_completion(&region->ready);
		if (region->revocable) {
			peerdirect_region_revoke(region);
			peerdirect_region_finish(region);
		}
		peerdirect_region_put(region);
	}
}

static void peerdirect_client_put(struct peerdirect_client *client)
{
	if (refcount_dec_and_test(&client->users))
		complete(&client->idle);
}

void ib_unregister_peer_memory_client(void *reg_handle)
{
	struct peerdirect_client *client = reg_handle;
	unsigned int waits = 0;

	down_write(&peerdirect_clients_lock);
	list_del(&client->node);
	kobject_del(&client->kobj);
	up_write(&peerdirect_clients_lock);

	peerdirect_client_put(client);
	for (;;) {
		/* More than once: a claim may have been under way. */
		peerdirect_client_revoke(client);
		if (wait_for_completion_timeout(&client->idle, HZ))
			break;
		if (++waits % PEERDIRECT_WAITS_LOG == 0)
			pr_warn("client %s cannot go before %u registrations of its memory are gone\n",
				client->ops->name,
				refcount_read(&client->users));
	}
	kobject_put(&client->kobj);
}
EXPORT_SYMBOL_GPL(ib_unregister_peer_memory_client);

/* Give up what peerdirect_client_claim() gave. */
void peerdirect_client_release(struct peerdirect_client *client, void *context)
{
	if (client->ops->release)
		client->ops->release(context);
	peerdirect_client_put(client);
}

/* Count a registration of the client's memory, of @pages of its size. */
void peerdirect_client_lends(struct peerdirect_client *client, u64 pages,
			     u64 bytes)
{
	atomic64_inc(&client->stats.alloc_mrs);
	atomic64_add(pages, &client->stats.reg_pages);
	atomic64_add(bytes, &client->stats.reg_bytes);
}

/* Count the end of a registration. */
void peerdirect_client_gets_back(struct peerdirect_client *client, u64 pages,
				 u64 bytes)
{
	atomic64_inc(&client->stats.dealloc_mrs);
	atomic64_add(pages, &client->stats.dereg_pages);
	atomic64_add(bytes, &client->stats.dereg_bytes);
}

/* Can @device give back what @client lends it, if the client wants that? */
static bool peerdirect_client_suits(const struct peerdirect_client *client,
				    const struct peerdirect_device *device)
{
	return !client->revokes || device->revocable;
}

/**
 * peerdirect_client_claim() - whose memory is it?
 * @device: what it is registered for
 * @start: first byte
 * @length: bytes
 * @context: the client's, for its other callbacks
 *
 * Return: the client whose acquire() said that it serves, to be given up by
 * peerdirect_client_release(); or NULL.
 */
struct peerdirect_client *
peerdirect_client_claim(const struct peerdirect_device *device, u64 start,
			u64 length, void **context)
{
	struct peerdirect_client *client, *found = NULL;

	down_read(&peerdirect_clients_lock);
	list_for_each_entry(client, &peerdirect_clients, node) {
		if (!peerdirect_client_suits(client, device))
			continue;
		*context = NULL;
		if (client->ops->acquire(start, length, NULL, NULL,
					 context) > 0) {
			refcount_inc(&client->users);
			found = client;
			break;
		}
	}
	up_read(&peerdirect_clients_lock);
	return found;
}

/* Say why @client is of no use on @device, if so. */
void peerdirect_client_report(const struct peerdirect_client *client,
			      const struct peerdirect_device *device)
{
	if (!peerdirect_client_suits(client, device))
		dev_warn(&device->ibdev->dev,
			 "peerdirect: cannot give back memory, which client %s may ask for: not used for it\n",
			 client->ops->name);
	else if (!device->dma && !client->ex)
		dev_warn(&device->ibdev->dev,
			 "peerdirect: is no PCI device that does DMA, and client %s has DMA addresses only: its memory is refused\n",
			 client->ops->name);
}

/* Say which clients are of no use on a device. */
void peerdirect_clients_report(const struct peerdirect_device *device)
{
	struct peerdirect_client *client;

	down_read(&peerdirect_clients_lock);
	list_for_each_entry(client, &peerdirect_clients, node)
		peerdirect_client_report(client, device);
	up_read(&peerdirect_clients_lock);
}
