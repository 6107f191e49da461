// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <pthread.h>

#include "lock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * The thread that forks holds the lock over fork(), so that no other thread is
 * in the middle of something when the child's copy is made.
 */
static void peermr_lock_fork_prepare(void)
{
	pthread_mutex_lock(&lock);
}

static void peermr_lock_fork_done(void)
{
	pthread_mutex_unlock(&lock);
}

static void peermr_lock_init(void)
{
	pthread_atfork(peermr_lock_fork_prepare, peermr_lock_fork_done,
		       peermr_lock_fork_done);
}

void peermr_lock(void)
{
	pthread_once(&once, peermr_lock_init);
	pthread_mutex_lock(&lock);
}

void peermr_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
