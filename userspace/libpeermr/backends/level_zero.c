// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory of Intel GPUs. Types and constants are those of <level_zero/ze_api.h>;
 * each says which. The rules are those of the oneAPI Level Zero specification,
 * core programming guide, sections "Memory" and "External Memory Import and
 * Export": the exported fd is the allocation's own, whoever asks for it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "backends/backend.h"
#include "backends/runtime.h"
#include "resolve.h"

/* ze_result_t */
#define ZE_RESULT_SUCCESS	0

/* ze_structure_type_t */
#define ZE_STRUCTURE_TYPE_CONTEXT_DESC			0xd
#define ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES	0x17
#define ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD	0x1a

/* ze_memory_type_t */
#define ZE_MEMORY_TYPE_DEVICE	2

/* ze_external_memory_type_flag_t */
#define ZE_EXTERNAL_MEMORY_TYPE_FLAG_DMA_BUF	(1U << 1)

struct ze_context_desc {	/* ze_context_desc_t */
	int stype;
	const void *next;
	uint32_t flags;
};

struct ze_properties {	/* ze_memory_allocation_properties_t */
	int stype;
	void *next;
	int type;
	uint64_t id;
	uint64_t page_size;
};

struct ze_export_fd {	/* ze_external_memory_export_fd_t */
	int stype;
	const void *next;
	uint32_t flags;
	int fd;
};

/* Drivers of one machine, each with its own devices: one or two. */
#define DRIVERS 8

/**
 * struct peermr_ze_contexts - a context for each driver
 * @count: of @contexts
 * @contexts: ze_context_handle_t; pointers are looked up in a context, and a
 *	driver knows its allocations in any
 */
struct peermr_ze_contexts {
	uint32_t count;
	void *contexts[DRIVERS];
};

struct peermr_ze {
	/* zeDriverGet() */
	int (*drivers)(uint32_t *count, void **drivers);
	/* zeContextCreate(), zeContextDestroy() */
	int (*context_create)(void *driver, const struct ze_context_desc *desc,
			      void **context);
	int (*context_destroy)(void *context);
	/* zeMemGetAllocProperties() */
	int (*properties)(void *context, const void *pointer,
			  struct ze_properties *properties, void **device);
	/* zeMemGetAddressRange() */
	int (*address_range)(void *context, const void *pointer, void **base,
			     size_t *size);
	_Atomic(struct peermr_ze_contexts *) contexts;
};

static void *peermr_ze_bind(void *handle)
{
	struct peermr_ze *ze = calloc(1, sizeof(*ze));

	if (!ze)
		return NULL;
	*(void **)&ze->drivers = dlsym(handle, "zeDriverGet");
	*(void **)&ze->context_create = dlsym(handle, "zeContextCreate");
	*(void **)&ze->context_destroy = dlsym(handle, "zeContextDestroy");
	*(void **)&ze->properties = dlsym(handle, "zeMemGetAllocProperties");
	*(void **)&ze->address_range = dlsym(handle, "zeMemGetAddressRange");
	if (!ze->drivers || !ze->context_create || !ze->context_destroy ||
	    !ze->properties || !ze->address_range) {
		free(ze);
		return NULL;
	}
	return ze;
}

struct peermr_runtime peermr_runtime_level_zero = {
	.soname = "libze_loader.so.1",
	.bind = peermr_ze_bind,
};

static bool peermr_ze_present(unsigned int flags)
{
	(void)flags;
	return atomic_load_explicit(&peermr_runtime_level_zero.api,
				    memory_order_acquire);
}

static void peermr_ze_contexts_destroy(const struct peermr_ze *ze,
				       struct peermr_ze_contexts *contexts)
{
	while (contexts->count)
		ze->context_destroy(contexts->contexts[--contexts->count]);
	free(contexts);
}

/* NULL as long as the program has not initialised the runtime. */
static struct peermr_ze_contexts *peermr_ze_contexts_get(struct peermr_ze *ze)
{
	const struct ze_context_desc desc = {
		.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC,
	};
	struct peermr_ze_contexts *contexts, *others = NULL;
	void *drivers[DRIVERS];
	uint32_t i, count = DRIVERS;

	contexts = atomic_load(&ze->contexts);
	if (contexts)
		return contexts;
	if (ze->drivers(&count, drivers) != ZE_RESULT_SUCCESS || !count)
		return NULL;
	contexts = calloc(1, sizeof(*contexts));
	if (!contexts)
		return NULL;
	for (i = 0; i < count && i < DRIVERS; i++)
		if (ze->context_create(drivers[i], &desc,
				       &contexts->contexts[contexts->count]) ==
		    ZE_RESULT_SUCCESS)
			contexts->count++;

	/* Another thread was faster. */
	if (!atomic_compare_exchange_strong(&ze->contexts, &others, contexts)) {
		peermr_ze_contexts_destroy(ze, contexts);
		return others;
	}
	return contexts;
}

/* The context that knows @address as memory of a device, or NULL. */
static void *peermr_ze_context_of(struct peermr_ze *ze, uintptr_t address)
{
	const struct peermr_ze_contexts *contexts = peermr_ze_contexts_get(ze);
	struct ze_properties properties;
	void *device;
	uint32_t i;

	for (i = 0; contexts && i < contexts->count; i++) {
		properties = (struct ze_properties){
			.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES,
		};
		if (ze->properties(contexts->contexts[i], (void *)address,
				   &properties, &device) == ZE_RESULT_SUCCESS &&
		    properties.type == ZE_MEMORY_TYPE_DEVICE)
			return contexts->contexts[i];
	}
	return NULL;
}

/* The runtime's own fd, not to be closed; -1 if the memory has none. */
static int peermr_ze_fd(const struct peermr_ze *ze, void *context,
			uintptr_t address)
{
	struct ze_export_fd export = {
		.stype = ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD,
		.flags = ZE_EXTERNAL_MEMORY_TYPE_FLAG_DMA_BUF,
		.fd = -1,
	};
	struct ze_properties properties = {
		.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES,
		.next = &export,
	};
	void *device;

	if (ze->properties(context, (void *)address, &properties, &device) !=
	    ZE_RESULT_SUCCESS)
		return -1;
	return export.fd;
}

static int peermr_ze_resolve(uintptr_t address, size_t length,
			     unsigned int flags, struct peermr_range *range)
{
	struct peermr_ze *ze = atomic_load(&peermr_runtime_level_zero.api);
	void *context = peermr_ze_context_of(ze, address), *start;
	size_t size, offset;
	int fd;

	(void)flags;
	if (!context)
		return -ENOENT;
	if (ze->address_range(context, (void *)address, &start, &size) !=
	    ZE_RESULT_SUCCESS)
		return -EOPNOTSUPP;
	offset = address - (uintptr_t)start;
	if (offset >= size || length > size - offset)
		return -EINVAL;
	fd = peermr_ze_fd(ze, context, address);
	if (fd < 0)
		return -EOPNOTSUPP;

	range->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (range->fd < 0)
		return -errno;
	range->offset = offset;
	range->length = size - offset;
	range->release = peermr_range_close;
	return 0;
}

const struct peermr_backend peermr_backend_level_zero = {
	.memory = PEERMR_MEMORY_LEVEL_ZERO,
	.name = "Level Zero",
	.present = peermr_ze_present,
	.resolve = peermr_ze_resolve,
};
