/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the kernel's uverbs say, without a provider library between. */
#ifndef PEERMR_TOOL_UVERBS_H
#define PEERMR_TOOL_UVERBS_H

#include <stdint.h>

/*
 * Offer descriptor -1, which is no dma-buf, to the kernel driver of an open
 * device: -EBADF if it would look at a dma-buf, -EOPNOTSUPP if it registers
 * none, -EPROTONOSUPPORT if the kernel has no such call (before Linux 5.12).
 * Registers nothing.
 */
int uverbs_probe_dmabuf(int fd, uint32_t pd_handle);

#endif /* PEERMR_TOOL_UVERBS_H */
