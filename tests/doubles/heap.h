/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The allocations of a double. Their addresses follow each other without a gap,
 * and nothing is mapped there, as with GPUs.
 */
#ifndef PEERMR_DOUBLE_HEAP_H
#define PEERMR_DOUBLE_HEAP_H

#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define HEAP_PAGE	4096UL
#define HEAP_SIZE	(1UL << 30)
#define HEAP_MAX	64
#define HEAP_PIECES	2

/**
 * struct heap_allocation - an allocation
 * @start: its address, 0 if this place is free
 * @size: as asked for, all pieces together
 * @kind: what kind of memory, as the double numbers them
 * @fd: for the double's use
 * @pieces: memory, each of the same size
 */
struct heap_allocation {
	uintptr_t start;
	size_t size;
	int kind;
	int fd;
	int count;
	struct double_memory pieces[HEAP_PIECES];
};

static struct heap_allocation heap[HEAP_MAX];
static uintptr_t heap_next;

/* NULL if there is no memory. */
static inline struct heap_allocation *heap_alloc(int kind, int pieces,
						 size_t size)
{
	size_t i, rounded = (size + HEAP_PAGE - 1) & -HEAP_PAGE;
	struct heap_allocation *allocation;
	void *reserved;

	if (!heap_next) {
		reserved = mmap(NULL, HEAP_SIZE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				-1, 0);
		if (reserved == MAP_FAILED)
			return NULL;
		heap_next = (uintptr_t)reserved;
	}
	for (i = 0; i < HEAP_MAX && heap[i].start; i++)
		;
	if (i == HEAP_MAX)
		return NULL;
	allocation = &heap[i];
	memset(allocation, 0, sizeof(*allocation));
	while (allocation->count < pieces) {
		if (!double_memory_get(&allocation->pieces[allocation->count],
				       rounded))
			return NULL;
		allocation->count++;
	}
	allocation->kind = kind;
	allocation->size = pieces > 1 ? pieces * rounded : size;
	allocation->start = heap_next;
	heap_next += pieces * rounded;
	return allocation;
}

static inline struct heap_allocation *heap_find(uintptr_t address)
{
	int i;

	for (i = 0; i < HEAP_MAX; i++)
		if (heap[i].start && address >= heap[i].start &&
		    address - heap[i].start < heap[i].size)
			return &heap[i];
	return NULL;
}

static inline void heap_free(struct heap_allocation *allocation)
{
	while (allocation->count)
		double_memory_put(&allocation->pieces[--allocation->count]);
	allocation->start = 0;
}

/* The piece that holds @address, and where; NULL if there is none. */
static inline struct double_memory *heap_piece(uintptr_t address,
					       size_t *offset)
{
	struct heap_allocation *allocation = heap_find(address);
	size_t size;

	if (!allocation)
		return NULL;
	size = allocation->pieces[0].size;
	*offset = (address - allocation->start) % size;
	return &allocation->pieces[(address - allocation->start) / size];
}

#endif /* PEERMR_DOUBLE_HEAP_H */
