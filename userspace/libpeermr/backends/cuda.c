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
#define CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL	9
#define CU_POINTER_ATTRIBUTE_RANGE_START_ADDR	11
#define CU_POINTER_ATTRIBUTE_RANGE_SIZE		12
#define CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE	17

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
	/* cuDevicePrimaryCtxGetState() and so on; NULL only if @export is */
	int (*primary_state)(int device, unsigned int *flags, int *active);
	int (*primary_retain)(void **context, int device);
	int (*primary_release)(int device);
};

/* What the driver has at an address. */
struct peermr_cuda_memory {
	cuda_pointer start;
	size_t size;
	void *context;	/* NULL for memory that belongs to none */
	void *pool;	/* NULL for memory of none */
	int device;
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
	*(void **)&cuda->primary_state =
		dlsym(handle, "cuDevicePrimaryCtxGetState");
	*(void **)&cuda->primary_retain =
		dlsym(handle, "cuDevicePrimaryCtxRetain");
	*(void **)&cuda->primary_release =
		dlsym(handle, "cuDevicePrimaryCtxRelease_v2");
	/* Whatever has the one has the others. */
	if (!cuda->primary_state || !cuda->primary_retain ||
	    !cuda->primary_release)
		cuda->export = NULL;
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
 * The allocation, or for memory of cuMemMap() the reservation. The driver would
 * export what is next to it, too. Of pools (cuMemAllocAsync()) it promises to
 * export nothing: 580.159 does so for ranges with the first byte of a block in
 * them, which no program knows.
 */
static int peermr_cuda_check(const struct peermr_cuda *cuda, uintptr_t address,
			     size_t length, struct peermr_cuda_memory *memory)
{
	int attributes[] = {
		CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
		CU_POINTER_ATTRIBUTE_RANGE_SIZE,
		CU_POINTER_ATTRIBUTE_CONTEXT,
		CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE,
		CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
	};
	void *values[] = {
		&memory->start, &memory->size, &memory->context, &memory->pool,
		&memory->device,
	};

	if (cuda->attributes(5, attributes, values, address) != CUDA_SUCCESS ||
	    address < memory->start || address - memory->start >= memory->size)
		return -EOPNOTSUPP;
	if (length > memory->size - (address - memory->start))
		return -EINVAL;
	return memory->pool ? -EOPNOTSUPP : 0;
}

static int peermr_cuda_export_in(const struct peermr_cuda *cuda, void *context,
				 cuda_pointer pointer, size_t size, int *fd)
{
	int result = cuda->context_push(context);

	if (result != CUDA_SUCCESS)
		return result;
	result = cuda->export(fd, pointer, size,
			      CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0);
	cuda->context_pop(&context);
	return result;
}

/*
 * A thread that has never used CUDA has no context of its own: that of the
 * memory, or the device's primary one if it has been made.
 */
static int peermr_cuda_export_elsewhere(const struct peermr_cuda *cuda,
					const struct peermr_cuda_memory *memory,
					cuda_pointer pointer, size_t size,
					int *fd)
{
	unsigned int flags;
	void *primary;
	int result, active = 0;

	if (memory->context)
		return peermr_cuda_export_in(cuda, memory->context, pointer,
					     size, fd);
	if (cuda->primary_state(memory->device, &flags, &active) !=
		    CUDA_SUCCESS || !active)
		return CUDA_ERROR_INVALID_CONTEXT;
	result = cuda->primary_retain(&primary, memory->device);
	if (result != CUDA_SUCCESS)
		return result;
	result = peermr_cuda_export_in(cuda, primary, pointer, size, fd);
	cuda->primary_release(memory->device);
	return result;
}

static int peermr_cuda_export(const struct peermr_cuda *cuda,
			      const struct peermr_cuda_memory *memory,
			      cuda_pointer pointer, size_t size, int *fd)
{
	int result;

	result = cuda->export(fd, pointer, size,
			      CU_MEM_RANGE_HANDLE_TYPE_DMA_BUF_FD, 0);
	if (result == CUDA_ERROR_INVALID_CONTEXT)
		result = peermr_cuda_export_elsewhere(cuda, memory, pointer,
						      size, fd);
	switch (result) {
	case CUDA_SUCCESS:
		return 0;
	case CUDA_ERROR_OUT_OF_MEMORY:
		return -ENOMEM;
	case CUDA_ERROR_NOT_SUPPORTED:	/* the kernel driver or the GPU */
	case CUDA_ERROR_INVALID_VALUE:	/* this range */
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
	struct peermr_cuda_memory memory = { 0 };
	int ret;

	(void)flags;
	if (!peermr_cuda_is_device_memory(cuda, address))
		return -ENOENT;
	if (!cuda->export)
		return -EOPNOTSUPP;
	ret = peermr_cuda_check(cuda, address, length, &memory);
	if (ret)
		return ret;

	/* Whole pages of the host, which an allocation need not fill. */
	start = address & -page;
	last = (address + length - 1) | (page - 1);
	ret = peermr_cuda_export(cuda, &memory, start, last - start + 1,
				 &range->fd);
	/* Not all of a reservation need be mapped. */
	if (ret == -EOPNOTSUPP &&
	    !peermr_cuda_is_device_memory(cuda, address + length - 1))
		return -EINVAL;
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
