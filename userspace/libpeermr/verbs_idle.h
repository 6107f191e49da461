/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The shortest way through a registration that is of no interest. */
#ifndef LIBPEERMR_VERBS_IDLE_H
#define LIBPEERMR_VERBS_IDLE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "verbs_abi.h"

/* Any of these lets the device write: ib_access_writable() in the kernel. */
#define PEERMR_VERBS_WRITABLE                                                  \
	(PEERMR_ABI_ACCESS_LOCAL_WRITE | PEERMR_ABI_ACCESS_REMOTE_WRITE |      \
	 PEERMR_ABI_ACCESS_REMOTE_ATOMIC)

/*
 * Whether peermr_verbs_claim() would leave any memory to the plain call;
 * @reasons is what peermr_verbs_reasons() returned. Never if the memory is not to
 * be written to: then kernels before 6.2 take any address that a runtime has
 * reserved, and pin pages of zeros, so a runtime that was loaded since would not
 * show itself by EFAULT.
 */
static inline bool peermr_verbs_is_idle(const atomic_int *reasons,
					unsigned int access)
{
	return (access & PEERMR_VERBS_WRITABLE) &&
	       !atomic_load_explicit(reasons, memory_order_relaxed);
}

#endif /* LIBPEERMR_VERBS_IDLE_H */
