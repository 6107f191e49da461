// SPDX-License-Identifier: GPL-2.0
/* Registration of dma-bufs: what the operation takes, by kernel. */

#include <linux/bitmap.h>
#include <linux/string.h>
#include <rdma/uverbs_ioctl.h>

#include "rdma.h"

/* A copy of the bundle that @udata is part of, without any attribute. */
static void peermr_attrs_copy(struct uverbs_attr_bundle *attrs,
			      struct ib_udata *udata)
{
	/* The attributes themselves are behind it. */
	memcpy(attrs, rdma_udata_to_uverbs_attr_bundle(udata), sizeof(*attrs));
	bitmap_zero(attrs->attr_present, UVERBS_API_ATTR_BKEY_LEN);
}

/* The dma-buf operation got all attributes after 6.1, and a handle in 7.0. */
#if defined(PEERMR_HAVE_REG_MR_DMAH)
struct ib_mr *peermr_compat_reg_user_mr_dmabuf(const struct ib_device_ops *ops,
					       const struct peermr_reg_mr *reg,
					       int fd)
{
	struct uverbs_attr_bundle attrs;

	peermr_attrs_copy(&attrs, reg->udata);
	return ops->reg_user_mr_dmabuf(reg->pd, reg->start, reg->length,
				       reg->iova, fd, reg->access, reg->dmah,
				       &attrs);
}
#elif defined(PEERMR_HAVE_REG_DMABUF_ATTRS)
struct ib_mr *peermr_compat_reg_user_mr_dmabuf(const struct ib_device_ops *ops,
					       const struct peermr_reg_mr *reg,
					       int fd)
{
	struct uverbs_attr_bundle attrs;

	peermr_attrs_copy(&attrs, reg->udata);
	return ops->reg_user_mr_dmabuf(reg->pd, reg->start, reg->length,
				       reg->iova, fd, reg->access, &attrs);
}
#else
struct ib_mr *peermr_compat_reg_user_mr_dmabuf(const struct ib_device_ops *ops,
					       const struct peermr_reg_mr *reg,
					       int fd)
{
	struct uverbs_attr_bundle attrs;

	peermr_attrs_copy(&attrs, reg->udata);
	return ops->reg_user_mr_dmabuf(reg->pd, reg->start, reg->length,
				       reg->iova, fd, reg->access,
				       &attrs.driver_udata);
}
#endif
