// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the kernel's uverbs say, without a provider library between. */
#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "uverbs.h"

/* enum rdma_driver_id ends far below; newer kernels add to it. */
#define UVERBS_DRIVER_IDS	64

#define UVERBS_LENGTH		4096

#define UVERBS_ATTRIBUTES	9

union uverbs_command {
	struct ib_uverbs_ioctl_hdr header;
	unsigned char room[sizeof(struct ib_uverbs_ioctl_hdr) +
			   UVERBS_ATTRIBUTES * sizeof(struct ib_uverbs_attr)];
};

static void uverbs_add(union uverbs_command *command, uint16_t id,
		       uint16_t length, uint64_t data)
{
	command->header.attrs[command->header.num_attrs++] =
		(struct ib_uverbs_attr){
			.attr_id = id,
			.len = length,
			.flags = UVERBS_ATTR_F_MANDATORY,
			.data = data,
		};
}

/* Input of up to 8 bytes is in the attribute itself. */
static void uverbs_fill(union uverbs_command *command, uint32_t pd_handle,
			uint32_t keys[2])
{
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_HANDLE, 0, 0);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, 0, pd_handle);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_OFFSET, 8, 0);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_LENGTH, 8, UVERBS_LENGTH);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_IOVA, 8, 0);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_FD, 4, (uint32_t)-1);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, 8,
		   IB_UVERBS_ACCESS_LOCAL_WRITE);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY,
		   sizeof(keys[0]), (uintptr_t)&keys[0]);
	uverbs_add(command, UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY,
		   sizeof(keys[1]), (uintptr_t)&keys[1]);
}

int uverbs_probe_dmabuf(int fd, uint32_t pd_handle)
{
	union uverbs_command command = {
		.header = {
			.length = sizeof(command),
			.object_id = UVERBS_OBJECT_MR,
			.method_id = UVERBS_METHOD_REG_DMABUF_MR,
		},
	};
	uint32_t keys[2];
	int err = EINVAL;

	uverbs_fill(&command, pd_handle, keys);
	/*
	 * The header must name the driver, which libibverbs keeps to itself;
	 * the kernel answers EINVAL to every number but the right one.
	 */
	for (uint32_t id = 0; id < UVERBS_DRIVER_IDS && err == EINVAL; id++) {
		command.header.driver_id = id;
		err = ioctl(fd, RDMA_VERBS_IOCTL, &command) ? errno : 0;
	}
	return -err;
}
