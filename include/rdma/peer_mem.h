/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PeerDirect: how a driver gives RDMA devices access to memory that it maps
 * into user space and that has no struct pages.
 *
 * This is the interface of the vendor kernels that have it: names, layouts and
 * signatures are theirs, so that a driver written for them compiles and works
 * unchanged. On other kernels peerdirect.ko implements it.
 *
 * A registration of user memory that no driver of the RDMA device can serve is
 * offered to each client in turn:
 *
 *	acquire()		1: this client's memory, it serves the request
 *	get_pages()		the memory stays where it is from now on
 *	dma_map()		addresses for the RDMA device
 *	get_page_size()
 *	   ... DMA ...
 *	dma_unmap()
 *	put_pages()
 *	release()
 *
 * A client that may have to take the memory back before the last three were
 * called asks for a callback when it registers, and calls it then.
 *
 * Callbacks may sleep, and run in the process that registers or deregisters,
 * or that exits. Requests are served in parallel; those of one request come one
 * after the other, but for what invalidate_peer_memory says.
 */
#ifndef _RDMA_PEER_MEM_H
#define _RDMA_PEER_MEM_H

#include <linux/scatterlist.h>
#include <linux/types.h>

/* With the terminating zero. */
#define IB_PEER_MEMORY_NAME_MAX	64
/* With the terminating zero and one more byte, see peer_memory_client_ex. */
#define IB_PEER_MEMORY_VER_MAX	16

/* Once it was a pointer; clients that know both ask for this. */
#define PEER_MEM_U64_CORE_CONTEXT

struct device;

/**
 * struct peer_memory_client - a driver with memory of its own
 * @name: unique; directory in /sys/kernel/mm/memory_peers
 * @version: shown there; the last byte is no text, see
 *	&struct peer_memory_client_ex
 *
 * Lives until ib_unregister_peer_memory_client() returned. All callbacks but
 * @get_page_size and @release are mandatory.
 */
struct peer_memory_client {
	char name[IB_PEER_MEMORY_NAME_MAX];
	char version[IB_PEER_MEMORY_VER_MAX];

	/**
	 * @acquire: is this range the client's?
	 *
	 * @addr, @size: of the current process, as the user gave them: not
	 * aligned. @peer_mem_private_data and @peer_mem_name are NULL.
	 * @client_context: what the client wants to get back in all that
	 * follows. The list of clients is locked meanwhile: do not register or
	 * unregister in here, and leave long work to @get_pages.
	 *
	 * Return: 1 if all of the range is the client's; @release follows then,
	 * whatever else fails. Anything else: not the client's, or it cannot
	 * serve.
	 */
	int (*acquire)(unsigned long addr, size_t size,
		       void *peer_mem_private_data, char *peer_mem_name,
		       void **client_context);

	/**
	 * @get_pages: keep the memory in place until @put_pages
	 *
	 * @addr, @size: as in @acquire. @write is 1. @force: 1 if the RDMA
	 * device only reads, so that memory which may not be written will do.
	 * @sg_head is NULL. @core_context: the argument of the callback that
	 * takes this memory back, from now on.
	 *
	 * Return: 0 or a negative errno, which the user gets.
	 */
	int (*get_pages)(unsigned long addr, size_t size, int write, int force,
			 struct sg_table *sg_head, void *client_context,
			 u64 core_context);

	/**
	 * @dma_map: fill a table with addresses for a device
	 *
	 * @sg_head: zeroed; the client allocates its entries and sets their DMA
	 * addresses and lengths, each a multiple of PAGE_SIZE. The table begins
	 * at the range's first byte rounded down to the client's page size and
	 * reaches at least to its last byte rounded up to PAGE_SIZE.
	 * @dma_device: the PCI device that does the DMA. @dmasync is 0. @nmap:
	 * the number of entries with addresses.
	 *
	 * Return: 0 or a negative errno; @put_pages follows then, with the
	 * table as it is.
	 */
	int (*dma_map)(struct sg_table *sg_head, void *client_context,
		       struct device *dma_device, int dmasync, int *nmap);

	/**
	 * @dma_unmap: the device makes no access any more
	 *
	 * @sg_head has every byte that @dma_map put there.
	 *
	 * Return: 0.
	 */
	int (*dma_unmap)(struct sg_table *sg_head, void *client_context,
			 struct device *dma_device);

	/**
	 * @put_pages: undo @get_pages, and free what @dma_map allocated
	 */
	void (*put_pages)(struct sg_table *sg_head, void *client_context);

	/**
	 * @get_page_size: the unit in which the client hands out memory
	 *
	 * Asked once, after @dma_map. A power of two, PAGE_SIZE at least, which
	 * is also what holds for a client without this callback.
	 */
	unsigned long (*get_page_size)(void *client_context);

	/**
	 * @release: undo @acquire
	 *
	 * The last callback of a request. It may come while the callback that
	 * takes the memory back has not returned yet, in another thread.
	 */
	void (*release)(void *client_context);
};

/**
 * enum - flags of &struct peer_memory_client_ex
 * @PEER_MEM_INVALIDATE_UNMAPS: when the callback that takes memory back has
 *	returned, the client undoes the mapping itself: @dma_unmap and @put_pages
 *	are not begun for this memory any more, and @release follows. A
 *	deregistration that came first may be in one of them, or about to call
 *	it: so each has to see what is undone already
 */
enum {
	PEER_MEM_INVALIDATE_UNMAPS = 1 << 0,
};

/**
 * struct peer_memory_client_ex - a client that has flags
 * @client: to be registered; the last byte of its version is not zero
 * @ex_size: sizeof(struct peer_memory_client_ex) of the client
 * @flags: PEER_MEM_*; those that are not known are ignored
 */
struct peer_memory_client_ex {
	struct peer_memory_client client;
	size_t ex_size;
	u32 flags;
};

/**
 * typedef invalidate_peer_memory - take memory back from an RDMA device
 * @reg_handle: of the client
 * @core_context: from @get_pages
 *
 * When it returns, the device does not access the memory and never will again:
 * the registration stays, and what uses it fails. Unless the client has
 * PEER_MEM_INVALIDATE_UNMAPS, @dma_unmap and @put_pages have been called, by
 * this thread or by another; @release comes with the deregistration.
 *
 * May be called from get_pages() on, once or more often, and for a
 * registration that does not exist any more. It waits for get_pages() and
 * dma_map() of this registration if another thread is in there, and without
 * PEER_MEM_INVALIDATE_UNMAPS also for dma_unmap() and put_pages(): a lock that
 * these take must not be held. With the flag, one that dma_unmap(), put_pages()
 * and release() take may be. May sleep.
 *
 * Return: 0.
 */
typedef int (*invalidate_peer_memory)(void *reg_handle, u64 core_context);

/**
 * ib_register_peer_memory_client() - offer a driver's memory to RDMA devices
 * @peer_client: the client
 * @invalidate_callback: where the client gets its callback from; if NULL, the
 *	memory stays until it is deregistered. A client that gives a pointer is
 *	asked only for devices that let go of memory when they are told.
 *
 * Return: a handle, or NULL.
 */
void *
ib_register_peer_memory_client(const struct peer_memory_client *peer_client,
			       invalidate_peer_memory *invalidate_callback);

/**
 * ib_unregister_peer_memory_client() - no more
 * @reg_handle: of ib_register_peer_memory_client()
 *
 * Waits until no memory of the client is registered. No callback is called
 * after this.
 */
void ib_unregister_peer_memory_client(void *reg_handle);

#endif /* _RDMA_PEER_MEM_H */
