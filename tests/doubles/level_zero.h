/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A double of the Level Zero loader. Functions are those of
 * <level_zero/ze_api.h>; but double_ze_alloc() stands for the allocation of
 * device, host and shared memory.
 */
#ifndef PEERMR_DOUBLE_LEVEL_ZERO_H
#define PEERMR_DOUBLE_LEVEL_ZERO_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	int stype;
	const void *pNext;
	uint32_t flags;
} ze_context_desc_t;

typedef struct {
	int stype;
	void *pNext;
	int type;
	uint64_t id;
	uint64_t pageSize;
} ze_memory_allocation_properties_t;

typedef struct {
	int stype;
	const void *pNext;
	uint32_t flags;
	int fd;
} ze_external_memory_export_fd_t;

int zeInit(uint32_t flags);
int zeDriverGet(uint32_t *count, void **drivers);
int zeContextCreate(void *driver, const ze_context_desc_t *desc,
		    void **context);
int zeContextDestroy(void *context);
int zeMemGetAllocProperties(void *context, const void *pointer,
			    ze_memory_allocation_properties_t *properties,
			    void **device);
int zeMemGetAddressRange(void *context, const void *pointer, void **base,
			 size_t *size);

/* Device memory that is exportable, that is not; what the runtime moves. */
enum {
	DOUBLE_ZE_EXPORTABLE = 1,
	DOUBLE_ZE_PRIVATE,
	DOUBLE_ZE_SHARED,
	DOUBLE_ZE_HOST,
};

void *double_ze_alloc(int kind, size_t size);
void double_ze_free(void *pointer);
unsigned char *double_ze_memory(void *pointer);
int double_ze_fd(void *pointer);

/**
 * struct double_ze - what the double was asked
 * @inits: calls of zeInit()
 * @contexts: created and not destroyed
 */
struct double_ze {
	int inits;
	int contexts;
};

extern struct double_ze double_ze;

#endif /* PEERMR_DOUBLE_LEVEL_ZERO_H */
