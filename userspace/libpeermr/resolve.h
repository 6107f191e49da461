/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_RESOLVE_H
#define LIBPEERMR_RESOLVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <peermr.h>

/*
 * How many reasons there are to look at a registration before the plain call:
 * runtimes that were found, ranges of the application, and that nobody has
 * looked for runtimes yet.
 */
extern atomic_int peermr_resolve_reasons;

/* There is none: most programs have no device memory but that of windows. */
static inline bool peermr_resolve_is_idle(void)
{
	return !atomic_load_explicit(&peermr_resolve_reasons,
				     memory_order_relaxed);
}

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
