/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A double of the CUDA driver: as much of it as programs need to allocate, and
 * libpeermr to export. Names and types of functions are those of <cuda.h>.
 */
#ifndef PEERMR_DOUBLE_CUDA_H
#define PEERMR_DOUBLE_CUDA_H

#include <stddef.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef void *CUcontext;
typedef void *CUstream;

CUresult cuInit(unsigned int flags);
CUresult cuDeviceGet(CUdevice *device, int ordinal);
CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *flags,
				    int *active);
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device);
CUresult cuCtxSetCurrent(CUcontext context);
CUresult cuCtxGetCurrent(CUcontext *context);
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size);
CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, CUstream stream);
CUresult cuMemFree_v2(CUdeviceptr pointer);
CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t size,
			   unsigned int flags);
CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned int flags);
CUresult cuMemFreeHost(void *pointer);
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size);
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size);
CUresult cuCtxPushCurrent_v2(CUcontext context);
CUresult cuCtxPopCurrent_v2(CUcontext *context);
CUresult cuPointerGetAttributes(unsigned int count, int *attributes,
				void **values, CUdeviceptr pointer);
CUresult cuMemGetHandleForAddressRange(void *handle, CUdeviceptr pointer,
				       size_t size, int type,
				       unsigned long long flags);

/* Memory as of cuMemMap(): at the start of so many @reserved bytes. */
CUresult double_cuda_map(CUdeviceptr *pointer, size_t size, size_t reserved);

/**
 * struct double_cuda - what the double was asked, and how it shall behave
 * @inits: calls of cuInit()
 * @exports: calls of cuMemGetHandleForAddressRange()
 * @pointer: of the latest of them
 * @size: likewise
 * @flags: likewise
 * @result: if not 0, the next exports fail with it
 * @needs_context: exports fail unless a context was pushed
 * @contexts: pushed now
 * @primary: how often the primary context is retained now
 */
struct double_cuda {
	int inits;
	int exports;
	CUdeviceptr pointer;
	size_t size;
	unsigned long long flags;
	CUresult result;
	int needs_context;
	int contexts;
	int primary;
};

extern struct double_cuda double_cuda;

#endif /* PEERMR_DOUBLE_CUDA_H */
