// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>

#include <linux/peermr.h>

#include "window.h"

int peermr_lookup(struct peermr_window *window, const void *address,
		  struct peermr_pointer_info *info)
{
	struct peermr_lookup lookup = { .size = sizeof(lookup) };
	int ret;

	lookup.address = (uintptr_t)address;
	ret = peermr_window_ioctl(window, PEERMR_IOC_LOOKUP, &lookup);
	if (ret)
		return ret;

	memset(info, 0, sizeof(*info));
	info->start = (void *)(uintptr_t)lookup.start;
	info->length = lookup.length;
	info->offset = lookup.offset;
	info->buffer.length = lookup.buffer_length;
	info->buffer.placement = lookup.placement;
	info->buffer.mmap_offset = lookup.mmap_offset;
	return 0;
}
