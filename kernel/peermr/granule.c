// SPDX-License-Identifier: GPL-2.0
/*
 * Granules: nobody sees what somebody else wrote. A granule is clean (zero and
 * unseen), exposed (visible to the buffer on top of it) or neither: then its
 * content is unknown, and it is zeroed before it is exposed. That happens on
 * first touch, in the caller's context; the reaper cleans what was exposed when
 * a buffer dies.
 */

#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/sched.h>

#include "peermr.h"

int peermr_granules_alloc(struct peermr_window *window)
{
	size_t longs = BITS_TO_LONGS(window->size >>
				     window->mode->granule_shift);

	window->clean = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	window->exposed = kvcalloc(longs, sizeof(long), GFP_KERNEL);
	if (window->clean && window->exposed)
		return 0;
	peermr_granules_free(window);
	return -ENOMEM;
}

void peermr_granules_free(struct peermr_window *window)
{
	kvfree(window->clean);
	kvfree(window->exposed);
	window->clean = NULL;
	window->exposed = NULL;
}

/* Zero device memory with full-width stores, and have the device see them. */
static void peermr_granule_zero(struct peermr_window *window, unsigned long nr)
{
	u64 size = peermr_window_granule(window);
	void __iomem *p = window->kva + nr * size;
	void __iomem *end = p + size;

	for (; p < end; p += sizeof(u64))
		__raw_writeq(0, p);
	/* A read pushes posted writes ahead of itself. */
	wmb();
	__raw_readq(end - sizeof(u64));
}

/* Make a range of a live buffer visible: called before it is mapped. */
void peermr_granules_expose(struct peermr_buffer *buffer, u64 offset,
			    u64 length)
{
	struct peermr_window *window = buffer->window;
	unsigned int shift = window->mode->granule_shift;
	unsigned long nr = (buffer->offset + offset) >> shift;
	unsigned long last = (buffer->offset + offset + length - 1) >> shift;

	for (; nr <= last; nr++) {
		if (test_bit_acquire(nr, window->exposed))
			continue;
		mutex_lock(&buffer->expose_lock);
		if (!test_bit(nr, window->exposed)) {
			if (!test_and_clear_bit(nr, window->clean))
				peermr_granule_zero(window, nr);
			/* Pairs with test_bit_acquire() above. */
			smp_mb__before_atomic();
			set_bit(nr, window->exposed);
		}
		mutex_unlock(&buffer->expose_lock);
	}
}

/* As peermr_granule_zero(), unless the device is not there, or in a reset. */
static bool peermr_granule_scrub(struct peermr_window *window, unsigned long nr)
{
	bool reachable;
	int idx;

	/* peermr_window_stop() waits for this. */
	idx = srcu_read_lock(&window->srcu);
	reachable = !READ_ONCE(window->stopped) &&
		    !pci_channel_offline(window->pdev);
	if (reachable)
		peermr_granule_zero(window, nr);
	srcu_read_unlock(&window->srcu, idx);
	return reachable;
}

/* Clean what @buffer, which nobody uses any more, has exposed. */
void peermr_granules_scrub(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;
	unsigned int shift = window->mode->granule_shift;
	unsigned long nr = buffer->offset >> shift;
	unsigned long end = nr + (buffer->length >> shift);

	for_each_set_bit_from(nr, window->exposed, end) {
		unsigned long spoils = READ_ONCE(window->spoils);

		clear_bit(nr, window->exposed);
		if (!peermr_granule_scrub(window, nr))
			continue;

		/* Stores into a device under reset are lost. */
		mutex_lock(&window->lock);
		if (spoils == window->spoils)
			set_bit(nr, window->clean);
		mutex_unlock(&window->lock);
		cond_resched();
	}
}

/* The content of the window is unknown: the device was reset. */
void peermr_granules_spoil(struct peermr_window *window)
{
	lockdep_assert_held(&window->lock);
	WRITE_ONCE(window->spoils, window->spoils + 1);
	bitmap_zero(window->clean, window->size >> window->mode->granule_shift);
}
