/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause */
/*
 * peermr: the ioctl interface of /dev/peermr/<BDF>-bar<N>.
 *
 * Every argument structure begins with its own size, which makes it
 * extensible in both directions. The caller sets @size to sizeof() of the
 * structure it was compiled against and zeroes what it does not use. The
 * kernel refuses a structure that carries non-zero bytes beyond what it knows
 * (E2BIG), a @size below the first published one (EINVAL), unknown @flags
 * (EINVAL). It writes back at most @size bytes, and nothing where no field is
 * an output. All lengths and offsets are in bytes.
 *
 * Errors common to all: EFAULT (bad pointer), ENOTTY (unknown request),
 * ENODEV (the window was revoked or its device is gone).
 */
#ifndef _UAPI_LINUX_PEERMR_H
#define _UAPI_LINUX_PEERMR_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Version of this interface; raised when a request or a field is added. */
#define PEERMR_UAPI_VERSION	1

/* How a window's memory is mapped (struct peermr_query::mode). */
#define PEERMR_MODE_PAGES	1	/* struct pages: ibv_reg_mr() pins them */
#define PEERMR_MODE_PFN		2	/* none: CPU mappings (write-combining) */

/**
 * struct peermr_query - PEERMR_IOC_QUERY: describe the window
 * @size: in: size of this structure
 * @flags: in: must be 0
 * @version: out: PEERMR_UAPI_VERSION of the running module
 * @mode: out: PEERMR_MODE_*
 * @window_size: out: size of the window
 * @window_free: out: bytes that no buffer, quarantined or live, occupies
 * @granule: out: unit of allocation; a power of two
 * @quota: out: bytes one user may hold in this window, 0 for no limit
 * @quota_used: out: bytes that the opener's user holds, quarantined included
 */
struct peermr_query {
	__u32 size;
	__u32 flags;
	__u32 version;
	__u32 mode;
	__u64 window_size;
	__u64 window_free;
	__u64 granule;
	__u64 quota;
	__u64 quota_used;
};

/* Place the buffer at peermr_alloc::placement instead of anywhere. */
#define PEERMR_ALLOC_FIXED	(1U << 0)

/**
 * struct peermr_alloc - PEERMR_IOC_ALLOC: allocate a zeroed buffer
 * @size: in: size of this structure
 * @flags: in: PEERMR_ALLOC_*
 * @length: in: bytes wanted; out: rounded up to the granule
 * @alignment: in: of the placement, a power of two, 0 for the granule
 * @placement: in: with PEERMR_ALLOC_FIXED; out: offset of the buffer in the
 *	window
 * @mmap_offset: out: the buffer's handle and mmap(2) offset. Opaque, never 0,
 *	a multiple of 2 MiB, and not used again before 2^63 bytes of offsets
 *	have been given out
 *
 * The buffer belongs to the open file: it lives until PEERMR_IOC_FREE or the
 * last close, until it is unmapped everywhere, and until the last device that
 * was given its pages has let go of them.
 *
 * Errors: EINVAL (zero length, bad alignment, placement misaligned or outside
 * the window), ENOSPC (no room in the window), EDQUOT (the user's quota), EBUSY
 * (the fixed place is taken), EINTR (killed while waiting for memory that was
 * just freed).
 */
struct peermr_alloc {
	__u32 size;
	__u32 flags;
	__u64 length;
	__u64 alignment;
	__u64 placement;
	__u64 mmap_offset;
};

/**
 * struct peermr_free - PEERMR_IOC_FREE: give a buffer up
 * @size: in: size of this structure
 * @flags: in: must be 0
 * @mmap_offset: in: from PEERMR_IOC_ALLOC or PEERMR_IOC_LOOKUP
 *
 * The handle is gone at once; existing mappings and registrations stay valid
 * and keep the memory. Errors: ENOENT (no such buffer in this open file).
 */
struct peermr_free {
	__u32 size;
	__u32 flags;
	__u64 mmap_offset;
};

/**
 * struct peermr_lookup - PEERMR_IOC_LOOKUP: which buffer is behind a pointer
 * @size: in: size of this structure
 * @flags: in: must be 0
 * @address: in: an address in the calling process
 * @start: out: first address of the mapping that holds @address
 * @length: out: length of that mapping
 * @offset: out: offset of @address in the buffer
 * @buffer_length: out: length of the buffer
 * @placement: out: offset of the buffer in the window
 * @mmap_offset: out: the buffer's handle
 *
 * Errors: ENOENT (@address is not mapped, or not memory of this window).
 */
struct peermr_lookup {
	__u32 size;
	__u32 flags;
	__u64 address;
	__u64 start;
	__u64 length;
	__u64 offset;
	__u64 buffer_length;
	__u64 placement;
	__u64 mmap_offset;
};

/* peermr_export::address names the buffer, not peermr_export::mmap_offset. */
#define PEERMR_EXPORT_ADDRESS	(1U << 0)

/**
 * struct peermr_export - PEERMR_IOC_EXPORT: a buffer as a dma-buf
 * @size: in: size of this structure
 * @flags: in: PEERMR_EXPORT_*
 * @mmap_offset: in: the buffer's handle
 * @address: in: with PEERMR_EXPORT_ADDRESS: an address in the calling process
 *	where memory of this window is mapped
 * @offset: out: with PEERMR_EXPORT_ADDRESS: offset of @address in the buffer
 * @length: out: size of the dma-buf: that of the whole buffer, also where the
 *	process has only part of it mapped
 * @fd: out: the dma-buf, close-on-exec; the caller closes it
 * @reserved: in: must be 0
 *
 * The dma-buf and everything registered from it keep the buffer's memory, also
 * after the handle, the mappings and this open file are gone. An importer is
 * told when the memory is taken away, and cannot map it again (ENODEV).
 *
 * Errors: ENOENT (no such buffer in this open file, or @address is not memory
 * of this window), EACCES (this open file, or the mapping, is for reading only),
 * EMFILE, ENFILE, ENOMEM, EINTR (killed while the buffer was
 * zeroed).
 */
struct peermr_export {
	__u32 size;
	__u32 flags;
	__u64 mmap_offset;
	__u64 address;
	__u64 offset;
	__u64 length;
	__s32 fd;
	__u32 reserved;
};

/* States of a buffer (struct peermr_holder::state). */
#define PEERMR_STATE_LIVE	1	/* has a handle, mapping or export */
#define PEERMR_STATE_QUARANTINED 2	/* given up, but still pinned or unclean */
#define PEERMR_STATE_REVOKED	3	/* live, but its memory was taken away */

#define PEERMR_COMM_LEN		16

/**
 * struct peermr_holder - PEERMR_IOC_HOLDER: who holds the next buffer
 * @size: in: size of this structure
 * @flags: in: must be 0
 * @placement: in: report the first buffer that ends beyond this offset;
 *	out: offset of the buffer in the window
 * @length: out: length of the buffer
 * @pinned: out: bytes of it that are pinned for DMA
 * @mappings: out: how many times it is mapped
 * @state: out: PEERMR_STATE_*
 * @pid: out: process that opened the device, 0 if not visible from here
 * @uid: out: user that opened the device
 * @comm: out: command name of that process at open, NUL-terminated
 *
 * Walk all buffers by starting with @placement 0 and then passing
 * @placement + @length. A caller without CAP_SYS_ADMIN sees the buffers of its
 * own user. Works on a revoked window, too. Errors: ENOENT (no more buffers).
 */
struct peermr_holder {
	__u32 size;
	__u32 flags;
	__u64 placement;
	__u64 length;
	__u64 pinned;
	__u32 mappings;
	__u32 state;
	__s32 pid;
	__u32 uid;
	char comm[PEERMR_COMM_LEN];
};

/* Revoke although buffers exist: zap mappings, invalidate importers. */
#define PEERMR_REVOKE_FORCE	(1U << 0)

/**
 * struct peermr_revoke - PEERMR_IOC_REVOKE: make the window safe to unbind
 * @size: in: size of this structure
 * @flags: in: PEERMR_REVOKE_*
 *
 * Needs CAP_SYS_ADMIN. Without PEERMR_REVOKE_FORCE the window is revoked only
 * if it holds no buffer, live or quarantined: EBUSY otherwise, and nothing
 * changes. With it every CPU mapping turns into SIGBUS at once; then the call
 * waits until the pins on the page path are gone, which only their owners can
 * let go. EINTR if a signal came first: the window stays revoked, and the call
 * may be repeated. A revoked window refuses PEERMR_IOC_QUERY, PEERMR_IOC_ALLOC
 * and PEERMR_IOC_LOOKUP with ENODEV until the device is bound anew.
 */
struct peermr_revoke {
	__u32 size;
	__u32 flags;
};

#define PEERMR_IOC_MAGIC	0xBC

#define PEERMR_IOC_QUERY	_IOWR(PEERMR_IOC_MAGIC, 0x00, struct peermr_query)
#define PEERMR_IOC_ALLOC	_IOWR(PEERMR_IOC_MAGIC, 0x01, struct peermr_alloc)
#define PEERMR_IOC_FREE		_IOW(PEERMR_IOC_MAGIC, 0x02, struct peermr_free)
#define PEERMR_IOC_LOOKUP	_IOWR(PEERMR_IOC_MAGIC, 0x03, struct peermr_lookup)
#define PEERMR_IOC_HOLDER	_IOWR(PEERMR_IOC_MAGIC, 0x04, struct peermr_holder)
#define PEERMR_IOC_REVOKE	_IOW(PEERMR_IOC_MAGIC, 0x05, struct peermr_revoke)
#define PEERMR_IOC_EXPORT	_IOWR(PEERMR_IOC_MAGIC, 0x06, struct peermr_export)

#endif /* _UAPI_LINUX_PEERMR_H */
