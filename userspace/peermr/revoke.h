/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_TOOL_REVOKE_H
#define PEERMR_TOOL_REVOKE_H

#include "window.h"

/* Revoke a window that nobody uses: 0, -EBUSY, or another negative errno. */
int revoke_unused(int fd);

/*
 * Take the memory away from whoever holds it, then wait for the last pin,
 * telling on stderr who is waited for. A signal (SIGINT, SIGTERM, SIGHUP) ends
 * the wait: -EINTR; the window is revoked then, too.
 */
int revoke_force(const struct window *window, int fd);

#endif /* PEERMR_TOOL_REVOKE_H */
