// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/peermr.h>

#include "memory.h"

bool double_memory_get(struct double_memory *memory, size_t size)
{
	struct peermr_alloc alloc = { .size = sizeof(alloc), .length = size };
	const char *window = getenv("PEERMR_WINDOW");

	if (!window)
		return false;
	memory->fd = open(window, O_RDWR | O_CLOEXEC);
	if (memory->fd < 0)
		return false;
	if (ioctl(memory->fd, PEERMR_IOC_ALLOC, &alloc))
		goto err_close;
	memory->size = size;
	memory->handle = alloc.mmap_offset;
	memory->cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   memory->fd, (off_t)memory->handle);
	if (memory->cpu != MAP_FAILED)
		return true;
err_close:
	close(memory->fd);
	return false;
}

/* Closing the file gives the buffer up. */
void double_memory_put(struct double_memory *memory)
{
	munmap(memory->cpu, memory->size);
	close(memory->fd);
}

/* A buffer is exported from its beginning only. */
int double_memory_export(const struct double_memory *memory, size_t offset,
			 size_t size)
{
	struct peermr_export export = {
		.size = sizeof(export),
		.mmap_offset = memory->handle,
	};

	if (offset || size > memory->size ||
	    ioctl(memory->fd, PEERMR_IOC_EXPORT, &export))
		return -1;
	return export.fd;
}
