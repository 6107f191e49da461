/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Device memory by pointer: ranges, addresses and descriptors of a test. */
#ifndef PEERMR_RANGE_H
#define PEERMR_RANGE_H


#include <peermr.h>

#include "node.h"

/* The dma-buf holds the @length bytes at @memory where @range says. */
static inline void range_check_shows(const struct peermr_range *range,
				     const unsigned char *memory, size_t length)
{
	size_t size = (size_t)lseek(range->fd, 0, SEEK_END), i;
	volatile const unsigned char *through;

	CHECK(range->offset + range->length <= size);
	through = node_map(range->fd, size, 0);
	for (i = 0; i < length; i++)
		CHECK_EQ(through[range->offset + i],
			 ((volatile const unsigned char *)memory)[i]);
	CHECK(!munmap((void *)through, size));
}

/* Addresses at which no memory is. */
static inline unsigned char *addresses_reserve(size_t length)
{
	void *address = mmap(NULL, length, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);

	CHECK(address != MAP_FAILED);
	return address;
}

/* Two fresh buffers, one right behind the other, and then nothing. */
static inline unsigned char *node_map_pair(size_t length)
{
	unsigned char *address = addresses_reserve(3 * length);
	int i, fd = node_open();

	for (i = 0; i < 2; i++)
		CHECK(mmap(address + i * length, length, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	close(fd);
	return address;
}

/* The number that the next one gets. */
static inline int fds_first_free(void)
{
	int fd = dup(0);

	CHECK(fd >= 0);
	close(fd);
	return fd;
}

#endif /* PEERMR_RANGE_H */
