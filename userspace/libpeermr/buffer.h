/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_BUFFER_H
#define LIBPEERMR_BUFFER_H

#include <pthread.h>

#include <peermr.h>

/**
 * struct peermr_buffer - a buffer and its mapping
 * @window: where it came from; outlives the buffer
 * @prev: newer neighbour in peermr_window::buffers
 * @next: older neighbour
 * @info: what the kernel answered; never changes
 * @map_lock: protects @address
 * @address: mapping of the whole buffer, NULL until it is mapped
 */
struct peermr_buffer {
	struct peermr_window *window;
	struct peermr_buffer *prev;
	struct peermr_buffer *next;
	struct peermr_buffer_info info;
	pthread_mutex_t map_lock;
	void *address;
};

#endif /* LIBPEERMR_BUFFER_H */
