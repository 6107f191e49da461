// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The double of libibverbs.so.1: the registration calls with their versions, for
 * tests that have no RDMA device.
 */
#include <errno.h>
#include <stdlib.h>

#include "ibverbs.h"

struct double_ibverbs double_ibverbs;

static struct ibv_mr *double_ibverbs_mr(struct ibv_pd *pd, void *addr,
					size_t length, int error)
{
	struct ibv_mr *mr = error ? NULL : calloc(1, sizeof(*mr));

	if (!mr) {
		errno = error;
		return NULL;
	}
	mr->pd = pd;
	mr->addr = addr;
	mr->length = length;
	return mr;
}

struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length,
				uint64_t iova, unsigned int access)
{
	double_ibverbs.plain_calls++;
	double_ibverbs.iova = iova;
	double_ibverbs.access = access;
	return double_ibverbs_mr(pd, addr, length, double_ibverbs.plain_errno);
}

struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length,
			       uint64_t iova, int access)
{
	return ibv_reg_mr_iova2(pd, addr, length, iova, (unsigned int)access);
}

struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length,
			  int access)
{
	return ibv_reg_mr_iova2(pd, addr, length, (uintptr_t)addr,
				(unsigned int)access);
}

/* As uverbs: a driver without them says so before it looks at the fd. */
struct ibv_mr *ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset,
				 size_t length, uint64_t iova, int fd,
				 int access)
{
	if (double_ibverbs.no_dmabufs) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	if (fd < 0) {
		double_ibverbs.probes++;
		errno = EBADF;
		return NULL;
	}
	double_ibverbs.dmabuf_calls++;
	double_ibverbs.offset = offset;
	double_ibverbs.iova = iova;
	double_ibverbs.access = (unsigned int)access;
	return double_ibverbs_mr(pd, (void *)(uintptr_t)offset, length,
				 double_ibverbs.dmabuf_errno);
}
