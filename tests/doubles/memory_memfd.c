// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

bool double_memory_get(struct double_memory *memory, size_t size)
{
	memory->size = size;
	memory->fd = memfd_create("device", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)size))
		return false;
	memory->cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   memory->fd, 0);
	return memory->cpu != MAP_FAILED;
}

void double_memory_put(struct double_memory *memory)
{
	munmap(memory->cpu, memory->size);
	close(memory->fd);
}

int double_memory_export(const struct double_memory *memory, size_t offset,
			 size_t size)
{
	int fd;

	if (offset > memory->size || size > memory->size - offset)
		return -1;
	fd = memfd_create("export", 0);
	if (fd < 0)
		return -1;
	if (write(fd, memory->cpu + offset, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}
