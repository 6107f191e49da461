/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_ALLOC_POOL_H
#define PEERMR_ALLOC_POOL_H

#include <stdbool.h>
#include <stddef.h>

/**
 * pool_setup() - say where memory comes from; opens nothing yet
 * @window: name of the window, kept; NULL turns the pool off
 */
void pool_setup(const char *window);

/**
 * pool_alloc() - memory of the window
 * @size: bytes
 * @alignment: a power of two, or 0
 *
 * What it holds is undefined. The first failure of the process is told on
 * standard error. Does not change errno.
 *
 * Return: the memory, or NULL if there is none: take the host's.
 */
void *pool_alloc(size_t size, size_t alignment);

/**
 * pool_free() - give memory back
 * @address: any address
 *
 * Return: whether it was the pool's.
 */
bool pool_free(void *address);

/**
 * pool_size() - how much may be used behind a pointer
 * @address: any address
 *
 * Return: bytes, or 0 if it is not the pool's.
 */
size_t pool_size(const void *address);

/* Whether memory is of the pool, and of before a fork(): only to be read. */
bool pool_is_inherited(const void *address);

/**
 * pool_is_busy() - whether this thread is in the pool
 *
 * What the pool and libpeermr allocate themselves must not come from the pool.
 */
bool pool_is_busy(void);

/* Around fork(): nobody is in the pool meanwhile. */
void pool_before_fork(void);
void pool_after_fork_in_parent(void);
void pool_after_fork_in_child(void);

#endif /* PEERMR_ALLOC_POOL_H */
