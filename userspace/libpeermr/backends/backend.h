/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_BACKEND_H
#define LIBPEERMR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <peermr.h>

/* Whom to ask but those who are known and answer without a system call. */
/* Runtimes that the program has loaded since they were looked for. */
#define PEERMR_RESOLVE_RUNTIMES		(1U << 0)
/* Windows. */
#define PEERMR_RESOLVE_WINDOWS		(1U << 1)
/* And such as have appeared since they were looked for. */
#define PEERMR_RESOLVE_NEW_WINDOWS	(1U << 2)

#define PEERMR_RESOLVE_ALL                                                     \
	(PEERMR_RESOLVE_RUNTIMES | PEERMR_RESOLVE_WINDOWS |                    \
	 PEERMR_RESOLVE_NEW_WINDOWS)

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
