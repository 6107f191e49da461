/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Two libraries that define the same function, one behind the other in the order
 * of look-ups: libpreload_chain.so and libpreload_chain_next.so.
 */
#ifndef PEERMR_PRELOAD_CHAIN_H
#define PEERMR_PRELOAD_CHAIN_H

/* Which of the two it is of: 0 or 1. */
int chain_place(void);

/* Of the first one: calls the next chain_place() as dlsym() finds it. */
int chain_next_place(void);
/* The same with dlvsym(). */
int chain_next_versioned_place(void);

#endif /* PEERMR_PRELOAD_CHAIN_H */
