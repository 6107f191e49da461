/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Plain registrations that turn out to be of device memory: what the front
 * ends (preload library, libibverbs plug-in) and peermr_reg_mr() have in
 * common. Exported under PEERMR_PRIVATE: for front ends of the same version.
 */
#ifndef LIBPEERMR_VERBS_H
#define LIBPEERMR_VERBS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct ibv_mr;
struct ibv_pd;

/**
 * struct peermr_verbs_request - what the program asked ibv_reg_mr() for
 * @pd: the protection domain
 * @address: first byte
 * @length: bytes
 * @iova: that of ibv_reg_mr_iova(), else @address
 * @access: enum ibv_access_flags
 */
struct peermr_verbs_request {
	struct ibv_pd *pd;
	void *address;
	size_t length;
	uint64_t iova;
	unsigned int access;
};

/* ibv_reg_dmabuf_mr() of the libibverbs that the pd belongs to. */
typedef struct ibv_mr *(*peermr_reg_dmabuf_fn)(struct ibv_pd *pd,
					       uint64_t offset, size_t length,
					       uint64_t iova, int fd,
					       int access);

/* The plain call failed with EFAULT: look again, also for new windows. */
#define PEERMR_VERBS_RETRY	(1U << 0)

/**
 * peermr_verbs_claim() - register device memory as a dma-buf
 * @request: what the program asked for
 * @flags: 0 before the plain call, PEERMR_VERBS_RETRY after it gave EFAULT
 * @reg_dmabuf: registers, NULL where this libibverbs has no such call
 * @mr: set if the memory was registered; its addr is that of the request
 *
 * Before the plain call only runtimes of devices are asked, and ranges of the
 * application: windows cost a system call, and are asked when it has failed.
 * Everything that a dma-buf does not serve is left to the plain call, too: the
 * memory may have pages, or the NIC other means. After it failed that reason is
 * the error. Keeps errno.
 *
 * Return: 1, device memory, registered; 0, not device memory or nothing that
 * can be done about it: register plainly, or fail as the plain call did; or a
 * negative errno, device memory that cannot be registered.
 */
int peermr_verbs_claim(const struct peermr_verbs_request *request,
		       unsigned int flags, peermr_reg_dmabuf_fn reg_dmabuf,
		       struct ibv_mr **mr);

/**
 * peermr_verbs_reasons() - a look that costs less than peermr_verbs_claim()
 *
 * Return: how many reasons there are to claim before the plain call, a counter
 * of the library; for peermr_verbs_is_idle() of verbs_idle.h.
 */
const atomic_int *peermr_verbs_reasons(void);

#endif /* LIBPEERMR_VERBS_H */
