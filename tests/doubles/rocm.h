/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A double of ROCr, the runtime of AMD GPUs. Functions are those of
 * <hsa/hsa.h> and <hsa/hsa_ext_amd.h>; but double_rocm_alloc() stands for the
 * walk through agents and memory pools.
 */
#ifndef PEERMR_DOUBLE_ROCM_H
#define PEERMR_DOUBLE_ROCM_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t handle;
} hsa_agent_t;

typedef struct {
	uint32_t size;
	int type;
	void *agentBaseAddress;
	void *hostBaseAddress;
	size_t sizeInBytes;
	void *userData;
	hsa_agent_t agentOwner;
	uint32_t global_flags;
} hsa_amd_pointer_info_t;

int hsa_init(void);
int hsa_agent_get_info(hsa_agent_t agent, int attribute, void *value);
int hsa_amd_pointer_info(const void *pointer, hsa_amd_pointer_info_t *info,
			 void *(*alloc)(size_t size), uint32_t *agent_count,
			 hsa_agent_t **agents);
int hsa_amd_portable_export_dmabuf(const void *pointer, size_t size,
				   int *dmabuf, uint64_t *offset);
int hsa_amd_portable_close_dmabuf(int dmabuf);

/* Memory of a GPU; of a CPU, allocated by ROCm; host memory that it pinned. */
enum { DOUBLE_ROCM_GPU = 1, DOUBLE_ROCM_CPU, DOUBLE_ROCM_LOCKED };

void *double_rocm_alloc(int kind, size_t size);
void double_rocm_free(void *pointer);
unsigned char *double_rocm_memory(void *pointer);

/**
 * struct double_rocm - what the double was asked, and how it shall behave
 * @inits: calls of hsa_init()
 * @open: dma-bufs that were exported and not closed by the runtime
 * @result: if not 0, the next exports fail with it
 */
struct double_rocm {
	int inits;
	int open;
	int result;
};

extern struct double_rocm double_rocm;

#endif /* PEERMR_DOUBLE_ROCM_H */
