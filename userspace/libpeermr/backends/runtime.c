// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Find out what the program has loaded. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>

#include "backends/runtime.h"
#include "debug.h"
#include "lock.h"
#include "resolve.h"

static struct peermr_runtime * const runtimes[] = {
	&peermr_runtime_cuda,
	&peermr_runtime_rocm,
	&peermr_runtime_level_zero,
};

#define RUNTIMES (sizeof(runtimes) / sizeof(runtimes[0]))

static int peermr_runtime_count_loads(struct dl_phdr_info *info, size_t size,
				      void *loads)
{
	(void)size;
	*(unsigned long long *)loads = info->dlpi_adds;
	return 1;
}

static void peermr_runtime_find(struct peermr_runtime *runtime)
{
	void *handle, *api;

	if (atomic_load(&runtime->api))
		return;
	handle = dlopen(runtime->soname, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return;
	api = runtime->bind(handle);
	if (!api) {
		dlclose(handle);
		return;
	}
	atomic_store(&runtime->api, api);
	atomic_fetch_add(&peermr_resolve_reasons, 1);
}

/* The linker's count is of all libraries ever loaded; 0 is none of ours. */
static _Atomic(unsigned long long) loads_seen;

bool peermr_runtimes_looked(void)
{
	return atomic_load_explicit(&loads_seen, memory_order_relaxed);
}

void peermr_runtimes_find(void)
{
	unsigned long long loads = 0;
	int saved_errno = errno;
	size_t i;

	if (!peermr_loader_lock())
		return;
	dl_iterate_phdr(peermr_runtime_count_loads, &loads);
	if (loads != atomic_load(&loads_seen))
		for (i = 0; i < RUNTIMES; i++)
			peermr_runtime_find(runtimes[i]);
	if (!atomic_exchange(&loads_seen, loads) && !peermr_debug_enabled())
		atomic_fetch_sub(&peermr_resolve_reasons, 1);
	peermr_loader_unlock();
	errno = saved_errno;
}
