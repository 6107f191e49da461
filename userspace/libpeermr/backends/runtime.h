/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_RUNTIME_H
#define LIBPEERMR_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>

/**
 * struct peermr_runtime - the runtime of a device, which the program may load
 * @soname: its library
 * @bind: looks up its functions in the loaded library: a table from malloc(),
 *	NULL if it is of no use
 * @api: that table, NULL until the library was found; never changes after
 */
struct peermr_runtime {
	const char *soname;
	void *(*bind)(void *handle);
	_Atomic(void *) api;
};

extern struct peermr_runtime peermr_runtime_cuda;
extern struct peermr_runtime peermr_runtime_rocm;
extern struct peermr_runtime peermr_runtime_level_zero;

/*
 * See which runtimes the program has loaded by now. None is loaded or
 * initialised by this; one that was found stays loaded.
 */
void peermr_runtimes_find(void);

/* Whether anybody has. */
bool peermr_runtimes_looked(void);

#endif /* LIBPEERMR_RUNTIME_H */
