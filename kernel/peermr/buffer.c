// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers: created by an open file, kept by its handle and by VMAs, and given
 * to the reaper when both are gone.
 */

#include <linux/log2.h>
#include <linux/math.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "peermr.h"
#include "trace.h"

/* Who may have been given the memory of a buffer. */
static const struct peermr_consumer_ops * const peermr_consumers[] = {
	&peermr_vma_consumer,
	&peermr_dmabuf_consumer,
	NULL,
};

/* Round @spec->length up to granules. */
static int peermr_buffer_length(struct peermr_window *window,
				const struct peermr_buffer_spec *spec,
				u64 *length)
{
	u64 mask = peermr_window_granule(window) - 1;

	if (!spec->length ||
	    (spec->alignment && !is_power_of_2(spec->alignment)))
		return -EINVAL;
	if (spec->length > window->size)
		return -ENOSPC;
	if (check_add_overflow(spec->length, mask, length))
		return -ENOSPC;
	*length &= ~mask;
	return 0;
}

/* Pin the owner, charge, number and place @buffer: all or nothing. */
static int peermr_buffer_place(struct peermr_buffer *buffer, kuid_t uid,
			       const struct peermr_buffer_spec *spec)
{
	struct peermr_window *window = buffer->window;
	int ret;

	lockdep_assert_held(&window->lock);
	if (window->state != PEERMR_WINDOW_LIVE)
		return -ENODEV;

	/* A live window has its owner; it must not go while memory is out. */
	if (!try_module_get(window->owner))
		return -ENODEV;

	buffer->account = peermr_account_charge(window, uid, buffer->length);
	if (IS_ERR(buffer->account)) {
		ret = PTR_ERR(buffer->account);
		goto err_module;
	}

	ret = peermr_handle_insert(buffer);
	if (ret)
		goto err_uncharge;

	ret = peermr_extent_insert(buffer, spec);
	if (ret)
		goto err_handle;
	return 0;

err_handle:
	peermr_handle_erase(buffer);
err_uncharge:
	peermr_account_uncharge(window, buffer->account, buffer->length);
err_module:
	buffer->account = NULL;
	module_put(window->owner);
	return ret;
}

static int peermr_buffer_place_wait(struct peermr_buffer *buffer, kuid_t uid,
				    const struct peermr_buffer_spec *spec)
{
	struct peermr_window *window = buffer->window;
	bool waited = false;
	int ret;

	for (;;) {
		bool dying;

		mutex_lock(&window->lock);
		ret = peermr_buffer_place(buffer, uid, spec);
		dying = window->bytes_dying;
		mutex_unlock(&window->lock);

		if (ret != -ENOSPC && ret != -EDQUOT && ret != -EBUSY)
			return ret;
		if (!dying || waited)
			return ret;

		/* What was freed a moment ago may be on its way back. */
		waited = true;
		if (peermr_reaper_wait(window))
			return -EINTR;
	}
}

/**
 * peermr_buffer_create() - allocate a buffer for an open file
 * @file: who asks; its user is charged
 * @spec: length, alignment and placement, as the caller gave them
 *
 * Return: the buffer with one reference, or ERR_PTR: see struct peermr_alloc.
 */
struct peermr_buffer *
peermr_buffer_create(struct peermr_file *file,
		     const struct peermr_buffer_spec *spec)
{
	struct peermr_window *window = file->window;
	struct peermr_buffer *buffer;
	int ret;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return ERR_PTR(-ENOMEM);

	kref_init(&buffer->refs);
	buffer->window = window;
	INIT_LIST_HEAD(&buffer->dying);
	INIT_LIST_HEAD(&buffer->exports);
	mutex_init(&buffer->expose_lock);
	ret = peermr_buffer_length(window, spec, &buffer->length);
	if (ret)
		goto err_free;

	buffer->opener = get_pid(file->opener);
	memcpy(buffer->comm, file->comm, sizeof(buffer->comm));
	get_device(&window->dev);
	ret = peermr_buffer_place_wait(buffer, file->uid, spec);
	if (ret) {
		peermr_buffer_destroy(buffer);
		return ERR_PTR(ret);
	}

	trace_peermr_alloc(buffer);
	return buffer;

err_free:
	mutex_destroy(&buffer->expose_lock);
	kfree(buffer);
	return ERR_PTR(ret);
}

/* Free a buffer without users and without an extent. */
void peermr_buffer_destroy(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;

	if (buffer->pgoff) {
		mutex_lock(&window->lock);
		peermr_handle_erase(buffer);
		mutex_unlock(&window->lock);
	}
	put_pid(buffer->opener);
	mutex_destroy(&buffer->expose_lock);
	kfree(buffer);
	put_device(&window->dev);
}

/* The last user is gone. Pins may remain: what is left is the reaper's. */
static void peermr_buffer_retire(struct kref *refs)
{
	struct peermr_buffer *buffer =
		container_of(refs, struct peermr_buffer, refs);
	struct peermr_window *window = buffer->window;
	bool dead = false;

	mutex_lock(&window->lock);
	if (buffer->backing == PEERMR_BACKING_EXTENT) {
		list_add_tail(&buffer->dying, &window->dying);
		window->bytes_dying += buffer->length;
		peermr_reaper_kick(window);
	} else {
		dead = true;
	}
	mutex_unlock(&window->lock);
	if (dead)
		peermr_buffer_destroy(buffer);
}

void peermr_buffer_get(struct peermr_buffer *buffer)
{
	kref_get(&buffer->refs);
}

void peermr_buffer_put(struct peermr_buffer *buffer)
{
	kref_put(&buffer->refs, peermr_buffer_retire);
}

/* Zero what of a buffer is not yet visible: 0, -ENODEV, or -EINTR if killed. */
int peermr_buffer_expose(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;
	u64 granule = peermr_window_granule(window);
	u64 offset;
	int idx;

	/* It never becomes less, and may be asked for with each registration. */
	if (smp_load_acquire(&buffer->exposed))
		return READ_ONCE(buffer->revoked) ? -ENODEV : 0;
	for (offset = 0; offset < buffer->length; offset += granule) {
		if (fatal_signal_pending(current))
			return -EINTR;
		idx = srcu_read_lock(&window->srcu);
		if (READ_ONCE(buffer->revoked)) {
			srcu_read_unlock(&window->srcu, idx);
			return -ENODEV;
		}
		peermr_granules_expose(buffer, offset, granule);
		srcu_read_unlock(&window->srcu, idx);
		cond_resched();
	}
	/* Pairs with smp_load_acquire() above: the zeroes come first. */
	smp_store_release(&buffer->exposed, true);
	return 0;
}

/* Take the memory of a buffer, already marked as revoked, from its users. */
void peermr_buffer_revoke(struct peermr_buffer *buffer)
{
	const struct peermr_consumer_ops * const *ops;

	lockdep_assert_held(&buffer->window->lock);
	for (ops = peermr_consumers; *ops; ops++)
		(*ops)->zap(buffer);
}

/* Log who still has the memory of a revoked buffer. */
void peermr_buffer_describe(struct peermr_buffer *buffer)
{
	const struct peermr_consumer_ops * const *ops;

	lockdep_assert_held(&buffer->window->lock);
	dev_warn(&buffer->window->dev,
		 "waiting for DMA to end, among others that of %s (pid %d)\n",
		 buffer->comm, pid_nr(buffer->opener));
	for (ops = peermr_consumers; *ops; ops++)
		if ((*ops)->describe)
			(*ops)->describe(buffer);
}

/* Nobody outside peermr has the memory of this unmapped buffer any more. */
bool peermr_buffer_drained(struct peermr_buffer *buffer)
{
	const struct peermr_consumer_ops * const *ops;

	for (ops = peermr_consumers; *ops; ops++)
		if (!(*ops)->drained(buffer))
			return false;
	return true;
}

/*
 * Separate a drained, scrubbed buffer from its extent. A dying one is freed;
 * one that still has users stays behind without memory.
 */
void peermr_buffer_detach(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;
	bool dead = false;

	mutex_lock(&window->lock);
	if (!peermr_extent_erase(buffer)) {
		mutex_unlock(&window->lock);
		return;
	}
	trace_peermr_free(buffer);
	peermr_account_uncharge(window, buffer->account, buffer->length);
	buffer->account = NULL;
	if (!list_empty(&buffer->dying)) {
		list_del_init(&buffer->dying);
		window->bytes_dying -= buffer->length;
		dead = true;
	}
	mutex_unlock(&window->lock);

	module_put(window->owner);
	if (dead)
		peermr_buffer_destroy(buffer);
}
