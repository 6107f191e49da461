// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The double of libhsa-runtime64.so.1. */
#include <unistd.h>

#include "heap.h"
#include "rocm.h"

#define HSA_STATUS_SUCCESS			0
#define HSA_STATUS_ERROR_INVALID_ARGUMENT	0x1001
#define HSA_STATUS_ERROR_INVALID_AGENT		0x1004
#define HSA_STATUS_ERROR_INVALID_ALLOCATION	0x1006
#define HSA_STATUS_ERROR_OUT_OF_RESOURCES	0x1008
#define HSA_STATUS_ERROR_NOT_INITIALIZED	0x100b

/* Handles of agents: the kind of the memory they own, from here on. */
#define AGENTS 100

struct double_rocm double_rocm;

int hsa_init(void)
{
	double_rocm.inits++;
	return HSA_STATUS_SUCCESS;
}

void *double_rocm_alloc(int kind, size_t size)
{
	struct heap_allocation *allocation = heap_alloc(kind, size, size);

	return allocation ? (void *)allocation->start : NULL;
}

void double_rocm_free(void *pointer)
{
	heap_free(heap_find((uintptr_t)pointer));
}

unsigned char *double_rocm_memory(void *pointer)
{
	size_t offset = 0;
	struct double_memory *memory = heap_memory((uintptr_t)pointer, &offset);

	return memory->cpu + offset;
}

int hsa_agent_get_info(hsa_agent_t agent, int attribute, void *value)
{
	if (!double_rocm.inits)
		return HSA_STATUS_ERROR_NOT_INITIALIZED;
	if (agent.handle < AGENTS)
		return HSA_STATUS_ERROR_INVALID_AGENT;
	if (attribute != 17)	/* HSA_AGENT_INFO_DEVICE */
		return HSA_STATUS_ERROR_INVALID_ARGUMENT;
	*(int *)value = agent.handle == AGENTS + DOUBLE_ROCM_GPU;
	return HSA_STATUS_SUCCESS;
}

int hsa_amd_pointer_info(const void *pointer, hsa_amd_pointer_info_t *info,
			 void *(*alloc)(size_t size), uint32_t *agent_count,
			 hsa_agent_t **agents)
{
	const struct heap_allocation *allocation =
		heap_find((uintptr_t)pointer);
	hsa_amd_pointer_info_t answer = { .size = sizeof(answer) };

	if (!double_rocm.inits)
		return HSA_STATUS_ERROR_NOT_INITIALIZED;
	if (alloc || agent_count || agents || info->size < sizeof(answer))
		return HSA_STATUS_ERROR_INVALID_ARGUMENT;
	if (allocation) {
		/* HSA_EXT_POINTER_TYPE_LOCKED or HSA_EXT_POINTER_TYPE_HSA */
		answer.type = allocation->kind == DOUBLE_ROCM_LOCKED ? 2 : 1;
		answer.agentBaseAddress = (void *)allocation->start;
		answer.sizeInBytes = allocation->size;
		answer.agentOwner.handle = AGENTS + allocation->kind;
	}
	*info = answer;
	return HSA_STATUS_SUCCESS;
}

int hsa_amd_portable_export_dmabuf(const void *pointer, size_t size,
				   int *dmabuf, uint64_t *offset)
{
	const struct heap_allocation *allocation =
		heap_find((uintptr_t)pointer);
	size_t at;

	if (double_rocm.result)
		return double_rocm.result;
	if (!allocation || !size)
		return HSA_STATUS_ERROR_INVALID_ALLOCATION;
	at = (uintptr_t)pointer - allocation->start;
	if (size > allocation->size - at)
		return HSA_STATUS_ERROR_INVALID_ARGUMENT;
	if (allocation->kind != DOUBLE_ROCM_GPU)
		return HSA_STATUS_ERROR_INVALID_AGENT;
	*dmabuf = double_memory_export(&allocation->memory, 0,
				       allocation->memory.size);
	if (*dmabuf < 0)
		return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
	*offset = at;
	double_rocm.open++;
	return HSA_STATUS_SUCCESS;
}

int hsa_amd_portable_close_dmabuf(int dmabuf)
{
	if (close(dmabuf))
		return HSA_STATUS_ERROR_INVALID_ARGUMENT;
	double_rocm.open--;
	return HSA_STATUS_SUCCESS;
}
