/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_LOCK_H
#define LIBPEERMR_LOCK_H

/*
 * One lock for what the library keeps for the whole process: the windows it
 * has open, the application's ranges, what it learnt about NICs and runtimes.
 * It is held for look-ups and updates, and over the rare scan for windows; not
 * while a dma-buf is made or memory registered. A forked child finds it free.
 */
void peermr_lock(void);
void peermr_unlock(void);

#endif /* LIBPEERMR_LOCK_H */
