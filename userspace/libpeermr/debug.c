// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"

bool peermr_debug_enabled(void)
{
	/* 0: not looked yet; several threads may look at once. */
	static atomic_int state;
	int seen = atomic_load_explicit(&state, memory_order_relaxed);
	const char *text;

	if (!seen) {
		text = secure_getenv("PEERMR_DEBUG");
		seen = text && *text && strcmp(text, "0") ? 1 : -1;
		atomic_store_explicit(&state, seen, memory_order_relaxed);
	}
	return seen > 0;
}

void peermr_debug(const char *format, ...)
{
	int length, saved_errno = errno;
	char line[512] = "peermr: ";
	va_list args;

	length = (int)strlen(line);
	va_start(args, format);
	length += vsnprintf(line + length, sizeof(line) - length, format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 1)
		length = sizeof(line) - 1;
	line[length++] = '\n';
	/* Nothing to be done if it fails. */
	if (write(STDERR_FILENO, line, length) < 0)
		length = 0;
	errno = saved_errno;
}
