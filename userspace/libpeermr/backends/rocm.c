// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory of AMD GPUs. Types and constants are those of ROCr's <hsa/hsa.h> and
 * <hsa/hsa_ext_amd.h>; each says which. The rules are those that
 * <hsa/hsa_ext_amd.h> states for hsa_amd_pointer_info(),
 * hsa_amd_portable_export_dmabuf() and hsa_amd_portable_close_dmabuf().
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "backends/backend.h"
#include "backends/runtime.h"

/* hsa_status_t */
#define HSA_STATUS_SUCCESS			0
#define HSA_STATUS_ERROR_OUT_OF_RESOURCES	0x1008

/* hsa_agent_info_t and hsa_device_type_t */
#define HSA_AGENT_INFO_DEVICE	17
#define HSA_DEVICE_TYPE_GPU	1

/* hsa_amd_pointer_type_t: those that can be memory of a GPU */
#define HSA_EXT_POINTER_TYPE_HSA	1
#define HSA_EXT_POINTER_TYPE_GRAPHICS	3
#define HSA_EXT_POINTER_TYPE_IPC	4
#define HSA_EXT_POINTER_TYPE_HSA_VMEM	6

struct hsa_agent {	/* hsa_agent_t */
	uint64_t handle;
};

struct hsa_pointer_info {	/* hsa_amd_pointer_info_t, which can grow */
	uint32_t size;
	int type;
	void *agent_base;
	void *host_base;
	size_t length;
	void *user_data;
	struct hsa_agent owner;
	uint32_t global_flags;
};

struct peermr_rocm {
	/* hsa_amd_pointer_info() */
	int (*pointer_info)(const void *pointer, struct hsa_pointer_info *info,
			    void *(*alloc)(size_t size), uint32_t *agent_count,
			    struct hsa_agent **agents);
	/* hsa_agent_get_info() */
	int (*agent_info)(struct hsa_agent agent, int attribute, void *value);
	/* hsa_amd_portable_export_dmabuf(), NULL before ROCm 5.6 */
	int (*export)(const void *pointer, size_t size, int *dmabuf,
		      uint64_t *offset);
	/* hsa_amd_portable_close_dmabuf(), likewise */
	int (*close)(int dmabuf);
};

static void *peermr_rocm_bind(void *handle)
{
	struct peermr_rocm *rocm = calloc(1, sizeof(*rocm));

	if (!rocm)
		return NULL;
	*(void **)&rocm->pointer_info = dlsym(handle, "hsa_amd_pointer_info");
	*(void **)&rocm->agent_info = dlsym(handle, "hsa_agent_get_info");
	*(void **)&rocm->export =
		dlsym(handle, "hsa_amd_portable_export_dmabuf");
	*(void **)&rocm->close = dlsym(handle, "hsa_amd_portable_close_dmabuf");
	if (!rocm->pointer_info || !rocm->agent_info) {
		free(rocm);
		return NULL;
	}
	return rocm;
}

struct peermr_runtime peermr_runtime_rocm = {
	.soname = "libhsa-runtime64.so.1",
	.bind = peermr_rocm_bind,
};

static bool peermr_rocm_present(unsigned int flags)
{
	(void)flags;
	return atomic_load_explicit(&peermr_runtime_rocm.api,
				    memory_order_acquire);
}

/*
 * Host memory that ROCm allocated belongs to a CPU; what it pinned, or may
 * move, is of a type of its own. Before hsa_init() the runtime gives an error.
 */
static bool peermr_rocm_is_device_memory(const struct peermr_rocm *rocm,
					 const struct hsa_pointer_info *info)
{
	int device = -1;

	switch (info->type) {
	case HSA_EXT_POINTER_TYPE_HSA:
	case HSA_EXT_POINTER_TYPE_GRAPHICS:
	case HSA_EXT_POINTER_TYPE_IPC:
	case HSA_EXT_POINTER_TYPE_HSA_VMEM:
		break;
	default:
		return false;
	}
	return rocm->agent_info(info->owner, HSA_AGENT_INFO_DEVICE, &device) ==
		       HSA_STATUS_SUCCESS &&
	       device == HSA_DEVICE_TYPE_GPU;
}

static void peermr_rocm_release(struct peermr_range *range)
{
	const struct peermr_rocm *rocm = atomic_load(&peermr_runtime_rocm.api);

	rocm->close(range->fd);
}

static int peermr_rocm_resolve(uintptr_t address, size_t length,
			       unsigned int flags, struct peermr_range *range)
{
	const struct peermr_rocm *rocm = atomic_load(&peermr_runtime_rocm.api);
	struct hsa_pointer_info info = { .size = sizeof(info) };
	uintptr_t base;
	int result;

	(void)flags;
	if (rocm->pointer_info((const void *)address, &info, NULL, NULL,
			       NULL) != HSA_STATUS_SUCCESS ||
	    !peermr_rocm_is_device_memory(rocm, &info))
		return -ENOENT;
	if (!rocm->export || !rocm->close)
		return -EOPNOTSUPP;
	base = (uintptr_t)info.agent_base;
	if (address < base || address - base >= info.length ||
	    length > info.length - (address - base))
		return -EINVAL;

	result = rocm->export((const void *)address, length, &range->fd,
			      &range->offset);
	if (result == HSA_STATUS_ERROR_OUT_OF_RESOURCES)
		return -ENOMEM;
	if (result != HSA_STATUS_SUCCESS)
		return -EOPNOTSUPP;
	fcntl(range->fd, F_SETFD, FD_CLOEXEC);
	range->length = info.length - (address - base);
	range->release = peermr_rocm_release;
	return 0;
}

const struct peermr_backend peermr_backend_rocm = {
	.memory = PEERMR_MEMORY_ROCM,
	.name = "ROCm",
	.present = peermr_rocm_present,
	.resolve = peermr_rocm_resolve,
};
