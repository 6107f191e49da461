/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/edu-<BDF>, one for each of QEMU's "edu" devices that edu_importer.ko has
 * found. An open file imports one dma-buf. Only for tests: EDU_IOC_REPLAY lets
 * the device write anywhere.
 */
#ifndef _EDU_UAPI_H
#define _EDU_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The importer cannot handle memory without pages. */
#define EDU_IMPORT_NO_P2P	0x1
/* It cannot be told to let go. ENOTTY before 7.0, which has no such importers. */
#define EDU_IMPORT_NO_NOTICE	0x2
/* When told, it keeps its mapping until EDU_IOC_UNMAP. */
#define EDU_IMPORT_KEEP		0x4
/* It is a device that does no DMA. */
#define EDU_IMPORT_NO_DMA	0x8

/* EDU_IOC_IMPORT: attach to the dma-buf @fd. */
struct edu_import_args {
	__s32 fd;
	__u32 flags;
};

/**
 * struct edu_state - EDU_IOC_STATE
 * @mapped: the dma-buf is mapped for the device
 * @notices: how often the exporter has said that the memory goes away
 * @nents: entries of the table of the last mapping
 */
struct edu_state {
	__u32 mapped;
	__u32 notices;
	__u32 nents;
	__u32 reserved;
};

/* EDU_IOC_SEGMENT: entry @index of the mapped table. */
struct edu_segment {
	__u32 index;
	__u32 reserved;
	__u64 address;
	__u64 length;
};

/* The device reads from the memory; otherwise it writes to it. */
#define EDU_TRANSFER_FROM	0x1

#define EDU_TRANSFER_KEY_SHIFT	16

#define EDU_TRANSFER_MAX	65536

/**
 * struct edu_transfer - EDU_IOC_TRANSFER, EDU_IOC_REPLAY, EDU_IOC_MR
 * @user: address of the caller's data, which goes through the device's own
 *	buffer on its way
 * @at: offset in the dma-buf, which gets mapped if it is not; for
 *	EDU_IOC_REPLAY a DMA address, which is used as it is; for EDU_IOC_MR in
 *	the MR
 * @length: bytes, EDU_TRANSFER_MAX at most
 * @flags: EDU_TRANSFER_*; for EDU_IOC_MR the MR's key is in the upper half
 */
struct edu_transfer {
	__u64 user;
	__u64 at;
	__u32 length;
	__u32 flags;
};

#define EDU_IOC_IMPORT		_IOW('E', 0, struct edu_import_args)
#define EDU_IOC_MAP		_IO('E', 1)
#define EDU_IOC_UNMAP		_IO('E', 2)
#define EDU_IOC_STATE		_IOR('E', 3, struct edu_state)
#define EDU_IOC_SEGMENT		_IOWR('E', 4, struct edu_segment)
#define EDU_IOC_TRANSFER	_IOW('E', 5, struct edu_transfer)
#define EDU_IOC_REPLAY		_IOW('E', 6, struct edu_transfer)
/* Put a fence behind work that goes on until EDU_IOC_FINISH, or the close. */
#define EDU_IOC_BEGIN		_IO('E', 7)
#define EDU_IOC_FINISH		_IO('E', 8)

/* With "nic=1": to or from an MR of the RDMA device. */
#define EDU_IOC_MR		_IOW('E', 9, struct edu_transfer)

#endif /* _EDU_UAPI_H */
