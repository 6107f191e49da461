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

/**
 * struct heap_allocation - an allocation
 * @start: its address, 0 if this place is free
 * @size: as asked for
 * @reserved: bytes of addresses, of which the first @size have memory
 * @kind: what kind of memory, as the double numbers them
 * @fd: for the double's use
 * @memory: whole pages
 */
struct heap_allocation {
	uintptr_t start;
	size_t size;
	size_t reserved;
	int kind;
	int fd;
	struct double_memory memory;
};

static struct heap_allocation heap[HEAP_MAX];
static uintptr_t heap_next;

/* NULL if there is no memory. */
static inline struct heap_allocation *heap_alloc(int kind, size_t size,
						 size_t reserved)
{
	size_t i;
	struct heap_allocation *allocation;
	void *area;

	if (!heap_next) {
		area = mmap(NULL, HEAP_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (area == MAP_FAILED)
			return NULL;
		heap_next = (uintptr_t)area;
	}
	for (i = 0; i < HEAP_MAX && heap[i].start; i++)
		;
	if (i == HEAP_MAX)
		return NULL;
	allocation = &heap[i];
	memset(allocation, 0, sizeof(*allocation));
	if (!double_memory_get(&allocation->memory,
			       (size + HEAP_PAGE - 1) & -HEAP_PAGE))
		return NULL;
	allocation->kind = kind;
	allocation->size = size;
	allocation->reserved = reserved;
	allocation->start = heap_next;
	heap_next += (reserved + HEAP_PAGE - 1) & -HEAP_PAGE;
	return allocation;
}

static inline struct heap_allocation *heap_find(uintptr_t address)
{
	int i;

	for (i = 0; i < HEAP_MAX; i++)
		if (heap[i].start && address >= heap[i].start &&
		    address - heap[i].start < heap[i].reserved)
			return &heap[i];
	return NULL;
}

static inline void heap_free(struct heap_allocation *allocation)
{
	double_memory_put(&allocation->memory);
	allocation->start = 0;
}

/* The memory that holds @address, and where; NULL if there is none. */
static inline struct double_memory *heap_memory(uintptr_t address,
						size_t *offset)
{
	struct heap_allocation *allocation = heap_find(address);

	if (!allocation || address - allocation->start >= allocation->size)
		return NULL;
	*offset = address - allocation->start;
	return &allocation->memory;
}

#endif /* PEERMR_DOUBLE_HEAP_H */
