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

/**
 * peermr_buffer_export() - export a buffer as a dma-buf
 * @buffer: the buffer
 *
 * The dma-buf and what is registered from it keep the memory, also after
 * peermr_buffer_free() and peermr_window_close().
 *
 * Return: a close-on-exec descriptor that the caller closes, or -ENODEV (the
 * memory was revoked), -EMFILE, -ENFILE, -ENOMEM, -EINTR; -ENOTTY if the
 * kernel module is too old.
 */
int peermr_buffer_export(struct peermr_buffer *buffer);

/** enum peermr_memory - whose memory is behind a pointer */
enum peermr_memory {
	PEERMR_MEMORY_NONE = 0,		/* of no runtime: host memory */
	PEERMR_MEMORY_WINDOW,		/* a window of peermr */
	PEERMR_MEMORY_CUDA,
	PEERMR_MEMORY_ROCM,
	PEERMR_MEMORY_LEVEL_ZERO,
	PEERMR_MEMORY_APPLICATION,	/* peermr_register_range() */
};

/**
 * struct peermr_range - device memory as a dma-buf
 * @fd: the dma-buf; belongs to the range, -1 if there is none
 * @memory: enum peermr_memory
 * @offset: of the address in the dma-buf
 * @length: bytes from the address on that @fd covers, at least as many as were
 *	asked for
 * @release: call peermr_range_release() instead
 * @reserved: the back end's own
 */
struct peermr_range {
	int fd;
	uint32_t memory;
	uint64_t offset;
	uint64_t length;
	void (*release)(struct peermr_range *range);
	uint64_t reserved[4];
};

/**
 * peermr_resolve() - the dma-buf behind a pointer
 * @address: any address
 * @length: bytes from there on, not 0
 * @range: filled in; to be given to peermr_range_release() after success, and
 *	without effect there after failure
 *
 * A registration holds the memory by itself: release the range right after it.
 * A range describes the memory as it was when asked; nothing is remembered.
 *
 * Return: 0; -ENOENT if no runtime claims @address (host memory, memory that
 * the runtime moves, pinned host memory); -EINVAL for a zero length, one that
 * overflows, or one that goes beyond the allocation; -EOPNOTSUPP for device
 * memory that its runtime cannot export; -EACCES for memory mapped read-only;
 * -ENODEV for memory that was revoked; or -EMFILE, -ENFILE, -ENOMEM, -EIO.
 */
int peermr_resolve(const void *address, size_t length,
		   struct peermr_range *range);

/**
 * peermr_range_release() - give a range back
 * @range: from peermr_resolve(); may be released twice
 *
 * Closes the descriptor as its runtime wants it closed.
 */
void peermr_range_release(struct peermr_range *range);

/**
 * peermr_register_range() - make memory known that no runtime claims
 * @address: first address
 * @length: bytes, not 0
 * @fd: a dma-buf; duplicated, so the caller may close it
 * @offset: of @address in the dma-buf
 *
 * Until peermr_unregister_range() pointers into the range resolve to @fd. The
 * caller promises that they mean the same memory.
 *
 * Return: 0; -EBADF; -EINVAL if @fd is not a dma-buf, or for a zero length or
 * one that overflows or goes beyond the dma-buf; -EEXIST if a part of the range
 * is registered; -EMFILE, -ENOMEM.
 */
int peermr_register_range(void *address, size_t length, int fd,
			  uint64_t offset);

/**
 * peermr_unregister_range() - forget a range
 * @address: as registered
 * @length: as registered
 *
 * Memory regions registered from it are not touched.
 *
 * Return: 0, or -ENOENT if there is no such range.
 */
int peermr_unregister_range(void *address, size_t length);

/* Of <infiniband/verbs.h>, which this header does not need. */
struct ibv_pd;
struct ibv_mr;

/**
 * peermr_reg_mr() - register memory for RDMA, whatever memory it is
 * @pd: the protection domain
 * @address: host memory or memory of a device
 * @length: bytes
 * @access: enum ibv_access_flags
 *
 * As ibv_reg_mr(), by the best path for this NIC and pointer: device memory as
 * a dma-buf where the NIC takes dma-bufs and the runtime gives one, else by the
 * NIC's own means. ibv_dereg_mr() undoes it. The program is linked with
 * libibverbs; this library is not, and uses the one that @pd belongs to.
 *
 * Return: the memory region, its addr being @address; or NULL and errno, see
 * peermr_reg_mr(3).
 */
struct ibv_mr *peermr_reg_mr(struct ibv_pd *pd, void *address, size_t length,
			     int access);

/**
 * peermr_reg_mr_iova() - peermr_reg_mr() at an address of the caller's choice
 * @pd: the protection domain
 * @address: host memory or memory of a device
 * @length: bytes
 * @iova: address by which work requests mean the first byte; must agree with
 *	@address below the page size
 * @access: enum ibv_access_flags
 *
 * Return: as peermr_reg_mr().
 */
struct ibv_mr *peermr_reg_mr_iova(struct ibv_pd *pd, void *address,
				  size_t length, uint64_t iova, int access);

/** enum peermr_path - how memory was registered */
enum peermr_path {
	PEERMR_PATH_NONE = 0,	/* not at all */
	PEERMR_PATH_PLAIN,	/* as ibv_reg_mr(): pages, or PeerDirect */
	PEERMR_PATH_DMABUF,	/* as ibv_reg_dmabuf_mr() */
};

/* A step of a registration that was not tried. */
#define PEERMR_NOT_TRIED	1

/**
 * struct peermr_reg_report - what a registration did, and why
 * @path: enum peermr_path
 * @memory: enum peermr_memory, as far as it was looked at
 * @resolve_error: of finding the dma-buf: 0, a negative errno or
 *	PEERMR_NOT_TRIED
 * @dmabuf_error: of registering it, likewise
 * @plain_error: of ibv_reg_mr(), likewise
 * @text: one line in plain words
 */
struct peermr_reg_report {
	uint32_t path;
	uint32_t memory;
	int resolve_error;
	int dmabuf_error;
	int plain_error;
	char text[256];
};

/**
 * peermr_reg_report() - the calling thread's last registration
 * @report: filled in; all zero before the first peermr_reg_mr()
 */
void peermr_reg_report(struct peermr_reg_report *report);

#ifdef __cplusplus
}
#endif

#endif /* PEERMR_H */
