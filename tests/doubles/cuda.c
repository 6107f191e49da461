// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The double of libcuda.so.1. It has no GPU: device memory is what memory.h
 * gives. It keeps to what the CUDA Driver API documents, and refuses what that
 * leaves undefined, so that a caller who relies on it is found out.
 */
#include <stdlib.h>

#include "cuda.h"
#include "heap.h"

#define SUCCESS			0
#define INVALID_VALUE		1
#define OUT_OF_MEMORY		2
#define NOT_INITIALIZED		3
#define INVALID_DEVICE		101
/* CU_DEVICE_INVALID */
#define DEVICE_INVALID		(-2)
#define INVALID_CONTEXT		201
#define INVALID_HANDLE		400
#define NOT_SUPPORTED		801

enum { DEVICE = 1, MAPPED, POOL, MANAGED, HOST };

struct double_cuda double_cuda;

static char the_context, the_pool;

/* Of each thread; what is pushed comes before it. */
static _Thread_local CUcontext current;

CUresult cuInit(unsigned int flags)
{
	double_cuda.inits++;
	return flags ? INVALID_VALUE : SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
	*device = ordinal;
	return ordinal ? INVALID_DEVICE : SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags,
				    int *active)
{
	*flags = 0;
	*active = double_cuda.primary > 0;
	return device ? INVALID_DEVICE : SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	if (device)
		return INVALID_DEVICE;
	double_cuda.primary++;
	*context = &the_context;
	return SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
	if (device || !double_cuda.primary)
		return INVALID_DEVICE;
	double_cuda.primary--;
	return SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context)
{
	if (context && context != &the_context)
		return INVALID_CONTEXT;
	current = context;
	return SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
	*context = double_cuda.contexts ? &the_context : current;
	return SUCCESS;
}

static CUresult double_cuda_alloc(CUdeviceptr *pointer, int kind, size_t size,
				  size_t reserved)
{
	struct heap_allocation *allocation;

	if (!double_cuda.inits)
		return NOT_INITIALIZED;
	if (!size || reserved < size)
		return INVALID_VALUE;
	allocation = heap_alloc(kind, size, reserved);
	if (!allocation)
		return OUT_OF_MEMORY;
	*pointer = allocation->start;
	return SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size)
{
	return double_cuda_alloc(pointer, DEVICE, size, size);
}

CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, CUstream stream)
{
	return stream ? INVALID_HANDLE :
			double_cuda_alloc(pointer, POOL, size, size);
}

CUresult double_cuda_map(CUdeviceptr *pointer, size_t size, size_t reserved)
{
	return double_cuda_alloc(pointer, MAPPED, size, reserved);
}

/* Both can be used by the CPU, and are ordinary memory here. */
static CUresult double_cuda_alloc_host(uintptr_t *pointer, int kind,
				       size_t size)
{
	size_t i, rounded = (size + HEAP_PAGE - 1) & -HEAP_PAGE;
	void *memory;

	if (!double_cuda.inits)
		return NOT_INITIALIZED;
	for (i = 0; i < HEAP_MAX && heap[i].start; i++)
		;
	memory = i < HEAP_MAX ? aligned_alloc(HEAP_PAGE, rounded) : NULL;
	if (!memory)
		return OUT_OF_MEMORY;
	memset(&heap[i], 0, sizeof(heap[i]));
	heap[i].start = (uintptr_t)memory;
	heap[i].size = size;
	heap[i].reserved = size;
	heap[i].kind = kind;
	*pointer = heap[i].start;
	return SUCCESS;
}

CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t size,
			   unsigned int flags)
{
	uintptr_t address = 0;
	CUresult result = double_cuda_alloc_host(&address, MANAGED, size);

	(void)flags;
	*pointer = address;
	return result;
}

CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned int flags)
{
	uintptr_t address = 0;
	CUresult result = double_cuda_alloc_host(&address, HOST, size);

	(void)flags;
	*pointer = (void *)address;
	return result;
}

CUresult cuMemFree_v2(CUdeviceptr pointer)
{
	struct heap_allocation *allocation = heap_find(pointer);

	if (!allocation || allocation->start != pointer)
		return INVALID_VALUE;
	if (allocation->kind >= MANAGED) {
		free((void *)allocation->start);
		allocation->start = 0;
	} else {
		heap_free(allocation);
	}
	return SUCCESS;
}

CUresult cuMemFreeHost(void *pointer)
{
	return cuMemFree_v2((uintptr_t)pointer);
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size)
{
	size_t offset = 0;
	struct double_memory *memory = heap_memory(to, &offset);

	if (!memory || size > memory->size - offset)
		return INVALID_VALUE;
	memcpy(memory->cpu + offset, from, size);
	return SUCCESS;
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size)
{
	size_t offset = 0;
	struct double_memory *memory = heap_memory(from, &offset);

	if (!memory || size > memory->size - offset)
		return INVALID_VALUE;
	memcpy(to, memory->cpu + offset, size);
	return SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext context)
{
	if (context != &the_context)
		return INVALID_CONTEXT;
	double_cuda.contexts++;
	return SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
	if (!double_cuda.contexts)
		return INVALID_CONTEXT;
	double_cuda.contexts--;
	*context = &the_context;
	return SUCCESS;
}

/*
 * Unknown pointers are no error: their attributes are 0. A reservation is known,
 * with and without memory.
 */
static CUresult double_cuda_attribute(int attribute, void *value,
				      const struct heap_allocation *allocation,
				      bool mapped)
{
	int kind = allocation ? allocation->kind : 0;

	switch (attribute) {
	case 1:	/* CU_POINTER_ATTRIBUTE_CONTEXT */
		*(CUcontext *)value = kind && kind != MAPPED && kind != POOL ?
					      &the_context : NULL;
		return SUCCESS;
	case 2:	/* CU_POINTER_ATTRIBUTE_MEMORY_TYPE: 1 is host, 2 device */
		*(unsigned int *)value = !mapped ? 0 : kind == HOST ? 1 : 2;
		return SUCCESS;
	case 9:	/* CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL */
		*(int *)value = kind ? 0 : DEVICE_INVALID;
		return SUCCESS;
	case 17: /* CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE */
		*(void **)value = kind == POOL ? &the_pool : NULL;
		return SUCCESS;
	case 8:	/* CU_POINTER_ATTRIBUTE_IS_MANAGED */
		*(unsigned int *)value = kind == MANAGED;
		return SUCCESS;
	case 11: /* CU_POINTER_ATTRIBUTE_RANGE_START_ADDR */
		*(CUdeviceptr *)value = kind ? allocation->start : 0;
		return SUCCESS;
	case 12: /* CU_POINTER_ATTRIBUTE_RANGE_SIZE */
		*(size_t *)value = kind ? allocation->reserved : 0;
		return SUCCESS;
	default:
		return INVALID_VALUE;
	}
}

CUresult cuPointerGetAttributes(unsigned int count, int *attributes,
				void **values, CUdeviceptr pointer)
{
	const struct heap_allocation *allocation = heap_find(pointer);
	size_t offset = 0;
	bool mapped = heap_memory(pointer, &offset);
	CUresult result = SUCCESS;
	unsigned int i;

	if (!double_cuda.inits)
		return NOT_INITIALIZED;
	for (i = 0; i < count && !result; i++)
		result = double_cuda_attribute(attributes[i], values[i],
					       allocation, mapped);
	return result;
}

CUresult cuMemGetHandleForAddressRange(void *handle, CUdeviceptr pointer,
				       size_t size, int type,
				       unsigned long long flags)
{
	const struct heap_allocation *allocation = heap_find(pointer);
	struct double_memory *memory;
	size_t offset = 0;
	int fd;

	double_cuda.exports++;
	double_cuda.pointer = pointer;
	double_cuda.size = size;
	double_cuda.flags = flags;
	if (double_cuda.result)
		return double_cuda.result;
	if (double_cuda.needs_context && !current && !double_cuda.contexts)
		return INVALID_CONTEXT;
	/* 1: CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD */
	if (!allocation || allocation->kind >= MANAGED || type != 1 || !size ||
	    (pointer | size) & (HEAP_PAGE - 1))
		return INVALID_VALUE;
	memory = heap_memory(pointer, &offset);
	if (!memory || size > memory->size - offset)
		return INVALID_VALUE;
	fd = double_memory_export(memory, offset, size);
	if (fd < 0)
		return NOT_SUPPORTED;
	*(int *)handle = fd;
	return SUCCESS;
}
