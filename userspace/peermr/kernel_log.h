/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's own words about what just happened to a device. */
#ifndef PEERMR_TOOL_KERNEL_LOG_H
#define PEERMR_TOOL_KERNEL_LOG_H

#include <stddef.h>

/* Start listening: a file descriptor, or -1 where the log is not readable. */
int kernel_log_open(void);

/*
 * The last line since then from peermr about @bdf: @text, "" if there is none.
 * Closes @fd.
 */
void kernel_log_close(int fd, const char *bdf, char *text, size_t size);

#endif /* PEERMR_TOOL_KERNEL_LOG_H */
