/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other way around than rdma.h: the operations of an RDMA device for the one
 * file that includes this, which has a driver of its own.
 */
#ifndef _PEERMR_COMPAT_DMABUF_OP_H
#define _PEERMR_COMPAT_DMABUF_OP_H

#include "reg_op.h"

/* Defined by that file. The dma-buf is @fd, and @reg->start the offset in it. */
static struct ib_mr *peermr_reg_user_mr_dmabuf(const struct peermr_reg_mr *reg,
					       int fd);

#if defined(PEERMR_HAVE_REG_MR_DMAH)
static struct ib_mr *
peermr_compat_reg_dmabuf_op(struct ib_pd *pd, u64 offset, u64 length, u64 iova,
			    int fd, int access, struct ib_dmah *dmah,
			    struct uverbs_attr_bundle *attrs)
#elif defined(PEERMR_HAVE_REG_DMABUF_ATTRS)
static struct ib_mr *
peermr_compat_reg_dmabuf_op(struct ib_pd *pd, u64 offset, u64 length, u64 iova,
			    int fd, int access,
			    struct uverbs_attr_bundle *attrs)
#else
static struct ib_mr *
peermr_compat_reg_dmabuf_op(struct ib_pd *pd, u64 offset, u64 length, u64 iova,
			    int fd, int access, struct ib_udata *udata)
#endif
{
	struct peermr_reg_mr reg = {
		.pd = pd,
		.start = offset,
		.length = length,
		.iova = iova,
		.access = access,
	};

	return peermr_reg_user_mr_dmabuf(&reg, fd);
}

#endif /* _PEERMR_COMPAT_DMABUF_OP_H */
