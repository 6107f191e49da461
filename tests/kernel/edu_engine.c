// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA engine of "edu". It moves bytes between the device's own buffer and an
 * address on the bus, one command at a time, and says nothing about errors: who
 * wants to know whether they arrived looks at the data.
 */

#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "edu.h"

#define EDU_REG_SRC		0x80
#define EDU_REG_DST		0x88
#define EDU_REG_COUNT		0x90
#define EDU_REG_COMMAND		0x98

#define EDU_COMMAND_RUN		BIT(0)
#define EDU_COMMAND_FROM_BUFFER	BIT(1)

/* Where the device's own buffer is, for the engine alone. */
#define EDU_BUFFER		0x40000

/* A command takes 100 ms of the guest's time, which a busy host can stretch. */
#define EDU_POLL_US		(10 * USEC_PER_MSEC)
#define EDU_TIMEOUT_US		(20 * USEC_PER_SEC)

int edu_engine_init(struct edu_device *edu)
{
	edu->stage = dmam_alloc_coherent(&edu->pdev->dev, EDU_COMMAND_MAX,
					 &edu->stage_dma, GFP_KERNEL);
	return edu->stage ? 0 : -ENOMEM;
}

static int edu_engine_run(struct edu_device *edu, u64 src, u64 dst,
			  size_t length, u64 command)
{
	u64 left;

	writeq(src, edu->regs + EDU_REG_SRC);
	writeq(dst, edu->regs + EDU_REG_DST);
	writeq(length, edu->regs + EDU_REG_COUNT);
	writeq(EDU_COMMAND_RUN | command, edu->regs + EDU_REG_COMMAND);
	return readq_poll_timeout(edu->regs + EDU_REG_COMMAND, left,
				  !(left & EDU_COMMAND_RUN), EDU_POLL_US,
				  EDU_TIMEOUT_US);
}

/* Into the device's buffer from one address, and from there to another. */
static int edu_engine_copy(struct edu_device *edu, u64 src, u64 dst,
			   size_t length)
{
	int ret;

	ret = edu_engine_run(edu, src, EDU_BUFFER, length, 0);
	if (ret)
		return ret;
	return edu_engine_run(edu, EDU_BUFFER, dst, length,
			      EDU_COMMAND_FROM_BUFFER);
}

/* Have the device copy @data to @address, or @from there to @data. */
int edu_engine_move(struct edu_device *edu, dma_addr_t address, void *data,
		    size_t length, bool from)
{
	size_t done, part;
	int ret = 0;

	mutex_lock(&edu->lock);
	for (done = 0; done < length && !ret; done += part) {
		part = min_t(size_t, length - done, EDU_COMMAND_MAX);
		if (from) {
			ret = edu_engine_copy(edu, address + done,
					      edu->stage_dma, part);
			memcpy(data + done, edu->stage, part);
		} else {
			memcpy(edu->stage, data + done, part);
			ret = edu_engine_copy(edu, edu->stage_dma,
					      address + done, part);
		}
	}
	mutex_unlock(&edu->lock);
	return ret;
}
