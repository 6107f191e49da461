// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/runtime.h"
#include "resolve.h"

/* What the application said comes first: it may know better. */
static const struct peermr_backend * const backends[] = {
	&peermr_backend_application,
	&peermr_backend_cuda,
	&peermr_backend_rocm,
	&peermr_backend_level_zero,
	&peermr_backend_window,
};

#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *peermr_memory_name(uint32_t memory)
{
	size_t i;

	for (i = 0; i < BACKENDS; i++)
		if (backends[i]->memory == memory)
			return backends[i]->name;
	return "host";
}

/* That the runtimes have not been looked for yet; it stays with PEERMR_DEBUG. */
atomic_int peermr_resolve_reasons = 1;

static void peermr_range_init(struct peermr_range *range)
{
	memset(range, 0, sizeof(*range));
	range->fd = -1;
}

bool peermr_resolve_possible(unsigned int flags)
{
	size_t i;

	if ((flags & PEERMR_RESOLVE_RUNTIMES) || !peermr_runtimes_looked())
		peermr_runtimes_find();
	for (i = 0; i < BACKENDS; i++)
		if (backends[i]->present(flags))
			return true;
	return false;
}

int peermr_resolve_range(const void *address, size_t length, unsigned int flags,
			 struct peermr_range *range)
{
	uintptr_t start = (uintptr_t)address, end;
	int ret, error = -ENOENT;
	size_t i;

	peermr_range_init(range);
	if (!length || __builtin_add_overflow(start, length - 1, &end))
		return -EINVAL;

	for (i = 0; i < BACKENDS; i++) {
		if (!backends[i]->present(flags))
			continue;
		ret = backends[i]->resolve(start, length, flags, range);
		if (!ret) {
			range->memory = backends[i]->memory;
			return 0;
		}
		peermr_range_init(range);
		if (ret != -ENOENT) {
			range->memory = backends[i]->memory;
			error = ret;
			break;
		}
	}
	return error;
}

int peermr_resolve(const void *address, size_t length,
		   struct peermr_range *range)
{
	peermr_runtimes_find();
	return peermr_resolve_range(address, length, PEERMR_RESOLVE_ALL, range);
}

void peermr_range_release(struct peermr_range *range)
{
	int saved_errno = errno;

	if (range->release)
		range->release(range);
	peermr_range_init(range);
	errno = saved_errno;
}

void peermr_range_close(struct peermr_range *range)
{
	close(range->fd);
}
