// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/peermr.h>

#include "buffer.h"
#include "window.h"

/*
 * The kernel maps 2 MiB at once where address and mmap offset agree below
 * 2 MiB; it keeps the offset congruent to 0, so the address has to be.
 */
#define PEERMR_MAP_ALIGN (2UL << 20)

static void peermr_buffer_link(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;

	pthread_mutex_lock(&window->lock);
	buffer->next = window->buffers;
	if (buffer->next)
		buffer->next->prev = buffer;
	window->buffers = buffer;
	pthread_mutex_unlock(&window->lock);
}

static void peermr_buffer_unlink(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;

	pthread_mutex_lock(&window->lock);
	if (buffer->prev)
		buffer->prev->next = buffer->next;
	else
		window->buffers = buffer->next;
	if (buffer->next)
		buffer->next->prev = buffer->prev;
	pthread_mutex_unlock(&window->lock);
}

struct peermr_buffer *peermr_buffer_alloc(struct peermr_window *window,
					  const struct peermr_buffer_attr *attr)
{
	struct peermr_alloc alloc = { .size = sizeof(alloc) };
	struct peermr_buffer *buffer;
	int ret;

	if (attr->flags & ~PEERMR_BUFFER_FIXED) {
		errno = EINVAL;
		return NULL;
	}
	alloc.length = attr->length;
	alloc.alignment = attr->alignment;
	if (attr->flags & PEERMR_BUFFER_FIXED) {
		alloc.flags |= PEERMR_ALLOC_FIXED;
		alloc.placement = attr->placement;
	}

	/* First, so that nothing can fail once the kernel gave the buffer. */
	buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	ret = peermr_window_ioctl(window, PEERMR_IOC_ALLOC, &alloc);
	if (ret) {
		free(buffer);
		errno = -ret;
		return NULL;
	}

	buffer->window = window;
	buffer->info.length = alloc.length;
	buffer->info.placement = alloc.placement;
	buffer->info.mmap_offset = alloc.mmap_offset;
	pthread_mutex_init(&buffer->map_lock, NULL);
	peermr_buffer_link(buffer);
	return buffer;
}

void peermr_buffer_query(const struct peermr_buffer *buffer,
			 struct peermr_buffer_info *info)
{
	*info = buffer->info;
}

/*
 * Reserve more than needed, map over the aligned part, give the rest back. The
 * range is never free in between, so no other thread can land in it.
 */
static void *peermr_buffer_map_aligned(const struct peermr_buffer *buffer)
{
	size_t length = buffer->info.length;
	size_t reserved, head;
	char *base, *start;
	int saved_errno;

	if (__builtin_add_overflow(length, PEERMR_MAP_ALIGN, &reserved)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	base = mmap(NULL, reserved, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return MAP_FAILED;
	head = -(uintptr_t)base & (PEERMR_MAP_ALIGN - 1);
	start = base + head;

	if (mmap(start, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 buffer->window->fd,
		 (off_t)buffer->info.mmap_offset) == MAP_FAILED) {
		saved_errno = errno;
		munmap(base, reserved);
		errno = saved_errno;
		return MAP_FAILED;
	}
	if (head)
		munmap(base, head);
	munmap(start + length, reserved - head - length);
	return start;
}

static void *peermr_buffer_map_anywhere(const struct peermr_buffer *buffer)
{
	return mmap(NULL, buffer->info.length, PROT_READ | PROT_WRITE,
		    MAP_SHARED, buffer->window->fd,
		    (off_t)buffer->info.mmap_offset);
}

void *peermr_buffer_map(struct peermr_buffer *buffer)
{
	void *address;

	pthread_mutex_lock(&buffer->map_lock);
	address = buffer->address;
	if (!address) {
		if (buffer->info.length >= PEERMR_MAP_ALIGN)
			address = peermr_buffer_map_aligned(buffer);
		else
			address = peermr_buffer_map_anywhere(buffer);
		if (address == MAP_FAILED)
			address = NULL;
		buffer->address = address;
	}
	pthread_mutex_unlock(&buffer->map_lock);
	return address;
}

void peermr_buffer_free(struct peermr_buffer *buffer)
{
	struct peermr_free request = { .size = sizeof(request) };
	int saved_errno = errno;

	if (!buffer)
		return;
	peermr_buffer_unlink(buffer);
	if (buffer->address)
		munmap(buffer->address, buffer->info.length);
	/*
	 * A forked child drops its own mapping only: the handle is its
	 * parent's. Failure means that the kernel freed the buffer already,
	 * with a revoked window.
	 */
	if (buffer->window->owner == getpid()) {
		request.mmap_offset = buffer->info.mmap_offset;
		peermr_window_ioctl(buffer->window, PEERMR_IOC_FREE, &request);
	}
	pthread_mutex_destroy(&buffer->map_lock);
	free(buffer);
	errno = saved_errno;
}
