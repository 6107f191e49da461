// SPDX-License-Identifier: GPL-2.0
/* The least that is a client: it has no memory, and so claims none. */

#include <linux/module.h>

#include "peer_mem.h"

static invalidate_peer_memory sample_invalidate;
static void *sample_handle;

static int sample_acquire(unsigned long addr, size_t size, void *private_data,
			  char *peer_name, void **client_context)
{
	return 0;
}

static int sample_get_pages(unsigned long addr, size_t size, int write,
			    int force, struct sg_table *sg_head,
			    void *client_context, u64 core_context)
{
	return -EINVAL;
}

static int sample_dma_map(struct sg_table *sg_head, void *client_context,
			  struct device *dma_device, int dmasync, int *nmap)
{
	return -EINVAL;
}

static int sample_dma_unmap(struct sg_table *sg_head, void *client_context,
			    struct device *dma_device)
{
	return 0;
}

static void sample_put_pages(struct sg_table *sg_head, void *client_context)
{
}

static unsigned long sample_get_page_size(void *client_context)
{
	return PAGE_SIZE;
}

static void sample_release(void *client_context)
{
}

static struct peer_memory_client_ex sample_client = {
	.client = {
		.name = "sample",
		.version = "1.0",
		.acquire = sample_acquire,
		.get_pages = sample_get_pages,
		.dma_map = sample_dma_map,
		.dma_unmap = sample_dma_unmap,
		.put_pages = sample_put_pages,
		.get_page_size = sample_get_page_size,
		.release = sample_release,
	},
	.ex_size = sizeof(struct peer_memory_client_ex),
	.flags = PEER_MEM_INVALIDATE_UNMAPS,
};

static int __init sample_init(void)
{
	sample_client.client.version[IB_PEER_MEMORY_VER_MAX - 1] = 1;
	sample_handle = ib_register_peer_memory_client(&sample_client.client,
						       &sample_invalidate);
	return sample_handle ? 0 : -EINVAL;
}

static void __exit sample_exit(void)
{
	ib_unregister_peer_memory_client(sample_handle);
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("The least that is a client of PeerDirect");
MODULE_LICENSE("Dual BSD/GPL");
