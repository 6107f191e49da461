/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_BACKEND_H
#define LIBPEERMR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <peermr.h>

/* Look for what appeared since the last time, too. */
#define PEERMR_RESOLVE_FRESH	(1U << 0)
/* Ask only who is known and answers without a system call: no window. */
#define PEERMR_RESOLVE_CHEAP	(1U << 1)

/**
 * struct peermr_backend - a kind of memory
 * @memory: which
 * @name: in messages: "CUDA"
 * @present: whether there can be any such memory in this process; cheap, as it
 *	is asked for every registration
 * @resolve: fills in fd, offset, length, release and reserved of the range, all
 *	zero before but fd, which is -1. 0; -ENOENT if the address is not its
 *	memory; other errors of peermr_resolve() if it is. A failing one leaves
 *	nothing open
 */
struct peermr_backend {
	uint32_t memory;
	const char *name;
	bool (*present)(unsigned int flags);
	int (*resolve)(uintptr_t address, size_t length, unsigned int flags,
		       struct peermr_range *range);
};

extern const struct peermr_backend peermr_backend_application;
extern const struct peermr_backend peermr_backend_cuda;
extern const struct peermr_backend peermr_backend_level_zero;
extern const struct peermr_backend peermr_backend_rocm;
extern const struct peermr_backend peermr_backend_window;

#endif /* LIBPEERMR_BACKEND_H */
