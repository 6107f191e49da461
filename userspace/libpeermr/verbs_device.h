/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_VERBS_DEVICE_H
#define LIBPEERMR_VERBS_DEVICE_H

#include <stdbool.h>

#include "verbs.h"

/*
 * Whether the device of @pd registers dma-bufs at all. Asks it once; an answer
 * that has become wrong (a device of the same name, another driver) does no
 * harm, as the registration itself says so again.
 */
bool peermr_verbs_device_takes_dmabuf(struct ibv_pd *pd,
				      peermr_reg_dmabuf_fn reg_dmabuf);

/* "mlx5_0" */
const char *peermr_verbs_device_name(const struct ibv_pd *pd);

#endif /* LIBPEERMR_VERBS_DEVICE_H */
