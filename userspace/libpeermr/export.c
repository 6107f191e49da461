// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <linux/peermr.h>

#include "buffer.h"
#include "window.h"

int peermr_buffer_export(struct peermr_buffer *buffer)
{
	struct peermr_export export = { .size = sizeof(export) };
	int ret;

	export.mmap_offset = buffer->info.mmap_offset;
	ret = peermr_window_ioctl(buffer->window, PEERMR_IOC_EXPORT, &export);
	return ret ?: export.fd;
}
