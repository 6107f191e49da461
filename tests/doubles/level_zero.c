// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The double of libze_loader.so.1, with two drivers: one without memory. */
#include <unistd.h>

#include "heap.h"
#include "level_zero.h"

#define ZE_RESULT_SUCCESS			0
#define ZE_RESULT_ERROR_UNINITIALIZED		0x78000001
#define ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION	0x7800000c
#define ZE_RESULT_ERROR_INVALID_ARGUMENT	0x78000004

struct double_ze double_ze;

static char drivers_[2];

int zeInit(uint32_t flags)
{
	(void)flags;
	double_ze.inits++;
	return ZE_RESULT_SUCCESS;
}

int zeDriverGet(uint32_t *count, void **drivers)
{
	uint32_t i;

	if (!double_ze.inits)
		return ZE_RESULT_ERROR_UNINITIALIZED;
	for (i = 0; drivers && i < *count && i < 2; i++)
		drivers[i] = &drivers_[i];
	if (!*count || *count > 2)
		*count = 2;
	return ZE_RESULT_SUCCESS;
}

/* A context is its driver. */
int zeContextCreate(void *driver, const ze_context_desc_t *desc, void **context)
{
	/* ZE_STRUCTURE_TYPE_CONTEXT_DESC */
	if (desc->stype != 0xd || desc->pNext || desc->flags)
		return ZE_RESULT_ERROR_INVALID_ARGUMENT;
	double_ze.contexts++;
	*context = driver;
	return ZE_RESULT_SUCCESS;
}

int zeContextDestroy(void *context)
{
	(void)context;
	double_ze.contexts--;
	return ZE_RESULT_SUCCESS;
}

void *double_ze_alloc(int kind, size_t size)
{
	struct heap_allocation *allocation = heap_alloc(kind, size, size);

	if (!allocation)
		return NULL;
	allocation->fd = dup(allocation->memory.fd);
	return (void *)allocation->start;
}

void double_ze_free(void *pointer)
{
	struct heap_allocation *allocation = heap_find((uintptr_t)pointer);

	close(allocation->fd);
	heap_free(allocation);
}

unsigned char *double_ze_memory(void *pointer)
{
	size_t offset = 0;
	struct double_memory *memory = heap_memory((uintptr_t)pointer, &offset);

	return memory->cpu + offset;
}

int double_ze_fd(void *pointer)
{
	return heap_find((uintptr_t)pointer)->fd;
}

int zeMemGetAllocProperties(void *context, const void *pointer,
			    ze_memory_allocation_properties_t *properties,
			    void **device)
{
	/* ZE_MEMORY_TYPE_*: host 1, device 2, shared 3 */
	static const int types[] = {
		[DOUBLE_ZE_EXPORTABLE] = 2,
		[DOUBLE_ZE_PRIVATE] = 2,
		[DOUBLE_ZE_SHARED] = 3,
		[DOUBLE_ZE_HOST] = 1,
	};
	const struct heap_allocation *allocation =
		heap_find((uintptr_t)pointer);
	ze_external_memory_export_fd_t *export = properties->pNext;

	/* ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES */
	if (!context || properties->stype != 0x17)
		return ZE_RESULT_ERROR_INVALID_ARGUMENT;
	properties->type = 0;
	*device = NULL;
	if (context != &drivers_[1] || !allocation)
		return ZE_RESULT_SUCCESS;
	properties->type = types[allocation->kind];
	if (!export)
		return ZE_RESULT_SUCCESS;
	/* ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD, ..._FLAG_DMA_BUF */
	if (export->stype != 0x1a || export->flags != 2)
		return ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION;
	if (allocation->kind != DOUBLE_ZE_EXPORTABLE)
		return ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION;
	export->fd = allocation->fd;
	return ZE_RESULT_SUCCESS;
}

int zeMemGetAddressRange(void *context, const void *pointer, void **base,
			 size_t *size)
{
	const struct heap_allocation *allocation =
		heap_find((uintptr_t)pointer);

	if (context != &drivers_[1] || !allocation)
		return ZE_RESULT_ERROR_INVALID_ARGUMENT;
	*base = (void *)allocation->start;
	*size = allocation->size;
	return ZE_RESULT_SUCCESS;
}
