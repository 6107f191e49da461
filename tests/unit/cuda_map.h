/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory of cuMemMap() from the real driver. Types are those of <cuda.h>, under
 * section "Virtual Memory Management" of the CUDA Driver API.
 */
#ifndef PEERMR_CUDA_MAP_H
#define PEERMR_CUDA_MAP_H

#include <cuda.h>

#include "double.h"

/* CUmemLocation: device 0 */
struct cuda_location {
	int type, id;
};

/* CUmemAllocationProp */
struct cuda_properties {
	int type, handle_types;
	struct cuda_location location;
	void *win32;
	unsigned char compression, rdma_capable;
	unsigned short usage;
	unsigned char reserved[4];
};

/* CUmemAccessDesc */
struct cuda_access {
	struct cuda_location location;
	int flags;
};

typedef unsigned long long cuda_handle;	/* CUmemGenericAllocationHandle */

CUresult cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t align,
			     CUdeviceptr address, unsigned long long flags);
CUresult cuMemCreate(cuda_handle *handle, size_t size,
		     const struct cuda_properties *properties,
		     unsigned long long flags);
CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset,
		  cuda_handle handle, unsigned long long flags);
CUresult cuMemSetAccess(CUdeviceptr pointer, size_t size,
			const struct cuda_access *access, size_t count);

/*
 * @count allocations of @size bytes, a multiple of 2 MiB, one behind the other at
 * the start of @reserved bytes; for the GPU to read and write.
 */
static inline CUdeviceptr cuda_map(size_t size, int count, size_t reserved)
{
	static const struct cuda_properties properties = {
		.type = 1,		/* CU_MEM_ALLOCATION_TYPE_PINNED */
		.location = { .type = 1 },	/* CU_MEM_LOCATION_TYPE_DEVICE */
		.rdma_capable = 1,
	};
	static const struct cuda_access access = {
		.location = { .type = 1 },
		.flags = 3,		/* CU_MEM_ACCESS_FLAGS_PROT_READWRITE */
	};
	CUdeviceptr pointer;
	cuda_handle handle;
	int i;

	CHECK_EQ(DOUBLE(cuMemAddressReserve)(&pointer, reserved, 0, 0, 0), 0);
	for (i = 0; i < count; i++) {
		CHECK_EQ(DOUBLE(cuMemCreate)(&handle, size, &properties, 0), 0);
		CHECK_EQ(DOUBLE(cuMemMap)(pointer + i * size, size, 0, handle,
					  0), 0);
	}
	CHECK_EQ(DOUBLE(cuMemSetAccess)(pointer, count * size, &access, 1), 0);
	return pointer;
}

#endif /* PEERMR_CUDA_MAP_H */
