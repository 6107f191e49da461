// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A buffer of the window, cut into extents. What is known of them is in host
 * memory: that of the device is slow to read, and the NIC writes there.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "chunk.h"

struct extent {
	struct extent *next;
	char *start;
	size_t length;
	bool used;
};

static struct extent *extent_new(char *start, size_t length,
				 struct extent *next)
{
	struct extent *extent = malloc(sizeof(*extent));

	if (!extent)
		return NULL;
	extent->next = next;
	extent->start = start;
	extent->length = length;
	extent->used = false;
	return extent;
}

/* Keeps the first @length bytes; what is behind becomes an extent of its own. */
static bool extent_split(struct extent *extent, size_t length)
{
	struct extent *rest;

	if (length == extent->length)
		return true;
	rest = extent_new(extent->start + length, extent->length - length,
			  extent->next);
	if (!rest)
		return false;
	extent->next = rest;
	extent->length = length;
	return true;
}

static void extent_merge_next(struct extent *extent)
{
	struct extent *next = extent->next;

	if (!next || next->used || extent->used)
		return;
	extent->length += next->length;
	extent->next = next->next;
	free(next);
}

struct chunk *chunk_new(struct peermr_window *window, size_t length)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct peermr_buffer_info info;
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->buffer = peermr_buffer_alloc(window, &attr);
	if (!chunk->buffer)
		goto free_chunk;
	chunk->start = peermr_buffer_map(chunk->buffer);
	if (!chunk->start)
		goto free_buffer;
	peermr_buffer_query(chunk->buffer, &info);
	chunk->length = info.length;
	chunk->extents = extent_new(chunk->start, chunk->length, NULL);
	if (chunk->extents)
		return chunk;

free_buffer:
	/* Keeps errno. */
	peermr_buffer_free(chunk->buffer);
free_chunk:
	free(chunk);
	return NULL;
}

void chunk_delete(struct chunk *chunk)
{
	struct extent *extent;

	while ((extent = chunk->extents)) {
		chunk->extents = extent->next;
		free(extent);
	}
	peermr_buffer_free(chunk->buffer);
	free(chunk);
}

void *chunk_alloc(struct chunk *chunk, size_t size, size_t alignment)
{
	struct extent *extent;

	for (extent = chunk->extents; extent; extent = extent->next) {
		size_t head = -(uintptr_t)extent->start & (alignment - 1);

		if (extent->used || extent->length < head ||
		    extent->length - head < size)
			continue;
		if (head) {
			if (!extent_split(extent, head))
				return NULL;
			extent = extent->next;
		}
		/* A head that was split off stays: it is free, and in order. */
		if (!extent_split(extent, size))
			return NULL;
		extent->used = true;
		chunk->used++;
		return extent->start;
	}
	return NULL;
}

bool chunk_free(struct chunk *chunk, const void *address)
{
	struct extent *extent, *before = NULL;

	for (extent = chunk->extents; extent; extent = extent->next) {
		if (extent->start == address && extent->used)
			break;
		before = extent;
	}
	if (!extent)
		return false;
	extent->used = false;
	chunk->used--;
	extent_merge_next(extent);
	if (before)
		extent_merge_next(before);
	return true;
}

size_t chunk_size(const struct chunk *chunk, const void *address)
{
	const struct extent *extent;

	for (extent = chunk->extents; extent; extent = extent->next)
		if (extent->start == address && extent->used)
			return extent->length;
	return 0;
}

/*
 * The mapping is shared, so the child would write into its parent's memory. It
 * can read it; a write ends it with SIGSEGV. What the parent had registered is
 * perhaps not mapped here at all (ibv_fork_init()), hence page by page.
 */
void chunk_inherit(struct chunk *chunk)
{
	size_t i;

	chunk->inherited = true;
	if (!mprotect(chunk->start, chunk->length, PROT_READ))
		return;
	for (i = 0; i < chunk->length; i += CHUNK_PAGE)
		mprotect(chunk->start + i, CHUNK_PAGE, PROT_READ);
}
