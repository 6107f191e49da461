/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_LOCK_H
#define LIBPEERMR_LOCK_H

#include <stdbool.h>

/*
 * One lock for what the library keeps for the whole process: the windows it
 * has open, the application's ranges, what it learnt about NICs and runtimes.
 * It is held for look-ups and updates, and over the rare scan for windows; not
 * while a dma-buf is made or memory registered. A forked child finds it free.
 */
void peermr_lock(void);
void peermr_unlock(void);

/*
 * A lock to hold while calling the dynamic linker, whose own locks do not
 * survive fork() if another thread has them: so no thread of ours does. False
 * if it cannot be had, for then the holder may wait for the caller, who runs in
 * the constructor of a library: do without the call.
 */
bool peermr_loader_lock(void);
void peermr_loader_unlock(void);

#endif /* LIBPEERMR_LOCK_H */
