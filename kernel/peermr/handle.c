// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: the mmap offsets of a window's buffers, 2 MiB each at least. They
 * are given out in ascending order, so that one that was freed does not come
 * back before 2^63 bytes of offsets have gone by.
 */

#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/xarray.h>

#include "peermr.h"

/* So that no mistake reaches a handle from mmap offset 0. */
#define PEERMR_FIRST_PGOFF	(SZ_1G >> PAGE_SHIFT)
#define PEERMR_LAST_PGOFF	((unsigned long)(LLONG_MAX >> PAGE_SHIFT))

/* With a hole behind the buffer, and each beginning on a 2 MiB boundary. */
static unsigned long peermr_handle_pages(const struct peermr_buffer *buffer)
{
	return (round_up(buffer->length, PMD_SIZE) + PMD_SIZE) >> PAGE_SHIFT;
}

void peermr_handles_init(struct peermr_window *window)
{
	mt_init_flags(&window->handles,
		      MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&window->handles, &window->lock);
	window->next_pgoff = PEERMR_FIRST_PGOFF;
}

/* Give @buffer, whose length is set, a handle: 0, -ENOSPC or -ENOMEM. */
int peermr_handle_insert(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;
	unsigned long pages = peermr_handle_pages(buffer);
	unsigned long first;
	int ret;

	lockdep_assert_held(&window->lock);

	MA_STATE(mas, &window->handles, 0, 0);
	if (mas_empty_area(&mas, window->next_pgoff, PEERMR_LAST_PGOFF,
			   pages)) {
		mas_set(&mas, 0);
		if (mas_empty_area(&mas, PEERMR_FIRST_PGOFF, PEERMR_LAST_PGOFF,
				   pages))
			return -ENOSPC;
	}
	first = mas.index;
	mas_set_range(&mas, first, first + pages - 1);
	ret = mas_store_gfp(&mas, xa_mk_value(1), GFP_KERNEL);
	if (ret)
		return ret;

	buffer->pgoff = first;
	window->next_pgoff = first + pages;
	return 0;
}

/* An entry that cannot be erased for want of memory costs only its number. */
void peermr_handle_erase(struct peermr_buffer *buffer)
{
	lockdep_assert_held(&buffer->window->lock);

	MA_STATE(mas, &buffer->window->handles, buffer->pgoff, buffer->pgoff);
	mas_erase(&mas);
	buffer->pgoff = 0;
}
