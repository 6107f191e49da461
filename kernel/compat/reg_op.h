/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reg_user_mr() for ib_device_ops, in the one file that includes this. All
 * registrations of host memory go by it, too: so it and what it calls are to
 * become one function.
 */
#ifndef _PEERMR_COMPAT_REG_OP_H
#define _PEERMR_COMPAT_REG_OP_H

#include "rdma.h"

/* Defined by that file. */
static __always_inline struct ib_mr *
peermr_reg_user_mr(const struct peermr_reg_mr *reg);

#ifdef PEERMR_HAVE_REG_MR_DMAH
static struct ib_mr *peermr_compat_reg_op(struct ib_pd *pd, u64 start,
					  u64 length, u64 iova, int access,
					  struct ib_dmah *dmah,
					  struct ib_udata *udata)
{
	struct peermr_reg_mr reg = {
		.pd = pd,
		.start = start,
		.length = length,
		.iova = iova,
		.access = access,
		.dmah = dmah,
		.udata = udata,
	};

	return peermr_reg_user_mr(&reg);
}
#else
static struct ib_mr *peermr_compat_reg_op(struct ib_pd *pd, u64 start,
					  u64 length, u64 iova, int access,
					  struct ib_udata *udata)
{
	struct peermr_reg_mr reg = {
		.pd = pd,
		.start = start,
		.length = length,
		.iova = iova,
		.access = access,
		.udata = udata,
	};

	return peermr_reg_user_mr(&reg);
}
#endif

#endif /* _PEERMR_COMPAT_REG_OP_H */
