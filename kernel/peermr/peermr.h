/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects of peermr.ko and who may touch what.
 *
 * Lock order: mmap_lock, peermr_file::lock, peermr_window::lock,
 * i_mmap_rwsem. peermr_buffer::expose_lock is a leaf below mmap_lock. None of
 * the window's own locks is held across a copy or a wait.
 */
#ifndef _PEERMR_H
#define _PEERMR_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/peermr.h>
#include <linux/srcu.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct dma_buf;
struct peermr_buffer;
struct peermr_file;

/* A window goes on from one to the next, and from stopped back to live. */
enum peermr_window_state {
	PEERMR_WINDOW_LIVE,
	PEERMR_WINDOW_STOPPED,	/* device in reset: no allocation */
	PEERMR_WINDOW_REVOKED,	/* for good: ends with the binding */
};

/**
 * struct peermr_mode - what differs between windows with and without pages
 * @id: PEERMR_MODE_*
 * @name: as in sysfs
 * @align: what a window's start and size must be multiples of
 * @granule_shift: log2 of the unit of allocation
 * @start: make the memory mappable; fills peermr_window::kva
 * @stop: undo @start; nobody has the memory mapped or pinned
 * @vma_init: set flags and protection of a new VMA
 * @fault: insert the page or (@order == PMD_ORDER) the 2 MiB at @phys
 * @pinned: bytes of a range of the window that are pinned for DMA
 * @idle: nobody outside peermr holds a reference on a range of the window
 */
struct peermr_mode {
	unsigned int id;
	const char *name;
	u64 align;
	unsigned int granule_shift;
	int (*start)(struct peermr_window *window);
	void (*stop)(struct peermr_window *window);
	void (*vma_init)(struct vm_area_struct *vma);
	vm_fault_t (*fault)(struct vm_fault *vmf, phys_addr_t phys,
			    unsigned int order);
	u64 (*pinned)(struct peermr_window *window, u64 offset, u64 length);
	bool (*idle)(struct peermr_window *window, u64 offset, u64 length);
};

extern const struct peermr_mode peermr_mode_pages;
extern const struct peermr_mode peermr_mode_pfn;

/**
 * struct peermr_window - a contiguous range of a BAR
 * @dev: class device; its last reference frees the window
 * @cdev: the character device
 * @bar: number of the BAR
 * @pdev: the PCI device; not to be used once peermr_window_destroy() returned
 * @owner: module that offers the BAR; a buffer with an extent pins it
 * @mode: how the memory is mapped
 * @phys: CPU physical address
 * @size: bytes
 * @kva: kernel mapping of all of it, for zeroing
 * @pgmap: struct pages (PEERMR_MODE_PAGES)
 * @inode: one mapping for all of the window's VMAs, whatever node they came by
 * @srcu: read side: faults; a grace period ends those that saw a live buffer
 * @lock: protects all that follows, but the bits in the two bitmaps
 * @state: what is allowed now
 * @dismantling: the reaper is not to be started any more
 * @extents: struct peermr_buffer by granule: allocator, lookup and quarantine
 * @handles: mmap offsets, in pages, that are taken
 * @next_pgoff: where to look for the next one
 * @clean: granules that hold zeroes and that nobody has seen since
 * @exposed: granules that the buffer on top of them has made visible
 * @spoils: how often all content became unknown
 * @stopped: the device's memory is not to be accessed; written under @lock
 * @bytes_free: bytes without a buffer
 * @bytes_dying: bytes of buffers that were given up but still hold an extent
 * @nr_buffers: buffers with an extent
 * @quota: bytes one user may hold, 0 for no limit
 * @accounts: struct peermr_account of users that hold something
 * @dying: buffers without users, waiting for the last pin
 * @reaper: returns the extents of dying buffers
 * @reaper_delay: back-off of @reaper, in jiffies
 * @reaper_begun: passes of @reaper begun
 * @reaper_done: passes of @reaper finished
 * @reaper_wait: woken after each pass
 * @pinned_cache: last value of the sysfs attribute
 * @pinned_expires: when it is stale, in jiffies
 */
struct peermr_window {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	unsigned int bar;
	struct module *owner;
	const struct peermr_mode *mode;
	phys_addr_t phys;
	u64 size;
	void __iomem *kva;
	struct dev_pagemap pgmap;
	struct inode *inode;
	struct srcu_struct srcu;

	struct mutex lock;		/* all that follows */
	enum peermr_window_state state;
	bool dismantling;
	struct maple_tree extents;
	struct maple_tree handles;
	unsigned long next_pgoff;
	unsigned long *clean;
	unsigned long *exposed;
	unsigned long spoils;
	bool stopped;
	u64 bytes_free;
	u64 bytes_dying;
	unsigned long nr_buffers;
	u64 quota;
	struct list_head accounts;
	struct list_head dying;
	struct delayed_work reaper;
	unsigned long reaper_delay;
	unsigned long reaper_begun;
	unsigned long reaper_done;
	wait_queue_head_t reaper_wait;
	u64 pinned_cache;
	unsigned long pinned_expires;
};

static inline struct address_space *
peermr_window_mapping(struct peermr_window *window)
{
	return window->inode->i_mapping;
}

static inline u64 peermr_window_granule(const struct peermr_window *window)
{
	return 1ULL << window->mode->granule_shift;
}

extern struct class peermr_class;
extern const struct attribute_group *peermr_window_groups[];
extern const struct file_operations peermr_fops;

/* main.c */
int peermr_minor_get(void);
void peermr_minor_put(int minor);
dev_t peermr_devt(int minor);
struct inode *peermr_inode_new(void);
struct file *peermr_file_new(struct inode *inode);

/* window.c */
const char *peermr_window_page_dma(struct peermr_window *window);

/* revoke.c */
void peermr_window_revoke(struct peermr_window *window);
int peermr_window_revoke_unused(struct peermr_window *window);
int peermr_window_wait_idle(struct peermr_window *window, bool interruptible);

/* What stands behind a buffer. Changes under window->lock only. */
enum peermr_backing {
	PEERMR_BACKING_NONE,	/* taken away */
	PEERMR_BACKING_EXTENT,	/* a range of the window */
};

/**
 * struct peermr_consumer_ops - how memory is taken back from a user of it
 * @zap: stop CPU access; called with window->lock held
 * @drained: nobody who got the memory through this consumer still has it
 * @describe: NULL, or log who has it; called with window->lock held
 *
 * Revocation is the only caller of @zap; @drained also decides when a buffer
 * that was given up may be used again.
 */
struct peermr_consumer_ops {
	void (*zap)(struct peermr_buffer *buffer);
	bool (*drained)(struct peermr_buffer *buffer);
	void (*describe)(struct peermr_buffer *buffer);
};

/**
 * struct peermr_buffer - memory that was handed out
 * @refs: the handle, each VMA, each dma-buf; at zero the buffer dies, its extent may not
 * @window: holds a reference on the window's device
 * @backing: what is behind the buffer now
 * @revoked: set once, before the zap; faults read it under SRCU
 * @offset: first byte of the extent in the window
 * @length: bytes
 * @pgoff: mmap offset in pages; the buffer's handle
 * @exposed: all of it has been zeroed, or made visible, for this buffer
 * @exports: struct peermr_dmabuf; under window->lock
 * @mappings: VMAs
 * @shared: NULL, or the dma-buf for all who come by a mapping; has a reference,
 *	and goes with the last mapping; under window->lock
 * @expose_lock: one granule is zeroed for this buffer at a time
 * @account: who is charged until the extent is free; NULL after
 * @dying: in window->dying
 * @opener: process that opened the device
 * @comm: its name
 */
struct peermr_buffer {
	struct kref refs;
	struct peermr_window *window;
	enum peermr_backing backing;
	bool revoked;
	u64 offset;
	u64 length;
	unsigned long pgoff;
	bool exposed;
	struct list_head exports;
	atomic_t mappings;
	struct dma_buf *shared;
	struct mutex expose_lock;	/* zeroing of a granule */
	struct peermr_account *account;
	struct list_head dying;
	struct pid *opener;
	char comm[TASK_COMM_LEN];
};

/* What to allocate: the arguments of PEERMR_IOC_ALLOC, not yet checked. */
struct peermr_buffer_spec {
	u64 length;
	u64 alignment;
	u64 placement;
	bool fixed;
};

struct peermr_buffer *
peermr_buffer_create(struct peermr_file *file,
		     const struct peermr_buffer_spec *spec);
void peermr_buffer_get(struct peermr_buffer *buffer);
void peermr_buffer_put(struct peermr_buffer *buffer);
int peermr_buffer_expose(struct peermr_buffer *buffer);
void peermr_buffer_revoke(struct peermr_buffer *buffer);
void peermr_buffer_describe(struct peermr_buffer *buffer);
bool peermr_buffer_drained(struct peermr_buffer *buffer);
void peermr_buffer_detach(struct peermr_buffer *buffer);
void peermr_buffer_destroy(struct peermr_buffer *buffer);

/* extent.c; all with window->lock held */
int peermr_extent_insert(struct peermr_buffer *buffer,
			 const struct peermr_buffer_spec *spec);
bool peermr_extent_erase(struct peermr_buffer *buffer);
struct peermr_buffer *peermr_extent_next(struct peermr_window *window,
					 u64 *offset);

/* handle.c; all with window->lock held, but the first */
void peermr_handles_init(struct peermr_window *window);
int peermr_handle_insert(struct peermr_buffer *buffer);
void peermr_handle_erase(struct peermr_buffer *buffer);

/* granule.c */
int peermr_granules_alloc(struct peermr_window *window);
void peermr_granules_free(struct peermr_window *window);
void peermr_granules_expose(struct peermr_buffer *buffer, u64 offset,
			    u64 length);
void peermr_granules_scrub(struct peermr_buffer *buffer);
void peermr_granules_spoil(struct peermr_window *window);

/* reaper.c */
void peermr_reaper_init(struct peermr_window *window);
void peermr_reaper_stop(struct peermr_window *window);
void peermr_reaper_kick(struct peermr_window *window);
int peermr_reaper_wait(struct peermr_window *window);

/* quota.c */
struct peermr_account *peermr_account_charge(struct peermr_window *window,
					     kuid_t uid, u64 bytes);
void peermr_account_uncharge(struct peermr_window *window,
			     struct peermr_account *account, u64 bytes);
u64 peermr_account_used(struct peermr_window *window, kuid_t uid);
kuid_t peermr_account_uid(const struct peermr_account *account);

/**
 * struct peermr_file - an open file of a window
 * @window: the file holds a reference on its device
 * @lock: protects @handles
 * @handles: buffers by mmap offset in pages; each holds a reference
 * @writable: opened for writing
 * @uid: who is charged
 * @opener: process that opened the file
 * @comm: its name
 */
struct peermr_file {
	struct peermr_window *window;
	struct mutex lock;		/* handles */
	struct maple_tree handles;
	bool writable;
	kuid_t uid;
	struct pid *opener;
	char comm[TASK_COMM_LEN];
};

int peermr_file_handle_add(struct peermr_file *file,
			   struct peermr_buffer *buffer);
int peermr_file_handle_drop(struct peermr_file *file, unsigned long pgoff);
struct peermr_buffer *peermr_file_handle_find(struct peermr_file *file,
					      unsigned long pgoff);
long peermr_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

/* vma.c */
extern const struct vm_operations_struct peermr_vm_ops;
extern const struct peermr_consumer_ops peermr_vma_consumer;
u64 peermr_vma_buffer_offset(const struct vm_area_struct *vma,
			     unsigned long address);
int peermr_mmap(struct file *filp, struct vm_area_struct *vma);
int peermr_vma_adopt(struct vm_area_struct *vma, struct peermr_buffer *buffer);

/* dmabuf.c */
extern const struct peermr_consumer_ops peermr_dmabuf_consumer;
struct dma_buf *peermr_buffer_export(struct peermr_buffer *buffer);
struct dma_buf *peermr_buffer_share(struct peermr_buffer *buffer);
void peermr_buffer_unshare(struct peermr_buffer *buffer);

/* sysfs.c */
u64 peermr_window_pinned(struct peermr_window *window);

/* pci.c, pci_options.c */
struct peermr_pci_options {
	int bar;		/* -1: every BAR that suits */
	unsigned int mode;	/* 0: peermr_mode_default() */
};

int peermr_pci_register(void);
void peermr_pci_unregister(void);
struct peermr_pci_options peermr_pci_options_get(struct pci_dev *pdev);
void peermr_pci_options_clear(void);
extern const struct attribute_group *peermr_pci_driver_groups[];

#endif /* _PEERMR_H */
