// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory of peermr's own windows, whoever mapped it here and how. */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/peermr.h>

#include "backends/backend.h"
#include "backends/window_table.h"
#include "resolve.h"

static bool peermr_window_present(unsigned int flags)
{
	return (flags & PEERMR_RESOLVE_WINDOWS) &&
	       ((flags & PEERMR_RESOLVE_NEW_WINDOWS) ||
		peermr_window_table_is_of_use());
}

static int peermr_window_ask(int fd, uintptr_t address,
			     struct peermr_lookup *lookup)
{
	*lookup = (struct peermr_lookup){
		.size = sizeof(*lookup),
		.address = address,
	};
	return ioctl(fd, PEERMR_IOC_LOOKUP, lookup) ? -errno : 0;
}

/*
 * One buffer, at consecutive offsets, is mapped from @first's address to @last.
 * It may be in several mappings: mprotect(2) and others split them.
 */
static int peermr_window_check(int fd, const struct peermr_lookup *first,
			       uintptr_t last)
{
	struct peermr_lookup next = *first;
	uintptr_t end;

	for (;;) {
		end = next.start + next.length;
		if (last < end)
			return 0;
		if (peermr_window_ask(fd, end, &next) ||
		    next.mmap_offset != first->mmap_offset ||
		    next.offset - first->offset != end - first->address)
			return -EINVAL;
	}
}

static int peermr_window_export(int fd, const struct peermr_lookup *lookup,
				struct peermr_range *range)
{
	struct peermr_export export = {
		.size = sizeof(export),
		.flags = PEERMR_EXPORT_ADDRESS,
		.address = lookup->address,
	};

	if (ioctl(fd, PEERMR_IOC_EXPORT, &export))
		return -errno;
	/* Another thread has mapped something else there. */
	if (export.offset != lookup->offset ||
	    export.length != lookup->buffer_length) {
		close(export.fd);
		return -EINVAL;
	}
	range->fd = export.fd;
	range->offset = export.offset;
	range->length = export.length - export.offset;
	range->release = peermr_range_close;
	return 0;
}

/* Sets *@stale if a descriptor is not that of a window any more. */
static int peermr_window_resolve_in(const struct peermr_window_table *table,
				    uintptr_t address, size_t length,
				    struct peermr_range *range, bool *stale)
{
	struct peermr_lookup lookup;
	int i, fd, ret;

	for (i = 0; i < table->count; i++) {
		fd = table->nodes[i]->own.fd;
		ret = peermr_window_ask(fd, address, &lookup);
		if (ret == -EBADF || ret == -ENOTTY)
			*stale = true;
		/* ENODEV: memory of this window, which was revoked. */
		if (ret == -ENODEV)
			return ret;
		if (ret)
			continue;
		ret = peermr_window_check(fd, &lookup, address + length - 1);
		return ret ?: peermr_window_export(fd, &lookup, range);
	}
	return -ENOENT;
}

static int peermr_window_resolve_once(uintptr_t address, size_t length,
				      struct peermr_range *range, bool *stale)
{
	struct peermr_window_table *table = peermr_window_table_get();
	int ret;

	if (!table)
		return -ENOENT;
	ret = peermr_window_resolve_in(table, address, length, range, stale);
	/* It may be memory of the window that could not be opened. */
	if (ret == -ENOENT && table->error)
		ret = table->error;
	peermr_window_table_put(table);
	return ret;
}

static int peermr_window_resolve(uintptr_t address, size_t length,
				 unsigned int flags, struct peermr_range *range)
{
	bool stale = false;
	int ret;

	ret = peermr_window_resolve_once(address, length, range, &stale);
	if (ret != -ENOENT || (!stale && !(flags & PEERMR_RESOLVE_NEW_WINDOWS)))
		return ret;
	peermr_window_table_scan();
	return peermr_window_resolve_once(address, length, range, &stale);
}

const struct peermr_backend peermr_backend_window = {
	.memory = PEERMR_MEMORY_WINDOW,
	.name = "peermr window",
	.present = peermr_window_present,
	.resolve = peermr_window_resolve,
};
