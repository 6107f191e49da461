/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_DEBUG_H
#define LIBPEERMR_DEBUG_H

#include <stdbool.h>

/* Whether PEERMR_DEBUG asks for a line about each decision; cheap. */
bool peermr_debug_enabled(void);

/* "peermr: ..." and a newline on stderr, in one write. Keeps errno. */
void peermr_debug(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif /* LIBPEERMR_DEBUG_H */
