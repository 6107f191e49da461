// SPDX-License-Identifier: GPL-2.0
/*
 * Extents: which buffer occupies which granules of a window. One maple tree is
 * the allocator, the lookup and the quarantine; an entry leaves it only when
 * nobody has the memory any more.
 */

#include <linux/align.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>

#include "peermr.h"

static int peermr_extent_find_fixed(struct peermr_window *window,
				    const struct peermr_buffer_spec *spec,
				    u64 alignment, u64 length, u64 *offset)
{
	unsigned int shift = window->mode->granule_shift;
	u64 last;

	if (!IS_ALIGNED(spec->placement, alignment) ||
	    check_add_overflow(spec->placement, length - 1, &last) ||
	    last >= window->size)
		return -EINVAL;

	MA_STATE(mas, &window->extents, spec->placement >> shift,
		 spec->placement >> shift);
	if (mas_find(&mas, last >> shift))
		return -EBUSY;
	*offset = spec->placement;
	return 0;
}

static int peermr_extent_find_any(struct peermr_window *window, u64 alignment,
				  u64 length, u64 *offset)
{
	unsigned int shift = window->mode->granule_shift;
	unsigned long end = window->size >> shift;
	unsigned long align = alignment >> shift;
	unsigned long first = 0;

	/* A gap that has room whatever the alignment of its beginning. */
	MA_STATE(mas, &window->extents, 0, 0);
	if (!mas_empty_area(&mas, 0, end - 1, (length >> shift) + align - 1)) {
		*offset = (u64)ALIGN(mas.index, align) << shift;
		return 0;
	}

	/* Or one that begins well: there may be many that do not. */
	while (first < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		mas_set(&mas, first);
		if (mas_empty_area(&mas, first, end - 1, length >> shift))
			break;
		if (IS_ALIGNED(mas.index, align)) {
			*offset = (u64)mas.index << shift;
			return 0;
		}
		first = ALIGN(mas.index, align);
	}
	return -ENOSPC;
}

/* Find a place for @buffer, whose length is set, and occupy it. */
int peermr_extent_insert(struct peermr_buffer *buffer,
			 const struct peermr_buffer_spec *spec)
{
	struct peermr_window *window = buffer->window;
	unsigned int shift = window->mode->granule_shift;
	u64 granule = peermr_window_granule(window);
	u64 alignment = max(spec->alignment, granule);
	u64 offset;
	int ret;

	lockdep_assert_held(&window->lock);

	/* So that 2 MiB mappings fit, unless the caller says otherwise. */
	if (!spec->alignment && !spec->fixed && buffer->length >= PMD_SIZE)
		alignment = max_t(u64, granule, PMD_SIZE);
	if (alignment > window->size && !spec->fixed)
		alignment = roundup_pow_of_two(window->size);

	ret = spec->fixed ?
		peermr_extent_find_fixed(window, spec, alignment,
					 buffer->length, &offset) :
		peermr_extent_find_any(window, alignment, buffer->length,
				       &offset);
	if (ret)
		return ret;

	MA_STATE(mas, &window->extents, offset >> shift,
		 (offset + buffer->length - 1) >> shift);
	ret = mas_store_gfp(&mas, buffer, GFP_KERNEL);
	if (ret)
		return ret;

	buffer->offset = offset;
	buffer->backing = PEERMR_BACKING_EXTENT;
	window->bytes_free -= buffer->length;
	WRITE_ONCE(window->nr_buffers, window->nr_buffers + 1);
	return 0;
}

/* Free the extent of @buffer; false if there was no memory to do so. */
bool peermr_extent_erase(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;
	unsigned int shift = window->mode->granule_shift;

	lockdep_assert_held(&window->lock);

	/* Not mas_erase(), which does not tell when it had no memory. */
	MA_STATE(mas, &window->extents, buffer->offset >> shift,
		 (buffer->offset + buffer->length - 1) >> shift);
	if (mas_store_gfp(&mas, NULL, GFP_KERNEL))
		return false;
	buffer->backing = PEERMR_BACKING_NONE;
	window->bytes_free += buffer->length;
	WRITE_ONCE(window->nr_buffers, window->nr_buffers - 1);
	return true;
}

/* The first buffer that ends beyond *@offset, which becomes its offset. */
struct peermr_buffer *peermr_extent_next(struct peermr_window *window,
					 u64 *offset)
{
	struct peermr_buffer *buffer;

	lockdep_assert_held(&window->lock);
	if (*offset >= window->size)
		return NULL;

	MA_STATE(mas, &window->extents, *offset >> window->mode->granule_shift,
		 *offset >> window->mode->granule_shift);
	buffer = mas_find(&mas, ULONG_MAX);
	if (buffer)
		*offset = buffer->offset;
	return buffer;
}
