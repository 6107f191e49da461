/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_WINDOW_H
#define LIBPEERMR_WINDOW_H

#include <pthread.h>
#include <sys/types.h>

#include <peermr.h>

/**
 * struct peermr_window - an open window
 * @fd: the device node, owned
 * @owner: process that opened it; a forked child must not free its buffers
 * @numa_node: NUMA node of the device, -1 if unknown; never changes
 * @name: name below /dev/peermr
 * @lock: protects @buffers and the links of the buffers in it
 * @buffers: every buffer not yet freed, newest first
 */
struct peermr_window {
	int fd;
	pid_t owner;
	int32_t numa_node;
	char name[PEERMR_NAME_LEN];
	pthread_mutex_t lock;
	struct peermr_buffer *buffers;
};

/*
 * ioctl() on the window. Return: 0 or a negative errno.
 */
int peermr_window_ioctl(const struct peermr_window *window,
			unsigned long request, void *arg);

#endif /* LIBPEERMR_WINDOW_H */
