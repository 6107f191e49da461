/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What peerdirect.ko understands beyond <rdma/peer_mem.h>: a client's memory
 * mapped for the CPU, without which an RDMA device that does no DMA (Soft-RoCE)
 * cannot be served, and memory that is a dma-buf already. Implementations of
 * PeerDirect that do not know it see an ordinary client.
 */
#ifndef _LINUX_PEERDIRECT_H
#define _LINUX_PEERDIRECT_H

#include <linux/bits.h>
#include <linux/types.h>
#include <rdma/peer_mem.h>

struct device;
struct dma_buf;
struct iosys_map;

/* In peer_memory_client_ex::flags: the client is a struct peerdirect_client_ex */
#define PEERDIRECT_CLIENT_EX		BIT(31)
#define PEERDIRECT_CLIENT_EX_MAGIC	0x7065657264697232ULL	/* "peerdir2" */

/**
 * struct peerdirect_client_ex - a client with CPU mappings or dma-bufs
 * @ex: with PEERDIRECT_CLIENT_EX in its flags and the size of this structure
 *	in its ex_size
 * @magic: PEERDIRECT_CLIENT_EX_MAGIC, which names this version of the structure
 * @vmap: instead of dma_map() for a device that does no DMA: @map is set to the
 *	first byte of the range rounded down to PAGE_SIZE, and valid to its last
 *	one rounded up. @device is that device, for messages and for dma-bufs.
 *	0 or a negative errno.
 * @vunmap: instead of dma_unmap(); @map is as @vmap left it
 * @export: NULL, or instead of get_pages() and all that follows it: a dma-buf,
 *	with a reference for the caller, in which the range begins at @offset.
 *	@addr, @size and @client_context are as in get_pages(); @writable: the
 *	RDMA device will write. The RDMA device's driver imports it, and who
 *	made it takes the memory back, as with any other dma-buf; the client
 *	itself hears of this registration no more than release(), at once. For
 *	a moment the process has a descriptor of the dma-buf, so it is to show
 *	only what the process may read and write anyway. ERR_PTR(-EOPNOTSUPP):
 *	get_pages() is called after all; other errors are the user's.
 *
 * What <rdma/peer_mem.h> says about dma_map() and dma_unmap() holds for @vmap
 * and @vunmap.
 */
struct peerdirect_client_ex {
	struct peer_memory_client_ex ex;
	u64 magic;
	int (*vmap)(void *client_context, struct device *device,
		    struct iosys_map *map);
	void (*vunmap)(void *client_context, struct iosys_map *map);
	struct dma_buf *(*export)(unsigned long addr, size_t size,
				  bool writable, void *client_context,
				  u64 *offset);
};

#endif /* _LINUX_PEERDIRECT_H */
