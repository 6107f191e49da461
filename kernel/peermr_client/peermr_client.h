/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PEERMR_CLIENT_H
#define _PEERMR_CLIENT_H

#include <linux/peerdirect.h>

extern const struct peer_memory_client peermr_client_callbacks;

int peermr_client_vmap(void *client_context, struct device *device,
		       struct iosys_map *map);
void peermr_client_vunmap(void *client_context, struct iosys_map *map);
struct dma_buf *peermr_client_export(unsigned long addr, size_t size,
				     bool writable, void *client_context,
				     u64 *offset);

/* main.c */
bool peermr_client_is_registered(void);
void peermr_client_invalidate(u64 core_context);

#endif /* _PEERMR_CLIENT_H */
