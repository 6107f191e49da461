// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory of NVIDIA GPUs. Types and constants are those of <cuda.h>; each says
 * which of its enumerations or functions it stands for. The rules are those of
 * the CUDA Driver API, sections "Unified Addressing" (cuPointerGetAttributes)
 * and "Virtual Memory Management" and "Memory Management"
 * (cuMemGetHandleForAddressRange, since CUDA 11.7).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/runtime.h"
#include "resolve.h"

/* CUresult */
#define CUDA_SUCCESS			0
#define CUDA_ERROR_INVALID_VALUE	1
#define CUDA_ERROR_OUT_OF_MEMORY	2
#define CUDA_ERROR_INVALID_CONTEXT	201
#define CUDA_ERROR_NOT_SUPPORTED	801

/* CUpointer_attribute */
#define CU_POINTER_ATTRIBUTE_CONTEXT		1
#define CU_POINTER_ATTRIBUTE_MEMORY_TYPE	2
#define CU_POINTER_ATTRIBUTE_IS_MANAGED		8
#define CU_POINTER_ATTRIBUTE_RANGE_START_ADDR	11
#define CU_POINTER_ATTRIBUTE_RANGE_SIZE		12

/* CUmemorytype */
#define CU_MEMORYTYPE_DEVICE	2

/* CUmemRangeHandleType */
#define CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD	1

typedef unsigned long long cuda_pointer;	/* CUdeviceptr */

struct peermr_cuda {
	/* cuPointerGetAttributes() */
	int (*attributes)(unsigned int count, int *attributes, void **values,
			  cuda_pointer pointer);
	/* cuMemGetHandleForAddressRange(), NULL before CUDA 11.7 */
	int (*export)(void *handle, cuda_pointer pointer, size_t size, int type,
		      unsigned long long flags);
	/* cuCtxPushCurrent(), cuCtxPopCurrent() */
	int (*context_push)(void *context);
	int (*context_pop)(void **context);
};

static void *peermr_cuda_bind(void *handle)
{
	struct peermr_cuda *cuda = calloc(1, sizeof(*cuda));

	if (!cuda)
		return NULL;
	*(void **)&cuda->attributes = dlsym(handle, "cuPointerGetAttributes");
	*(void **)&cuda->export =
		dlsym(handle, "cuMemGetHandleForAddressRange");
	*(void **)&cuda->context_push = dlsym(handle, "cuCtxPushCurrent_v2");
	*(void **)&cuda->context_pop = dlsym(handle, "cuCtxPopCurrent_v2");
	if (!cuda->attributes || !cuda->context_push || !cuda->context_pop) {
		free(cuda);
		return NULL;
	}
	return cuda;
}

struct peermr_runtime peermr_runtime_cuda = {
	.soname = "libcuda.so.1",
	.bind = peermr_cuda_bind,
};

static bool peermr_cuda_present(unsigned int flags)
{
	(void)flags;
	return atomic_load_explicit(&peermr_runtime_cuda.api,
				    memory_order_acquire);
}

/*
 * Not managed memory, which moves, nor pinned host memory. An address that the
 * driver does not know has type 0; so has every one before cuInit().
 */
static bool peermr_cuda_is_device_memory(const struct peermr_cuda *cuda,
					 uintptr_t address)
{
	int attributes[] = {
		CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
		CU_POINTER_ATTRIBUTE_IS_MANAGED,
	};
	/* 32 bits are written, a boolean perhaps as one byte. */
	unsigned int type = 0, managed = 0;
	void *values[] = { &type, &managed };

	return cuda->attributes(2, attributes, values, address) ==
		       CUDA_SUCCESS &&
	       type == CU_MEMORYTYPE_DEVICE && !managed;
}

/*
 * The allocation, or for memory of cuMemMap() the reservation; @context is NULL
 * for memory that belongs to none.
 */
static int peermr_cuda_check(const struct peermr_cuda *cuda, uintptr_t address,
			     size_t length, void **context)
{
	int attributes[] = {
		CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
		CU_POINTER_ATTRIBUTE_RANGE_SIZE,
		CU_POINTER_ATTRIBUTE_CONTEXT,
	};
	cuda_pointer start = 0;
	size_t size = 0;
	void *values[] = { &start, &size, context };

	*context = NULL;
	if (cuda->attributes(3, attributes, values, address) != CUDA_SUCCESS ||
	    address < start || address - start >= size)
		return -EOPNOTSUPP;
	return length > size - (address - start) ? -EINVAL : 0;
}

static int peermr_cuda_export(const struct peermr_cuda *cuda,
			      cuda_pointer pointer, size_t size, void *context,
			      int *fd)
{
	int result;

	result = cuda->export(fd, pointer, size,
			      CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0);
	/* A thread that has never used CUDA has no context of its own. */
	if (result == CUDA_ERROR_INVALID_CONTEXT && context &&
	    cuda->context_push(context) == CUDA_SUCCESS) {
		result = cuda->export(fd, pointer, size,
				      CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0);
		cuda->context_pop(&context);
	}

	switch (result) {
	case CUDA_SUCCESS:
		return 0;
	case CUDA_ERROR_OUT_OF_MEMORY:
		return -ENOMEM;
	case CUDA_ERROR_NOT_SUPPORTED:	/* the kernel driver or the GPU */
	case CUDA_ERROR_INVALID_VALUE:	/* this allocation */
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static int peermr_cuda_resolve(uintptr_t address, size_t length,
			       unsigned int flags, struct peermr_range *range)
{
	const struct peermr_cuda *cuda = atomic_load(&peermr_runtime_cuda.api);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start, last;
	void *context;
	int ret;

	(void)flags;
	if (!peermr_cuda_is_device_memory(cuda, address))
		return -ENOENT;
	if (!cuda->export)
		return -EOPNOTSUPP;
	ret = peermr_cuda_check(cuda, address, length, &context);
	if (ret)
		return ret;

	/* Whole pages of the host, which an allocation need not fill. */
	start = address & -page;
	last = (address + length - 1) | (page - 1);
	ret = peermr_cuda_export(cuda, start, last - start + 1, context,
				 &range->fd);
	if (ret)
		return ret;
	fcntl(range->fd, F_SETFD, FD_CLOEXEC);
	range->offset = address - start;
	range->length = last - address + 1;
	range->release = peermr_range_close;
	return 0;
}

const struct peermr_backend peermr_backend_cuda = {
	.memory = PEERMR_MEMORY_CUDA,
	.name = "CUDA",
	.present = peermr_cuda_present,
	.resolve = peermr_cuda_resolve,
};
