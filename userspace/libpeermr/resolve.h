/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_RESOLVE_H
#define LIBPEERMR_RESOLVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <peermr.h>

/*
 * How many reasons there are to look at a registration before the plain call:
 * runtimes that were found, ranges of the application, that nobody has looked
 * for runtimes yet, and that PEERMR_DEBUG is to tell of each. Most programs have
 * none: they have no device memory but that of windows.
 */
extern atomic_int peermr_resolve_reasons;

/*
 * Whether any memory of this process could resolve; see struct peermr_backend.
 * Has to be asked first: it looks for runtimes, peermr_resolve_range() does not.
 */
bool peermr_resolve_possible(unsigned int flags);

/*
 * peermr_resolve() with PEERMR_RESOLVE_* of backends/backend.h. After a failure
 * that is not -ENOENT range->memory says whose memory it is.
 */
int peermr_resolve_range(const void *address, size_t length, unsigned int flags,
			 struct peermr_range *range);

/* Of an enum peermr_memory, for messages. */
const char *peermr_memory_name(uint32_t memory);

/* For peermr_range::release where the fd is an ordinary one. */
void peermr_range_close(struct peermr_range *range);

#endif /* LIBPEERMR_RESOLVE_H */
