/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registration of memory as the driver of an RDMA device implements it: two
 * operations whose last arguments differ between kernels.
 */
#ifndef _PEERMR_COMPAT_RDMA_H
#define _PEERMR_COMPAT_RDMA_H

#include <rdma/ib_verbs.h>

struct ib_dmah;

/**
 * struct peermr_reg_mr - the arguments of ib_device_ops::reg_user_mr
 * @pd: protection domain
 * @start: address in the process, or the offset in a dma-buf
 * @length: bytes
 * @iova: address by which the RDMA device knows @start
 * @access: IB_ACCESS_*
 * @dmah: how the device is to do its DMA, or NULL
 * @udata: the driver's own; NULL if it is the kernel that registers
 */
struct peermr_reg_mr {
	struct ib_pd *pd;
	u64 start;
	u64 length;
	u64 iova;
	int access;
	struct ib_dmah *dmah;
	struct ib_udata *udata;
};

/* Call reg_user_mr() of @ops. */
#ifdef PEERMR_HAVE_REG_MR_DMAH
static inline struct ib_mr *
peermr_compat_reg_user_mr(const struct ib_device_ops *ops,
			  const struct peermr_reg_mr *reg)
{
	return ops->reg_user_mr(reg->pd, reg->start, reg->length, reg->iova,
				reg->access, reg->dmah, reg->udata);
}
#else
static inline struct ib_mr *
peermr_compat_reg_user_mr(const struct ib_device_ops *ops,
			  const struct peermr_reg_mr *reg)
{
	return ops->reg_user_mr(reg->pd, reg->start, reg->length, reg->iova,
				reg->access, reg->udata);
}
#endif

/*
 * Call reg_user_mr_dmabuf() of @ops for the dma-buf @fd of the current process,
 * in a system call that was another: the attributes of that, which have numbers
 * of their own, are not passed on.
 */
struct ib_mr *peermr_compat_reg_user_mr_dmabuf(const struct ib_device_ops *ops,
					       const struct peermr_reg_mr *reg,
					       int fd);

/* irdma learnt it when importers began to say so, in 7.0. */
#ifdef PEERMR_HAVE_ATTACH_REVOCABLE
#define PEERMR_COMPAT_IRDMA_REVOKES	true
#else
#define PEERMR_COMPAT_IRDMA_REVOKES	false
#endif

/*
 * Does the driver of @ibdev let go of a dma-buf when it is told, pinned or not?
 * The others only pin, and log that they were told. rdma_rxe has dma-buf MRs
 * with the patches of kernel/rxe only, and lets go.
 */
static inline bool peermr_compat_mr_revocable(const struct ib_device *ibdev)
{
	switch (ibdev->ops.driver_id) {
	case RDMA_DRIVER_MLX5:
	case RDMA_DRIVER_RXE:
		return true;
	case RDMA_DRIVER_IRDMA:
		return PEERMR_COMPAT_IRDMA_REVOKES;
	default:
		return false;
	}
}

#endif /* _PEERMR_COMPAT_RDMA_H */
