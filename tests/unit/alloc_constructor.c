// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A library whose constructor starts a thread that allocates, and waits for it. */
#include <pthread.h>
#include <stdlib.h>

extern void *alloc_constructor_memory;
void *alloc_constructor_memory;

static void *allocate(void *unused)
{
	(void)unused;
	return malloc(1 << 20);
}

static void __attribute__((constructor)) start_and_wait(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, allocate, NULL))
		pthread_join(thread, &alloc_constructor_memory);
}
