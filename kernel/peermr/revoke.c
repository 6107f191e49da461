// SPDX-License-Identifier: GPL-2.0
/* Taking memory back: for good, for a reset, and the wait for the last pin. */

#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "peermr.h"
#include "trace.h"

#define PEERMR_WAIT_MIN		(HZ / 100 ?: 1)
#define PEERMR_WAIT_MAX		(HZ / 2)
#define PEERMR_WAIT_LOG		(10 * HZ)

/*
 * Every buffer loses its memory: no fault maps it any more, existing mappings
 * are gone. Pins on the page path survive; peermr_window_wait_idle() waits for
 * them. The window's state keeps new buffers away. Callers may overlap: each
 * returns after the zap.
 */
static void peermr_window_take_back(struct peermr_window *window)
{
	struct peermr_buffer *buffer;
	u64 offset;

	mutex_lock(&window->lock);
	for (offset = 0; (buffer = peermr_extent_next(window, &offset));
	     offset += buffer->length)
		WRITE_ONCE(buffer->revoked, true);
	mutex_unlock(&window->lock);

	/* Ends the faults that still saw a live buffer. */
	synchronize_srcu(&window->srcu);

	mutex_lock(&window->lock);
	for (offset = 0; (buffer = peermr_extent_next(window, &offset));
	     offset += buffer->length)
		peermr_buffer_revoke(buffer);
	mutex_unlock(&window->lock);
	trace_peermr_revoke(window);
}

/* Revoke the window for good. */
void peermr_window_revoke(struct peermr_window *window)
{
	mutex_lock(&window->lock);
	WRITE_ONCE(window->state, PEERMR_WINDOW_REVOKED);
	mutex_unlock(&window->lock);
	peermr_window_take_back(window);
}

/* Go on to @state if no buffer exists. @dying: some are on their way back. */
static int peermr_window_try_enter(struct peermr_window *window,
				   enum peermr_window_state state, bool *dying)
{
	int ret = 0;

	mutex_lock(&window->lock);
	*dying = window->bytes_dying;
	if (window->nr_buffers)
		ret = -EBUSY;
	else if (window->state < state)
		WRITE_ONCE(window->state, state);
	mutex_unlock(&window->lock);
	return ret;
}

/* 0, -EBUSY or, killed, -EINTR. */
static int peermr_window_enter_unused(struct peermr_window *window,
				      enum peermr_window_state state)
{
	bool dying;
	int ret;

	ret = peermr_window_try_enter(window, state, &dying);
	if (!ret || !dying)
		return ret;

	/* What was freed a moment ago is on its way back. */
	if (peermr_reaper_wait(window))
		return -EINTR;
	return peermr_window_try_enter(window, state, &dying);
}

/* Revoke the window if it holds no buffer: 0, -EBUSY or, killed, -EINTR. */
int peermr_window_revoke_unused(struct peermr_window *window)
{
	return peermr_window_enter_unused(window, PEERMR_WINDOW_REVOKED);
}

/**
 * peermr_window_stop() - the device is about to lose its memory
 * @window: the window
 *
 * For a driver's reset_prepare and error_detected callbacks: every buffer
 * loses its memory (access gives SIGBUS), and no new one can be had until
 * peermr_window_start(). Nor does the module itself access the memory until
 * then. Pins cannot be taken back; the pages they hold are not given to anybody
 * else before they are let go.
 */
void peermr_window_stop(struct peermr_window *window)
{
	mutex_lock(&window->lock);
	WRITE_ONCE(window->stopped, true);
	if (window->state == PEERMR_WINDOW_LIVE)
		WRITE_ONCE(window->state, PEERMR_WINDOW_STOPPED);
	mutex_unlock(&window->lock);
	/* Also waits until nobody zeroes memory any more. */
	peermr_window_take_back(window);
}
EXPORT_SYMBOL_GPL(peermr_window_stop);

/* Name one who has memory of the window. */
static void peermr_window_log_user(struct peermr_window *window)
{
	struct peermr_buffer *buffer;
	u64 offset = 0;

	mutex_lock(&window->lock);
	buffer = peermr_extent_next(window, &offset);
	if (buffer)
		dev_err(&window->dev,
			"cannot stop: %s (pid %d) has memory of it\n",
			buffer->comm, pid_nr(buffer->opener));
	mutex_unlock(&window->lock);
}

/**
 * peermr_window_stop_unused() - stop a window unless somebody has memory of it
 * @window: the window
 *
 * For a driver's suspend callback, as device memory does not survive that:
 * peermr_window_start() belongs into resume. May sleep.
 *
 * Return: 0, and no buffer can be had before peermr_window_start(); -EBUSY if
 * there is one, live, taken back or still pinned, and nothing has changed (the
 * log names who has it); -EINTR if the caller was killed.
 */
int peermr_window_stop_unused(struct peermr_window *window)
{
	int ret;

	ret = peermr_window_enter_unused(window, PEERMR_WINDOW_STOPPED);
	if (ret == -EBUSY)
		peermr_window_log_user(window);
	return ret;
}
EXPORT_SYMBOL_GPL(peermr_window_stop_unused);

/**
 * peermr_window_start() - the device's memory works again
 * @window: the window
 *
 * For reset_done, resume after an error, and resume from a suspend: new buffers
 * can be had; those from before the stop stay dead. Does nothing to a window
 * that is not stopped.
 */
void peermr_window_start(struct peermr_window *window)
{
	mutex_lock(&window->lock);
	WRITE_ONCE(window->stopped, false);
	if (window->state == PEERMR_WINDOW_STOPPED) {
		peermr_granules_spoil(window);
		WRITE_ONCE(window->state, PEERMR_WINDOW_LIVE);
	}
	mutex_unlock(&window->lock);
}
EXPORT_SYMBOL_GPL(peermr_window_start);

/* The first buffer that somebody still has, or NULL. */
static struct peermr_buffer *
peermr_window_undrained(struct peermr_window *window)
{
	struct peermr_buffer *buffer;
	u64 offset = 0;

	lockdep_assert_held(&window->lock);
	while ((buffer = peermr_extent_next(window, &offset))) {
		if (!peermr_buffer_drained(buffer))
			return buffer;
		offset += buffer->length;
	}
	return NULL;
}

static bool peermr_window_idle(struct peermr_window *window, bool log)
{
	struct peermr_buffer *buffer;

	mutex_lock(&window->lock);
	buffer = peermr_window_undrained(window);
	if (buffer && log)
		peermr_buffer_describe(buffer);
	mutex_unlock(&window->lock);
	return !buffer;
}

/*
 * Wait until nobody has memory of a revoked window any more: 0, or -EINTR if
 * @interruptible and a signal came.
 */
int peermr_window_wait_idle(struct peermr_window *window, bool interruptible)
{
	unsigned long delay = PEERMR_WAIT_MIN;
	unsigned long log_at = jiffies + PEERMR_WAIT_LOG;
	unsigned long begin = jiffies;
	bool log = false;

	/* A fast GUP that saw a mapping has its page reference after this. */
	synchronize_rcu();

	while (!peermr_window_idle(window, log)) {
		log = time_after(jiffies, log_at);
		if (log)
			log_at = jiffies + PEERMR_WAIT_LOG;
		if (interruptible) {
			schedule_timeout_interruptible(delay);
			if (signal_pending(current))
				return -EINTR;
		} else {
			schedule_timeout_uninterruptible(delay);
		}
		delay = min_t(unsigned long, 2 * delay, PEERMR_WAIT_MAX);
	}
	trace_peermr_pin_wait(window, jiffies_to_msecs(jiffies - begin));
	return 0;
}
