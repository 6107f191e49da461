/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PeerDirect for kernels that lack it: objects of peerdirect.ko.
 *
 * A registration that is a client's becomes a region: the client's addresses,
 * wrapped in a dma-buf that nobody sees but the driver of the RDMA device,
 * which registers it as it would any other. So the driver's own ways are used
 * for what PeerDirect needs: MRs on memory without pages, and letting go of it.
 *
 * Lock order: peerdirect_devices_lock, peerdirect_clients_lock. A client's
 * callback that takes memory back may come with any lock of the client and, if
 * the client is an importer of dma-bufs, with the reservation lock of one; so
 * peerdirect_region::resv, of a lock class of its own, is inside of those, and
 * no callback of a client is called with it held.
 */
#ifndef _PEERDIRECT_H
#define _PEERDIRECT_H

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/export.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/peerdirect.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <rdma/ib_verbs.h>

#include "rdma.h"

/* For clients that depend on a module with a proprietary licence. */
#ifdef PEERDIRECT_EXPORT_ALL
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol)	EXPORT_SYMBOL(symbol)
#endif

/**
 * struct peerdirect_hint - where memory of clients has been seen last
 * @mm: in which process; never dereferenced
 * @start: of the lowest registration
 * @end: of the highest
 *
 * Wrong at times, as nothing protects it: it decides who is asked first.
 */
struct peerdirect_hint {
	const struct mm_struct *mm;
	u64 start;
	u64 end;
};

/**
 * struct peerdirect_device - an RDMA device
 * @ibdev: the device, which outlives this
 * @node: in the list of devices; under peerdirect_devices_lock
 * @enabled: its registrations come by here; changes under peerdirect_devices_lock
 * @watched: its deregistrations do, too, and as long as it has MRs of clients
 * @revocable: its driver lets go of memory when it is told
 * @dma: the PCI device that does its DMA, NULL if the CPU copies
 * @driver: the driver's operations, before two of them were replaced
 * @exports: struct peerdirect_export by MR
 * @hint: where memory of clients has been seen
 */
struct peerdirect_device {
	struct ib_device *ibdev;
	struct list_head node;
	bool enabled;
	bool watched;
	bool revocable;
	struct device *dma;
	const struct ib_device_ops *driver;
	struct rhashtable exports;
	struct peerdirect_hint hint;
};

/* Registrations and deregistrations of a client's memory, as OFED counts. */
struct peerdirect_stats {
	atomic64_t alloc_mrs;
	atomic64_t dealloc_mrs;
	atomic64_t reg_pages;
	atomic64_t dereg_pages;
	atomic64_t reg_bytes;
	atomic64_t dereg_bytes;
	atomic64_t free_callbacks;
};

/**
 * struct peerdirect_client - a registered client
 * @ops: the client's
 * @ex: the same, if it has CPU mappings or dma-bufs; else NULL
 * @revokes: it may take memory back
 * @unmaps: it then undoes the mapping itself
 * @kobj: /sys/kernel/mm/memory_peers/NAME; its release frees the client
 * @node: in the list of clients; under peerdirect_clients_lock
 * @regions: by number, which is their core_context
 * @next_region: where to look for the next number
 * @users: the registration and each region
 * @idle: @users is zero
 * @stats: counters
 */
struct peerdirect_client {
	const struct peer_memory_client *ops;
	const struct peerdirect_client_ex *ex;
	bool revokes;
	bool unmaps;
	struct kobject kobj;
	struct list_head node;
	struct xarray regions;
	u32 next_region;
	refcount_t users;
	struct completion idle;
	struct peerdirect_stats stats;
};

/**
 * struct peerdirect_export - an MR on a dma-buf that a client made itself
 * @node: in peerdirect_device::exports
 * @mr: the MR
 * @client: has a reference on its kobject, as it may have gone since
 * @pages: for the counters
 * @length: bytes
 */
struct peerdirect_export {
	struct rhash_head node;
	const struct ib_mr *mr;
	struct peerdirect_client *client;
	u64 pages;
	u64 length;
	struct rcu_head rcu;
};

enum peerdirect_region_flag {
	PEERDIRECT_PAGES,	/* the client's put_pages is due */
	PEERDIRECT_COUNTED,
	PEERDIRECT_FINISHED,	/* the client's release was called, or is */
};

/**
 * struct peerdirect_region - memory of a client that an RDMA device uses
 * @refs: the dma-buf or, before there is one, who makes it; and lookups
 * @ibdev: what for; valid until the region is attached, and while it has @mr
 * @revocable: its driver lets go of memory when it is told
 * @dma: what the client's addresses are for; NULL if the CPU copies
 * @importer: the device that may attach to the dma-buf
 * @client: valid until PEERDIRECT_FINISHED
 * @context: the client's
 * @id: in @client->regions
 * @flags: enum peerdirect_region_flag
 * @start: first byte of the range, as registered
 * @length: bytes
 * @base: where the dma-buf begins: @start, rounded down
 * @size: bytes of the dma-buf
 * @pages: of the client's size, for the counters
 * @sgt: the client's table, never changed
 * @mapped: before put_pages, its dma_unmap is due
 * @nents: entries of @sgt with addresses
 * @map: instead of @sgt, the client's memory for the CPU
 * @task: whose registration this is
 * @setup: @task, while it is in the client's get_pages or dma_map
 * @doomed: @setup itself took the memory back
 * @ready: @setup is over
 * @unmapper: who is in the client's dma_unmap or put_pages
 * @unmapped: neither will be called any more
 * @finished: nothing of the client's is touched any more
 * @resv: of @dmabuf; protects what follows
 * @dmabuf: NULL before and after its life
 * @attached: the driver has taken the dma-buf
 * @revoked: the memory is not to be had any more
 * @leaving: the driver deregisters; it will unmap without being told
 * @users: mappings that the driver has
 * @wait: woken when @users becomes zero
 * @mr: the driver's MR, by which peerdirect_mrs has this region
 */
struct peerdirect_region {
	struct kref refs;
	struct ib_device *ibdev;
	bool revocable;
	struct device *dma;
	struct device *importer;
	struct peerdirect_client *client;
	void *context;
	u32 id;
	unsigned long flags;
	u64 start;
	u64 length;
	u64 base;
	u64 size;
	u64 pages;
	bool mapped;
	struct sg_table sgt;
	int nents;
	struct iosys_map map;
	struct task_struct *task;
	struct task_struct *setup;
	bool doomed;
	struct completion ready;
	struct task_struct *unmapper;
	struct completion unmapped;
	struct completion finished;
	struct dma_resv resv;
	struct dma_buf *dmabuf;
	bool attached;
	bool revoked;
	bool leaving;
	unsigned int users;
	wait_queue_head_t wait;
	struct ib_mr *mr;
};

/* device.c */
extern struct ib_client peerdirect_ib_client;
extern struct mutex peerdirect_devices_lock;
int peerdirect_device_enable(struct peerdirect_device *device);
int peerdirect_device_disable(struct peerdirect_device *device);
void peerdirect_devices_report(const struct peerdirect_client *client);

/* client.c */
extern struct rw_semaphore peerdirect_clients_lock;
bool peerdirect_clients_exist(void);
struct peerdirect_client *
peerdirect_client_claim(const struct peerdirect_device *device, u64 start,
			u64 length, void **context);
void peerdirect_client_release(struct peerdirect_client *client, void *context);
void peerdirect_client_lends(struct peerdirect_client *client, u64 pages,
			     u64 bytes);
void peerdirect_client_gets_back(struct peerdirect_client *client, u64 pages,
				 u64 bytes);
void peerdirect_client_report(const struct peerdirect_client *client,
			      const struct peerdirect_device *device);
void peerdirect_clients_report(const struct peerdirect_device *device);

/* sysfs.c */
int peerdirect_sysfs_init(void);
void peerdirect_sysfs_exit(void);
void peerdirect_client_kobject_init(struct peerdirect_client *client);
int peerdirect_client_kobject_add(struct peerdirect_client *client);
int peerdirect_device_sysfs_add(struct peerdirect_device *device);
void peerdirect_device_sysfs_remove(struct peerdirect_device *device);

/* region.c */
struct peerdirect_region *
peerdirect_region_create(const struct peerdirect_device *device,
			 const struct peermr_reg_mr *reg,
			 struct peerdirect_client *client, void *context);
struct peerdirect_region *
peerdirect_region_find(struct peerdirect_client *client, unsigned long id);
struct peerdirect_region *
peerdirect_region_next(struct peerdirect_client *client, unsigned long *id);
void peerdirect_region_put(struct peerdirect_region *region);
void peerdirect_region_finish(struct peerdirect_region *region);
void peerdirect_region_revoke(struct peerdirect_region *region);
int peerdirect_region_invalidate(void *reg_handle, u64 core_context);

/* pages.c */
int peerdirect_pages_get(struct peerdirect_region *region, bool writable);
void peerdirect_pages_put(struct peerdirect_region *region);
struct sg_table *peerdirect_pages_table(struct peerdirect_region *region);

/* dmabuf.c */
int peerdirect_dmabuf_create(struct peerdirect_region *region);

/* export.c */
int peerdirect_exports_init(struct peerdirect_device *device);
void peerdirect_exports_destroy(struct peerdirect_device *device);
bool peerdirect_exports_exist(const struct peerdirect_device *device);
int peerdirect_export_add(struct peerdirect_device *device,
			  struct peerdirect_client *client,
			  const struct peermr_reg_mr *reg,
			  const struct ib_mr *mr);
struct peerdirect_export *
peerdirect_export_take(struct peerdirect_device *device,
		       const struct ib_mr *mr);
void peerdirect_export_restore(struct peerdirect_device *device,
			       struct peerdirect_export *export);
void peerdirect_export_end(struct peerdirect_export *export);

/* reg.c */
extern struct srcu_struct peerdirect_srcu;
extern struct xarray peerdirect_mrs;
extern const struct ib_device_ops peerdirect_device_ops;

#endif /* _PEERDIRECT_H */
