/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_ALLOC_CHUNK_H
#define PEERMR_ALLOC_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

#include "peermr.h"

/* Allocations are whole pages, so that no two share one that is registered. */
#define CHUNK_PAGE 4096UL

struct extent;

/**
 * struct chunk - a mapped buffer of a window, cut into extents
 * @next: for the owner of the chunk
 * @buffer: the buffer; in a forked child that of the parent
 * @extents: all of it, in order of address
 * @start: where it is mapped
 * @length: of the mapping
 * @used: how many extents are allocated
 * @inherited: from before a fork(): read-only, and nothing is allocated here
 */
struct chunk {
	struct chunk *next;
	struct peermr_buffer *buffer;
	struct extent *extents;
	char *start;
	size_t length;
	size_t used;
	bool inherited;
};

/**
 * chunk_new() - take a buffer from a window and map it
 * @window: the window
 * @length: bytes; rounded up to the window's granule
 *
 * Return: the chunk, or NULL and errno.
 */
struct chunk *chunk_new(struct peermr_window *window, size_t length);

/* Unmaps and frees the buffer. */
void chunk_delete(struct chunk *chunk);

/**
 * chunk_alloc() - allocate in a chunk
 * @chunk: the chunk
 * @size: bytes, a multiple of CHUNK_PAGE and not 0
 * @alignment: a power of two, at least CHUNK_PAGE
 *
 * Return: the first place where it fits, or NULL.
 */
void *chunk_alloc(struct chunk *chunk, size_t size, size_t alignment);

/* @address is the start of an allocation; false if not. */
bool chunk_free(struct chunk *chunk, const void *address);

/* Bytes that were allocated at @address, 0 if it is no start of an allocation. */
size_t chunk_size(const struct chunk *chunk, const void *address);

static inline bool chunk_has(const struct chunk *chunk, const void *address)
{
	return (const char *)address >= chunk->start &&
	       (const char *)address < chunk->start + chunk->length;
}

/* In a forked child: the memory is still the parent's. */
void chunk_inherit(struct chunk *chunk);

#endif /* PEERMR_ALLOC_CHUNK_H */
