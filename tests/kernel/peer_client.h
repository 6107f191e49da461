/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients of PeerDirect for the tests, four in one module. Each has a device
 * /dev/NAME; mmap() of that gives memory which ib_umem_get() cannot pin, and
 * "invalidate", written to the file, takes it back.
 */
#ifndef _PEER_CLIENT_H
#define _PEER_CLIENT_H

#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/peerdirect.h>
#include <linux/refcount.h>

enum peer_kind {
	PEER_KEEPS,	/* never takes memory back */
	PEER_REVOKES,	/* may take it back */
	PEER_UNMAPS,	/* the same, and then undoes the mapping itself */
	PEER_PLAIN,	/* as PEER_UNMAPS, without CPU mappings */
	PEER_KINDS,
};

/**
 * struct peer_client - one of the clients
 * @ex: what is registered
 * @misc: its device
 * @invalidate: NULL if it never takes memory back
 * @handle: NULL unless registered
 */
struct peer_client {
	struct peerdirect_client_ex ex;
	struct miscdevice misc;
	invalidate_peer_memory invalidate;
	void *handle;
};

/**
 * struct peer_memory - what one open file maps
 * @refs: the file, each VMA, each range
 * @client: whose device it is
 * @revoke: held while memory is taken back, and by what gives it back; outside
 *	@lock, and not taken by get_pages() and dma_map(), which are waited for
 * @lock: protects what follows
 * @bytes: kernel address, NULL before mmap()
 * @size: of it
 * @ranges: of it that are registered
 */
struct peer_memory {
	refcount_t refs;
	struct peer_client *client;
	struct mutex revoke;		/* see above */
	struct mutex lock;		/* all that follows */
	void *bytes;
	size_t size;
	struct list_head ranges;
};

/**
 * struct peer_range - the context of one registration
 * @memory: NULL if the client claimed what is not its own
 * @node: in memory->ranges, from get_pages() to release()
 * @offset: in the memory, whole pages
 * @size: bytes, whole pages
 * @core_context: PeerDirect's name for it
 * @got: get_pages() was called, and its opposite was not
 * @mapped: the same for dma_map()
 * @table: what dma_map() has given
 * @device: what for, if that was called
 */
struct peer_range {
	struct peer_memory *memory;
	struct list_head node;
	size_t offset;
	size_t size;
	u64 core_context;
	bool got;
	bool mapped;
	struct sg_table table;
	struct device *device;
};

/* What went out and came back, to be seen in the module's parameters. */
enum peer_count {
	PEER_ACQUIRED, PEER_RELEASED, PEER_GOT, PEER_PUT, PEER_MAPPED,
	PEER_UNMAPPED, PEER_WRONG, PEER_COUNTS,
};

void peer_count(enum peer_count count);

/* peer_client_main.c */
extern struct peer_client peer_clients[PEER_KINDS];
void peer_range_undo(struct peer_range *range, bool pages);

/* peer_client_memory.c */
extern const struct file_operations peer_fops;
struct peer_memory *peer_memory_find(struct peer_client *client,
				     unsigned long address, size_t size,
				     size_t *offset);
void peer_memory_put(struct peer_memory *memory);

/* peer_client_faults.c: "fault", a parameter of the module, is what goes wrong. */
bool peer_fault(const char *name);
void peer_fault_invalidates(const char *where, struct peer_client *client,
			    const struct peer_range *range);

#endif /* _PEER_CLIENT_H */
