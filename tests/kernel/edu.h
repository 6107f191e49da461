/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects of edu_importer.ko. Lock order: edu_nic::lock, the reservation lock of a
 * dma-buf, edu_device::lock. No user memory is touched under any of them.
 */
#ifndef _EDU_H
#define _EDU_H

#include <linux/dma-buf.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "edu_uapi.h"

struct edu_nic;
struct pci_dev;

/* More in one command makes some versions of QEMU abort. */
#define EDU_COMMAND_MAX		2048

/**
 * struct edu_device - one "edu" device
 * @pdev: the device
 * @misc: its node; an open file keeps the module
 * @regs: BAR0
 * @lock: one transfer at a time; protects @stage
 * @stage: host memory, EDU_COMMAND_MAX bytes, that the device reads and writes
 * @stage_dma: its DMA address
 * @nic: NULL, or the RDMA device that uses the engine
 */
struct edu_device {
	struct pci_dev *pdev;
	struct miscdevice misc;
	void __iomem *regs;
	struct mutex lock;		/* the engine, and @stage */
	void *stage;
	dma_addr_t stage_dma;
	struct edu_nic *nic;
};

/**
 * struct edu_import - what an open file has
 * @edu: the device
 * @flags: EDU_IMPORT_*
 * @attach: set once, by the ioctl that imports; NULL before
 * @lock: one such ioctl at a time
 * @sgt: NULL or the mapping; this and what follows under the reservation lock
 * @notices: how often the exporter has taken the memory away
 * @nents: of the last mapping
 * @fence: NULL, or what is behind the work that EDU_IOC_BEGIN began
 */
struct edu_import {
	struct edu_device *edu;
	unsigned int flags;
	struct dma_buf_attachment *attach;
	struct mutex lock;		/* setting @attach */
	struct sg_table *sgt;
	unsigned int notices;
	unsigned int nents;
	struct dma_fence *fence;
};

/* edu_engine.c */
int edu_engine_init(struct edu_device *edu);
int edu_engine_move(struct edu_device *edu, dma_addr_t address, void *data,
		    size_t length, bool from);

/* edu_import.c; all but the first two need an import with an attachment */
int edu_import_attach(struct edu_import *import,
		      const struct edu_import_args *args);
void edu_import_end(struct edu_import *import);
int edu_import_map(struct edu_import *import);
void edu_import_unmap(struct edu_import *import);
void edu_import_state(struct edu_import *import, struct edu_state *state);
int edu_import_segment(struct edu_import *import, struct edu_segment *segment);
int edu_import_transfer(struct edu_import *import, u64 offset, void *data,
			size_t length, bool from);
int edu_import_begin(struct edu_import *import);
void edu_import_finish(struct edu_import *import);

/* edu_nic.c */
int edu_nic_add(struct edu_device *edu);
void edu_nic_remove(struct edu_device *edu);
int edu_nic_transfer(struct edu_device *edu, u32 key, u64 at, void *data,
		     size_t length, bool from);

/* edu_ioctl.c */
extern const struct file_operations edu_fops;

#endif /* _EDU_H */
