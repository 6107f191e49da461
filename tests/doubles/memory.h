/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory of the devices that the doubles stand for. memory_memfd.c gives
 * ordinary memory, for tests without a device; memory_window.c gives buffers of
 * $PEERMR_WINDOW.
 */
#ifndef PEERMR_DOUBLE_MEMORY_H
#define PEERMR_DOUBLE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct double_memory - what is behind an allocation
 * @cpu: where the double, and only the double, sees it
 * @size: bytes
 * @fd: the memory file, or the window
 * @handle: of the buffer in the window
 */
struct double_memory {
	unsigned char *cpu;
	size_t size;
	int fd;
	uint64_t handle;
};

bool double_memory_get(struct double_memory *memory, size_t size);
void double_memory_put(struct double_memory *memory);

/*
 * A new descriptor for @size bytes from @offset on; -1 if there cannot be one.
 * From a memory file it is a copy, as of now.
 */
int double_memory_export(const struct double_memory *memory, size_t offset,
			 size_t size);

#endif /* PEERMR_DOUBLE_MEMORY_H */
