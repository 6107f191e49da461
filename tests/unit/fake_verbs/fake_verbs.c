// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Built inside the sources of rdma-core, for what providers have of libibverbs.
 * As mlx5 over vfio, the device is made by a call and not found in sysfs, so it
 * needs neither sysfs nor a device node.
 */
#include <errno.h>
#include <stdlib.h>

#include <infiniband/driver.h>

#include "fake_verbs.h"

static struct fake_verbs fake;

static struct ibv_pd *fake_alloc_pd(struct ibv_context *context)
{
	struct ibv_pd *pd = calloc(1, sizeof(*pd));

	if (pd)
		pd->context = context;
	return pd;
}

static int fake_dealloc_pd(struct ibv_pd *pd)
{
	free(pd);
	return 0;
}

static struct ibv_mr *fake_mr(enum ibv_mr_type type)
{
	struct verbs_mr *mr = calloc(1, sizeof(*mr));

	if (!mr)
		return NULL;
	mr->mr_type = type;
	mr->ibv_mr.lkey = type + 1;
	mr->ibv_mr.rkey = type + 1;
	return &mr->ibv_mr;
}

static struct ibv_mr *fake_reg_mr(struct ibv_pd *pd, void *address,
				  size_t length, uint64_t iova, int access)
{
	(void)pd;
	atomic_fetch_add(&fake.plain, 1);
	fake.address = address;
	fake.length = length;
	fake.iova = iova;
	fake.access = access;
	if (fake.plain_hook)
		fake.plain_hook();
	if (fake.plain_error) {
		errno = fake.plain_error;
		return NULL;
	}
	return fake_mr(IBV_MR_TYPE_MR);
}

static struct ibv_mr *fake_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset,
					 size_t length, uint64_t iova, int fd,
					 int access)
{
	(void)pd;
	if (fake.dmabuf_error) {
		errno = fake.dmabuf_error;
		return NULL;
	}
	if (fd < 0) {
		errno = EBADF;
		return NULL;
	}
	atomic_fetch_add(&fake.dmabuf, 1);
	fake.offset = offset;
	fake.length = length;
	fake.iova = iova;
	fake.access = access;
	return fake_mr(IBV_MR_TYPE_DMABUF_MR);
}

static int fake_dereg_mr(struct verbs_mr *mr)
{
	free(mr);
	return 0;
}

static const struct verbs_context_ops fake_ops = {
	.alloc_pd = fake_alloc_pd,
	.dealloc_pd = fake_dealloc_pd,
	.reg_mr = fake_reg_mr,
	.reg_dmabuf_mr = fake_reg_dmabuf_mr,
	.dereg_mr = fake_dereg_mr,
};

struct fake_context {
	struct verbs_context verbs;
};

static struct verbs_context *fake_alloc_context(struct ibv_device *device,
						int cmd_fd, void *private_data)
{
	struct fake_context *context;

	(void)private_data;
	context = verbs_init_and_alloc_context(device, cmd_fd, context, verbs,
					       RDMA_DRIVER_UNKNOWN);
	if (!context)
		return NULL;
	verbs_set_ops(&context->verbs, &fake_ops);
	return &context->verbs;
}

static const struct verbs_device_ops fake_device_ops = {
	.name = "fake",
	.alloc_context = fake_alloc_context,
};

static struct verbs_device fake_device = {
	.device = {
		.node_type = IBV_NODE_CA,
		.transport_type = IBV_TRANSPORT_IB,
		.name = "fake0",
	},
	.ops = &fake_device_ops,
	.refcount = 1,
	.core_support = IB_UVERBS_CORE_SUPPORT_OPTIONAL_MR_ACCESS,
};

struct fake_verbs *fake_verbs_open(void);

__attribute__((visibility("default"))) struct fake_verbs *fake_verbs_open(void)
{
	if (!fake.context)
		fake.context = verbs_open_device(&fake_device.device, NULL);
	return fake.context ? &fake : NULL;
}
