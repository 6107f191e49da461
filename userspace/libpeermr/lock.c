// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <pthread.h>
#include <time.h>

#include "lock.h"

/* More than the dynamic linker ever needs to look something up. */
#define LOADER_WAIT_NS (100 * 1000 * 1000L)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What the thread's was before it took the lock, under which files are opened. */
static _Thread_local int cancel_state;

/* Whether the thread that forks has it, too. */
static bool loader_locked;

/*
 * The thread that forks holds the locks over fork(), so that no other thread is
 * in the middle of something when the child's copy is made. The loader's only if
 * it can be had: the constructor of a library may fork.
 */
static void peermr_lock_fork_prepare(void)
{
	loader_locked = peermr_loader_lock();
	pthread_mutex_lock(&lock);
}

static void peermr_lock_fork_parent(void)
{
	pthread_mutex_unlock(&lock);
	if (loader_locked)
		pthread_mutex_unlock(&loader_lock);
}

static void peermr_lock_fork_child(void)
{
	pthread_mutex_unlock(&lock);
	/* Or its holder is not here. */
	if (loader_locked)
		pthread_mutex_unlock(&loader_lock);
	else
		pthread_mutex_init(&loader_lock, NULL);
}

static void peermr_lock_init(void)
{
	pthread_atfork(peermr_lock_fork_prepare, peermr_lock_fork_parent,
		       peermr_lock_fork_child);
}

void peermr_lock(void)
{
	pthread_once(&once, peermr_lock_init);
	/* A thread that is cancelled would not give it back. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	pthread_mutex_lock(&lock);
}

void peermr_unlock(void)
{
	pthread_mutex_unlock(&lock);
	pthread_setcancelstate(cancel_state, NULL);
}

bool peermr_loader_lock(void)
{
	struct timespec until;

	pthread_once(&once, peermr_lock_init);
	if (!pthread_mutex_trylock(&loader_lock))
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOADER_WAIT_NS;
	if (until.tv_nsec >= 1000 * 1000 * 1000L) {
		until.tv_nsec -= 1000 * 1000 * 1000L;
		until.tv_sec++;
	}
	return !pthread_mutex_timedlock(&loader_lock, &until);
}

void peermr_loader_unlock(void)
{
	pthread_mutex_unlock(&loader_lock);
}
