// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Find out what the program has loaded. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>

#include "backends/runtime.h"

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

/*
 * Two threads may do this at once, and no lock of ours may be held here: a
 * library's constructor, which runs under the dynamic linker's, can call us.
 */
static void peermr_runtime_find(struct peermr_runtime *runtime)
{
	void *handle, *api, *none = NULL;

	if (atomic_load(&runtime->api))
		return;
	handle = dlopen(runtime->soname, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return;
	api = runtime->bind(handle);
	if (api && atomic_compare_exchange_strong(&runtime->api, &none, api))
		return;
	free(api);
	dlclose(handle);
}

void peermr_runtimes_find(void)
{
	static _Atomic(unsigned long long) seen;
	unsigned long long loads = 0;
	int saved_errno = errno;
	size_t i;

	dl_iterate_phdr(peermr_runtime_count_loads, &loads);
	if (loads == atomic_load_explicit(&seen, memory_order_relaxed))
		return;
	for (i = 0; i < RUNTIMES; i++)
		peermr_runtime_find(runtimes[i]);
	atomic_store_explicit(&seen, loads, memory_order_relaxed);
	errno = saved_errno;
}
