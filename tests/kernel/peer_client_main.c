// SPDX-License-Identifier: GPL-2.0
/* The callbacks of the test clients, and their registration. */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "peer_client.h"

static int peer_acquire(struct peer_client *client, unsigned long addr,
			size_t size, void **client_context)
{
	struct peer_memory *memory;
	struct peer_range *range;
	size_t offset = 0;

	if (peer_fault("acquire"))
		return -ENOMEM;
	memory = peer_memory_find(client, addr, size, &offset);
	if (!memory && !(peer_fault("claim") && client == &peer_clients[0]))
		return 0;
	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return -ENOMEM;
	INIT_LIST_HEAD(&range->node);
	range->memory = memory;
	range->offset = ALIGN_DOWN(offset, PAGE_SIZE);
	range->size = PAGE_ALIGN(offset + size) - range->offset;
	*client_context = range;
	peer_count(PEER_ACQUIRED);
	return 1;
}

/* acquire() does not say which client it is called for: one for each. */
static int peer_keeps_acquire(unsigned long addr, size_t size,
			      void *private_data, char *peer_name,
			      void **client_context)
{
	return peer_acquire(&peer_clients[PEER_KEEPS], addr, size,
			    client_context);
}

static int peer_revokes_acquire(unsigned long addr, size_t size,
				void *private_data, char *peer_name,
				void **client_context)
{
	return peer_acquire(&peer_clients[PEER_REVOKES], addr, size,
			    client_context);
}

static int peer_unmaps_acquire(unsigned long addr, size_t size,
			       void *private_data, char *peer_name,
			       void **client_context)
{
	return peer_acquire(&peer_clients[PEER_UNMAPS], addr, size,
			    client_context);
}

static int peer_plain_acquire(unsigned long addr, size_t size,
			      void *private_data, char *peer_name,
			      void **client_context)
{
	return peer_acquire(&peer_clients[PEER_PLAIN], addr, size,
			    client_context);
}

static int peer_get_pages(unsigned long addr, size_t size, int write, int force,
			  struct sg_table *sg_head, void *client_context,
			  u64 core_context)
{
	struct peer_range *range = client_context;
	struct peer_memory *memory = range->memory;

	if (peer_fault("get_pages"))
		return -EPERM;
	if (peer_fault("positive"))
		return 5;
	if (!memory)
		return -EINVAL;
	mutex_lock(&memory->lock);
	range->core_context = core_context;
	range->got = true;
	list_add_tail(&range->node, &memory->ranges);
	mutex_unlock(&memory->lock);
	peer_count(PEER_GOT);
	if (peer_fault("slow"))
		msleep(300);
	peer_fault_invalidates("invalidate in get_pages", memory->client,
			       range);
	return 0;
}

static void peer_range_mapped(struct peer_range *range)
{
	struct peer_memory *memory = range->memory;

	mutex_lock(&memory->lock);
	range->mapped = true;
	mutex_unlock(&memory->lock);
	peer_count(PEER_MAPPED);
	peer_fault_invalidates("invalidate in dma_map", memory->client, range);
}

/* Undo dma_map(), and if @pages get_pages(), where that is due. */
void peer_range_undo(struct peer_range *range, bool pages)
{
	struct scatterlist *sg;
	int i;

	lockdep_assert_held(&range->memory->lock);
	if (range->mapped) {
		range->mapped = false;
		peer_count(PEER_UNMAPPED);
		/* See "early end". */
		if (range->table.nents > 1)
			sg_unmark_end(range->table.sgl);
		for_each_sgtable_sg(&range->table, sg, i)
			dma_unmap_page(range->device, sg_dma_address(sg),
				       PAGE_SIZE, DMA_BIDIRECTIONAL);
	}
	if (pages && range->got) {
		range->got = false;
		peer_count(PEER_PUT);
	}
}

/* The same for a callback: only who undoes it himself finds nothing to do. */
static void peer_range_undone(struct peer_range *range, bool pages)
{
	struct peer_memory *memory = range->memory;
	bool due;

	mutex_lock(&memory->revoke);
	mutex_lock(&memory->lock);
	due = pages ? range->got : range->mapped;
	peer_range_undo(range, pages);
	mutex_unlock(&memory->lock);
	mutex_unlock(&memory->revoke);
	if (!due && !(memory->client->ex.ex.flags & PEER_MEM_INVALIDATE_UNMAPS))
		peer_count(PEER_WRONG);
	peer_fault_invalidates(pages ? "invalidate in put_pages" :
				       "invalidate in dma_unmap",
			       memory->client, range);
}

static int peer_vmap(void *client_context, struct device *device,
		     struct iosys_map *map)
{
	struct peer_range *range = client_context;

	if (peer_fault("dma_map"))
		return -EIO;
	iosys_map_set_vaddr(map, range->memory->bytes + range->offset);
	peer_range_mapped(range);
	return 0;
}

static void peer_vunmap(void *client_context, struct iosys_map *map)
{
	struct peer_range *range = client_context;

	if (map->vaddr != range->memory->bytes + range->offset)
		peer_count(PEER_WRONG);
	peer_range_undone(range, false);
}

static int peer_table_fill(struct peer_range *range, struct device *device)
{
	void *bytes = range->memory->bytes + range->offset;
	struct scatterlist *sg;
	int i;

	for_each_sgtable_sg(&range->table, sg, i) {
		struct page *page = vmalloc_to_page(bytes + i * PAGE_SIZE);

		sg_set_page(sg, NULL, PAGE_SIZE, 0);
		sg_dma_len(sg) = PAGE_SIZE;
		sg_dma_address(sg) = dma_map_page(device, page, 0, PAGE_SIZE,
						  DMA_BIDIRECTIONAL);
		if (dma_mapping_error(device, sg_dma_address(sg)))
			return -EIO;
	}
	return 0;
}

static int peer_dma_map(struct sg_table *sg_head, void *client_context,
			struct device *dma_device, int dmasync, int *nmap)
{
	struct peer_range *range = client_context;
	size_t pages = range->size / PAGE_SIZE;
	int ret;

	if (peer_fault("dma_map"))
		return -EIO;
	if (peer_fault("short table") && pages > 1)
		pages--;
	ret = sg_alloc_table(&range->table, pages, GFP_KERNEL);
	if (!ret)
		ret = peer_table_fill(range, dma_device);
	if (ret)
		return ret;
	range->device = dma_device;
	*sg_head = range->table;
	*nmap = pages;
	if (peer_fault("short count"))
		*nmap = pages + 1;
	if (peer_fault("odd length"))
		sg_dma_len(sg_head->sgl) += 8;
	if (peer_fault("early end")) {
		sg_dma_len(sg_head->sgl) = range->size;
		sg_mark_end(sg_head->sgl);
	}
	peer_range_mapped(range);
	return 0;
}

static int peer_dma_unmap(struct sg_table *sg_head, void *client_context,
			  struct device *dma_device)
{
	struct peer_range *range = client_context;

	/* As some real clients do. */
	if (memcmp(sg_head, &range->table, sizeof(range->table)))
		peer_count(PEER_WRONG);
	peer_range_undone(range, false);
	return 0;
}

static void peer_put_pages(struct sg_table *sg_head, void *client_context)
{
	peer_range_undone(client_context, true);
}

static unsigned long peer_get_page_size(void *client_context)
{
	return peer_fault("page size") ? 3 * PAGE_SIZE : PAGE_SIZE;
}

static void peer_release(void *client_context)
{
	struct peer_range *range = client_context;
	struct peer_memory *memory = range->memory;

	if (memory) {
		peer_fault_invalidates("invalidate in release", memory->client,
				       range);
		/* What a client that undoes the mapping itself has not yet. */
		mutex_lock(&memory->revoke);
		mutex_lock(&memory->lock);
		peer_range_undo(range, true);
		list_del(&range->node);
		mutex_unlock(&memory->lock);
		mutex_unlock(&memory->revoke);
		peer_memory_put(memory);
	}
	sg_free_table(&range->table);
	kfree(range);
	peer_count(PEER_RELEASED);
}

#define PEER_CLIENT(kind, kind_name, acquire_function, kind_flags)	\
	[kind] = {							\
		.ex = {							\
			.ex = {						\
				.client = {				\
					.name = kind_name,		\
					.version = "test",		\
					.acquire = acquire_function,	\
					.get_pages = peer_get_pages,	\
					.dma_map = peer_dma_map,	\
					.dma_unmap = peer_dma_unmap,	\
					.put_pages = peer_put_pages,	\
					.get_page_size = peer_get_page_size, \
					.release = peer_release,	\
				},					\
				.ex_size = sizeof(struct peerdirect_client_ex), \
				.flags = kind_flags,			\
			},						\
			.magic = PEERDIRECT_CLIENT_EX_MAGIC,		\
			.vmap = peer_vmap,				\
			.vunmap = peer_vunmap,				\
		},							\
		.misc = {						\
			.minor = MISC_DYNAMIC_MINOR,			\
			.fops = &peer_fops,				\
		},							\
	}

struct peer_client peer_clients[PEER_KINDS] = {
	PEER_CLIENT(PEER_KEEPS, "peer_keeps", peer_keeps_acquire,
		    PEERDIRECT_CLIENT_EX),
	PEER_CLIENT(PEER_REVOKES, "peer_revokes", peer_revokes_acquire,
		    PEERDIRECT_CLIENT_EX),
	PEER_CLIENT(PEER_UNMAPS, "peer_unmaps", peer_unmaps_acquire,
		    PEERDIRECT_CLIENT_EX | PEER_MEM_INVALIDATE_UNMAPS),
	PEER_CLIENT(PEER_PLAIN, "peer_plain", peer_plain_acquire,
		    PEER_MEM_INVALIDATE_UNMAPS),
};

static int peer_client_register(struct peer_client *client)
{
	bool keeps = client == &peer_clients[PEER_KEEPS];
	int ret;

	client->misc.name = client->ex.ex.client.name;
	client->ex.ex.client.version[IB_PEER_MEMORY_VER_MAX - 1] = 1;
	client->handle =
		ib_register_peer_memory_client(&client->ex.ex.client,
					       keeps ? NULL : &client->invalidate);
	if (!client->handle)
		return -EINVAL;
	ret = misc_register(&client->misc);
	if (ret) {
		ib_unregister_peer_memory_client(client->handle);
		client->handle = NULL;
	}
	return ret;
}

static void peer_clients_unregister(void)
{
	int i;

	for (i = 0; i < PEER_KINDS; i++) {
		if (!peer_clients[i].handle)
			continue;
		misc_deregister(&peer_clients[i].misc);
		ib_unregister_peer_memory_client(peer_clients[i].handle);
	}
}

static int __init peer_client_init(void)
{
	int i, ret;

	for (i = 0; i < PEER_KINDS; i++) {
		ret = peer_client_register(&peer_clients[i]);
		if (ret) {
			peer_clients_unregister();
			return ret;
		}
	}
	return 0;
}

static void __exit peer_client_exit(void)
{
	peer_clients_unregister();
}

module_init(peer_client_init);
module_exit(peer_client_exit);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("Clients of PeerDirect for tests");
MODULE_LICENSE("GPL");
