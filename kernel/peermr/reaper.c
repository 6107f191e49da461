// SPDX-License-Identifier: GPL-2.0
/*
 * The reaper returns the extents of dying buffers. ibv_reg_mr() + munmap() +
 * close() leaves a NIC that goes on writing: such an extent stays where it is,
 * in quarantine, until the last pin is gone, and is zeroed then.
 */

#include <linux/jiffies.h>
#include <linux/sched.h>

#include "compat.h"
#include "peermr.h"

#define PEERMR_REAP_MIN		(HZ / 100 ?: 1)
#define PEERMR_REAP_MAX		HZ

/* Take the next buffer to look at from @todo; back into window->dying. */
static struct peermr_buffer *peermr_reaper_next(struct peermr_window *window,
						struct list_head *todo)
{
	struct peermr_buffer *buffer;

	mutex_lock(&window->lock);
	buffer = list_first_entry_or_null(todo, struct peermr_buffer, dying);
	if (buffer)
		list_move_tail(&buffer->dying, &window->dying);
	mutex_unlock(&window->lock);
	return buffer;
}

static void peermr_reaper_work(struct work_struct *work)
{
	struct peermr_window *window =
		container_of(work, struct peermr_window, reaper.work);
	struct peermr_buffer *buffer;
	unsigned long pass;
	LIST_HEAD(todo);

	mutex_lock(&window->lock);
	pass = ++window->reaper_begun;
	list_splice_init(&window->dying, &todo);
	mutex_unlock(&window->lock);

	/* Nobody else frees a dying buffer while the reaper may run. */
	while ((buffer = peermr_reaper_next(window, &todo))) {
		if (peermr_buffer_drained(buffer)) {
			peermr_granules_scrub(buffer);
			peermr_buffer_detach(buffer);
		}
		cond_resched();
	}

	mutex_lock(&window->lock);
	WRITE_ONCE(window->reaper_done, pass);
	if (!list_empty(&window->dying) && !window->dismantling) {
		queue_delayed_work(peermr_compat_unbound_wq, &window->reaper,
				   window->reaper_delay);
		window->reaper_delay = min_t(unsigned long,
					     2 * window->reaper_delay,
					     PEERMR_REAP_MAX);
	}
	mutex_unlock(&window->lock);
	wake_up_all(&window->reaper_wait);
}

void peermr_reaper_init(struct peermr_window *window)
{
	INIT_LIST_HEAD(&window->dying);
	INIT_DELAYED_WORK(&window->reaper, peermr_reaper_work);
	init_waitqueue_head(&window->reaper_wait);
	window->reaper_delay = PEERMR_REAP_MIN;
}

/* Have the reaper look now. */
void peermr_reaper_kick(struct peermr_window *window)
{
	lockdep_assert_held(&window->lock);
	if (window->dismantling)
		return;
	window->reaper_delay = PEERMR_REAP_MIN;
	mod_delayed_work(peermr_compat_unbound_wq, &window->reaper, 0);
}

/* Wait for a whole pass of the reaper: 0, or -ERESTARTSYS when killed. */
int peermr_reaper_wait(struct peermr_window *window)
{
	unsigned long pass;

	mutex_lock(&window->lock);
	pass = window->reaper_begun + 1;
	peermr_reaper_kick(window);
	mutex_unlock(&window->lock);

	return wait_event_killable(window->reaper_wait,
				   (long)(READ_ONCE(window->reaper_done) -
					  pass) >= 0 ||
				   READ_ONCE(window->dismantling));
}

/* No pass is running when this returns, and none will. */
void peermr_reaper_stop(struct peermr_window *window)
{
	mutex_lock(&window->lock);
	WRITE_ONCE(window->dismantling, true);
	mutex_unlock(&window->lock);
	cancel_delayed_work_sync(&window->reaper);
	wake_up_all(&window->reaper_wait);
}
