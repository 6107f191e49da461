// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of peermr's windows for PeerDirect, be it the kernel's own or that of
 * peerdirect.ko: plain ibv_reg_mr() on a window without struct pages, with no
 * help from user space.
 */

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "compat.h"
#include "peermr_client.h"

static bool export = true;
module_param(export, bool, 0444);
MODULE_PARM_DESC(export, "Hand out memory as a dma-buf where PeerDirect takes one, instead of by its callbacks (default: Y)");

static struct peerdirect_client_ex peermr_client;
static invalidate_peer_memory peermr_client_callback;
static void *peermr_client_handle;

/* Before that, memory that was lent could not be taken back. */
bool peermr_client_is_registered(void)
{
	/* The callback is there, too: see peermr_client_init(). */
	return smp_load_acquire(&peermr_client_handle);
}

/* The RDMA device does not access the memory any more when this returns. */
void peermr_client_invalidate(u64 core_context)
{
	peermr_client_callback(peermr_client_handle, core_context);
}

static int __init peermr_client_init(void)
{
	struct peer_memory_client *client = &peermr_client.ex.client;
	void *handle;

	*client = peermr_client_callbacks;
	/* There are flags. */
	client->version[IB_PEER_MEMORY_VER_MAX - 1] = 1;
	peermr_client.ex.ex_size = sizeof(peermr_client);
	peermr_client.ex.flags = PEER_MEM_INVALIDATE_UNMAPS |
				 PEERDIRECT_CLIENT_EX;
	peermr_client.magic = PEERDIRECT_CLIENT_EX_MAGIC;
	peermr_client.vmap = peermr_client_vmap;
	peermr_client.vunmap = peermr_client_vunmap;
	peermr_client.export = export ? peermr_client_export : NULL;

	handle = ib_register_peer_memory_client(client,
						&peermr_client_callback);
	if (!handle)
		return -EINVAL;
	/* For peermr_client_is_registered(). */
	smp_store_release(&peermr_client_handle, handle);
	return 0;
}

static void __exit peermr_client_exit(void)
{
	ib_unregister_peer_memory_client(peermr_client_handle);
}

module_init(peermr_client_init);
module_exit(peermr_client_exit);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("Memory of peermr's windows for PeerDirect");
MODULE_LICENSE("GPL");
peermr_compat_import_dma_buf;
