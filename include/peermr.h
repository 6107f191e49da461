/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * libpeermr: memory of PCIe devices for RDMA.
 *
 * One rule for errors: a function that returns int gives 0 (or what it says)
 * on success and a negative errno on failure; a function that returns a
 * pointer gives NULL on failure and sets errno. All sizes are in bytes.
 * Objects may be used by several threads at once, except that nobody may use
 * one that is being closed or freed.
 */
#ifndef PEERMR_H
#define PEERMR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEERMR_VERSION_MAJOR	0
#define PEERMR_VERSION_MINOR	1
#define PEERMR_VERSION_PATCH	0

#define PEERMR_NAME_LEN		64

/** enum peermr_mode - how a window's memory can be used */
enum peermr_mode {
	PEERMR_WINDOW_PAGES = 1,	/* struct pages: plain ibv_reg_mr() */
	PEERMR_WINDOW_PFN = 2,		/* no struct pages */
};

struct peermr_window;
struct peermr_buffer;

/**
 * struct peermr_window_info - what a window is
 * @name: name of the device node below /dev/peermr, "0000:01:00.0-bar2"
 * @mode: enum peermr_mode
 * @size: size of the window
 * @free: bytes free when asked
 * @granule: unit of allocation
 * @quota: bytes one user may hold, 0 for no limit
 * @quota_used: bytes the opener's user holds; 0 in a list, which opens nothing
 * @numa_node: NUMA node of the device, -1 if unknown
 */
struct peermr_window_info {
	char name[PEERMR_NAME_LEN];
	uint32_t mode;
	int32_t numa_node;
	uint64_t size;
	uint64_t free;
	uint64_t granule;
	uint64_t quota;
	uint64_t quota_used;
};

/**
 * struct peermr_buffer_info - where a buffer is
 * @length: usable length, rounded up to the granule
 * @placement: offset of the buffer in the window
 * @mmap_offset: handle; pass it with the window's fd to mmap(2)
 */
struct peermr_buffer_info {
	uint64_t length;
	uint64_t placement;
	uint64_t mmap_offset;
};

/**
 * struct peermr_pointer_info - what is behind a pointer
 * @start: first address of the mapping that holds the pointer
 * @length: length of that mapping
 * @offset: offset of the pointer in its buffer
 * @buffer: the buffer, as PEERMR_IOC_LOOKUP saw it
 */
struct peermr_pointer_info {
	void *start;
	uint64_t length;
	uint64_t offset;
	struct peermr_buffer_info buffer;
};

/* Place the buffer at peermr_buffer_attr::placement. */
#define PEERMR_BUFFER_FIXED	(1U << 0)

/**
 * struct peermr_buffer_attr - how to allocate
 * @flags: PEERMR_BUFFER_*
 * @length: bytes wanted, not 0
 * @alignment: of the placement, a power of two, 0 for the granule
 * @placement: with PEERMR_BUFFER_FIXED: offset in the window
 */
struct peermr_buffer_attr {
	uint32_t flags;
	uint64_t length;
	uint64_t alignment;
	uint64_t placement;
};

/**
 * peermr_version() - version of the library in use, "0.1.0"
 *
 * Return: a constant string, owned by the library.
 */
const char *peermr_version(void);

/**
 * peermr_list() - list the windows of this machine
 * @infos: set to an array owned by the caller, free() it; NULL if there is none
 *
 * Reads sysfs and opens no device, so it needs no permission.
 *
 * Return: the number of windows, or -ENOMEM, -EIO; -ENODEV if the kernel
 * module is not loaded.
 */
int peermr_list(struct peermr_window_info **infos);

/**
 * peermr_window_open() - open a window
 * @name: "0000:01:00.0-bar2", a path ("/dev/peermr/..."), or NULL for the
 *	first window of peermr_list() that can be opened
 *
 * Return: the window, to be closed with peermr_window_close(); or NULL with
 * errno ENOENT or ENODEV (no such window, or not one of peermr), EACCES,
 * EINVAL (not a name), ENOMEM, EMFILE.
 */
struct peermr_window *peermr_window_open(const char *name);

/**
 * peermr_window_close() - close a window and free its buffers
 * @window: the window, or NULL
 *
 * Frees (and unmaps) every buffer that was allocated through @window and not
 * yet freed. Memory that an RDMA device still has registered stays allocated
 * until it is deregistered.
 */
void peermr_window_close(struct peermr_window *window);

/**
 * peermr_window_fd() - the window's file descriptor
 * @window: the window
 *
 * Return: the descriptor, owned by @window; not to be closed.
 */
int peermr_window_fd(const struct peermr_window *window);

/**
 * peermr_window_query() - describe a window
 * @window: the window
 * @info: filled in
 *
 * Return: 0, or -ENODEV if the window was revoked.
 */
int peermr_window_query(struct peermr_window *window,
			struct peermr_window_info *info);

/**
 * peermr_buffer_alloc() - allocate a zeroed buffer
 * @window: the window to take it from
 * @attr: length, alignment and placement
 *
 * The buffer is not mapped; see peermr_buffer_map().
 *
 * Return: the buffer, to be freed with peermr_buffer_free(); or NULL with
 * errno EINVAL, ENOSPC, EDQUOT, EBUSY, ENODEV, EINTR or ENOMEM.
 */
struct peermr_buffer *peermr_buffer_alloc(struct peermr_window *window,
					  const struct peermr_buffer_attr *attr);

/**
 * peermr_buffer_map() - map a whole buffer into this process
 * @buffer: the buffer
 *
 * Maps once: a second call returns the same address. The mapping is aligned to
 * 2 MiB where the buffer allows, is shared with children after fork(2), and is
 * removed by peermr_buffer_free().
 *
 * Return: the address, or NULL with errno ENOMEM or ENODEV.
 */
void *peermr_buffer_map(struct peermr_buffer *buffer);

/**
 * peermr_buffer_query() - describe a buffer
 * @buffer: the buffer
 * @info: filled in
 */
void peermr_buffer_query(const struct peermr_buffer *buffer,
			 struct peermr_buffer_info *info);

/**
 * peermr_buffer_free() - unmap and free a buffer
 * @buffer: the buffer, or NULL
 *
 * Deregister it first: memory that an RDMA device still has registered stays
 * out of use until then.
 */
void peermr_buffer_free(struct peermr_buffer *buffer);

/**
 * peermr_lookup() - which buffer of a window is behind a pointer
 * @window: the window
 * @address: any address
 * @info: filled in
 *
 * Return: 0, or -ENOENT if @address is not memory of @window, -ENODEV.
 */
int peermr_lookup(struct peermr_window *window, const void *address,
		  struct peermr_pointer_info *info);

#ifdef __cplusplus
}
#endif

#endif /* PEERMR_H */
