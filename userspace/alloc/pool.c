// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The memory of one window that this process has taken, and how it gets more. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunk.h"
#include "debug.h"
#include "own_fd.h"
#include "peermr.h"
#include "pool.h"

/* What is taken at least, as long as the window has that much. */
#define POOL_CHUNK (8UL << 20)

static struct {
	pthread_mutex_t lock;		/* over all of it but @first and @last */
	const char *name;
	struct peermr_window *window;	/* NULL until it is needed */
	struct peermr_own_fd own;	/* of it */
	struct chunk *chunks;
	bool told;			/* that host memory is used instead */
	bool refused;			/* the window does not open: ask no more */
	/*
	 * No chunk was ever outside. For free(), which mostly gets memory of
	 * the host and is not to take the lock for that. Atomic.
	 */
	uintptr_t first, last;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .first = UINTPTR_MAX };

static __thread bool pool_busy;

/*
 * This thread has the lock over fork(), while the handlers of other libraries
 * run, which may allocate and free.
 */
static __thread bool pool_forking;

/* What this thread's was before it came in: malloc() does not end threads. */
static __thread int pool_cancel_state;

bool pool_is_busy(void)
{
	return pool_busy;
}

static void pool_enter(void)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &pool_cancel_state);
	if (!pool_forking)
		pthread_mutex_lock(&pool.lock);
	pool_busy = true;
}

static void pool_leave(void)
{
	pool_busy = false;
	if (!pool_forking)
		pthread_mutex_unlock(&pool.lock);
	pthread_setcancelstate(pool_cancel_state, NULL);
}

static void pool_explain(size_t size, int error)
{
	if (pool.told)
		return;
	pool.told = true;
	if (pool.refused)
		peermr_debug("alloc: %s: cannot open it: %s; allocations come from host memory",
			     pool.name, strerror(error));
	else
		peermr_debug("alloc: %s: no %zu bytes there: %s; this and what else does not fit comes from host memory",
			     pool.name, size, strerror(error));
}

static bool pool_open(void)
{
	struct stat st;
	int fd;

	if (pool.window)
		return true;
	if (pool.refused)
		return false;
	pool.window = peermr_window_open(pool.name);
	pool.refused = !pool.window;
	if (pool.refused)
		return false;
	fd = peermr_window_fd(pool.window);
	if (!fstat(fd, &st))
		pool.own = peermr_own_fd(fd, &st);
	return true;
}

/* A program may close what it does not know, and open something else there. */
static void pool_close(void)
{
	if (peermr_own_fd_is_ours(&pool.own))
		close(pool.own.fd);
	pool.window = NULL;
}

static void pool_widen(uintptr_t first, uintptr_t last)
{
	if (first < pool.first)
		__atomic_store_n(&pool.first, first, __ATOMIC_RELAXED);
	if (last > pool.last)
		__atomic_store_n(&pool.last, last, __ATOMIC_RELAXED);
}

/*
 * More than is asked for, as a buffer costs a granule and the kernel zeroes it;
 * exactly what is asked for where the window has no more.
 */
static struct chunk *pool_grow(size_t size, size_t alignment)
{
	struct chunk *chunk = NULL;
	size_t length;

	if (!pool_open())
		return NULL;
	/* A buffer of 2 MiB and more is mapped aligned to that, if to no more. */
	if (__builtin_add_overflow(size, alignment > CHUNK_PAGE ? alignment : 0,
				   &length)) {
		errno = ENOMEM;
		return NULL;
	}
	if (length < POOL_CHUNK)
		chunk = chunk_new(pool.window, POOL_CHUNK);
	if (!chunk)
		chunk = chunk_new(pool.window, length);
	if (!chunk)
		return NULL;

	pool_widen((uintptr_t)chunk->start,
		   (uintptr_t)chunk->start + chunk->length);
	chunk->next = pool.chunks;
	pool.chunks = chunk;
	if (peermr_debug_enabled())
		peermr_debug("alloc: %s: %zu bytes at %p", pool.name,
			     chunk->length, (void *)chunk->start);
	return chunk;
}

static void *pool_find_room(size_t size, size_t alignment)
{
	struct chunk *chunk;
	void *address;

	for (chunk = pool.chunks; chunk; chunk = chunk->next) {
		if (chunk->inherited)
			continue;
		address = chunk_alloc(chunk, size, alignment);
		if (address)
			return address;
	}
	chunk = pool_grow(size, alignment);
	if (!chunk)
		return NULL;
	/* It fits, so only host memory can be missing. */
	address = chunk_alloc(chunk, size, alignment);
	if (!address)
		errno = ENOMEM;
	return address;
}

void *pool_alloc(size_t size, size_t alignment)
{
	int saved_errno = errno;
	void *address = NULL;
	size_t whole;

	/* In a new child nothing is known to be the parent's yet. */
	if (!pool.name || pool_busy || pool_forking)
		return NULL;
	if (alignment < CHUNK_PAGE)
		alignment = CHUNK_PAGE;
	/* One byte at least: each allocation has an address of its own. */
	if (__builtin_add_overflow(size ? size : 1, CHUNK_PAGE - 1, &whole))
		return NULL;
	whole &= -CHUNK_PAGE;

	pool_enter();
	address = pool_find_room(whole, alignment);
	if (!address)
		pool_explain(size, errno);
	pool_leave();
	errno = saved_errno;
	return address;
}

/* One that is empty is kept for the next allocation, but not a second. */
static void pool_shrink(void)
{
	struct chunk **link = &pool.chunks, *chunk;
	bool kept = false;

	while ((chunk = *link)) {
		if (chunk->used || chunk->inherited ||
		    (!kept && chunk->length <= POOL_CHUNK)) {
			kept |= !chunk->used && !chunk->inherited;
			link = &chunk->next;
			continue;
		}
		*link = chunk->next;
		chunk_delete(chunk);
	}
}

static struct chunk *pool_chunk_of(const void *address)
{
	struct chunk *chunk = pool.chunks;

	while (chunk && !chunk_has(chunk, address))
		chunk = chunk->next;
	return chunk;
}

static bool pool_may_have(const void *address)
{
	uintptr_t value = (uintptr_t)address;

	return value >= __atomic_load_n(&pool.first, __ATOMIC_RELAXED) &&
	       value < __atomic_load_n(&pool.last, __ATOMIC_RELAXED) &&
	       !pool_busy;
}

bool pool_free(void *address)
{
	int saved_errno = errno;
	struct chunk *chunk;

	if (!pool_may_have(address))
		return false;
	pool_enter();
	chunk = pool_chunk_of(address);
	if (chunk && !chunk_free(chunk, address)) {
		peermr_debug("alloc: free(%p): nothing is allocated there",
			     address);
		abort();
	}
	/* What seems to be empty may be the parent's. */
	if (chunk && !chunk->used && !pool_forking)
		pool_shrink();
	pool_leave();
	errno = saved_errno;
	return chunk;
}

size_t pool_size(const void *address)
{
	struct chunk *chunk;
	size_t size = 0;

	if (!pool_may_have(address))
		return 0;
	pool_enter();
	chunk = pool_chunk_of(address);
	if (chunk)
		size = chunk_size(chunk, address);
	pool_leave();
	return size;
}

bool pool_is_inherited(const void *address)
{
	struct chunk *chunk;
	bool inherited;

	if (!pool_may_have(address))
		return false;
	pool_enter();
	chunk = pool_chunk_of(address);
	inherited = chunk && chunk->inherited;
	pool_leave();
	return inherited;
}

void pool_before_fork(void)
{
	pthread_mutex_lock(&pool.lock);
	pool_forking = true;
}

void pool_after_fork_in_parent(void)
{
	pool_forking = false;
	pthread_mutex_unlock(&pool.lock);
}

/*
 * The child opens the window itself when it needs memory. What describes the
 * parent's stays, as the chunks point there.
 */
void pool_after_fork_in_child(void)
{
	struct chunk *chunk;

	for (chunk = pool.chunks; chunk; chunk = chunk->next)
		if (!chunk->inherited)
			chunk_inherit(chunk);
	if (pool.window)
		pool_close();
	pool_forking = false;
	pthread_mutex_unlock(&pool.lock);
}

void pool_setup(const char *window)
{
	pool.name = window;
}
