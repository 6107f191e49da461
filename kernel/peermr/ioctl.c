// SPDX-License-Identifier: GPL-2.0
/* The ioctls of include/uapi/linux/peermr.h. */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/pid_namespace.h>
#include <linux/uaccess.h>

#include "peermr.h"

union peermr_ioctl_args {
	struct {
		u32 size;
		u32 flags;
	} head;
	struct peermr_query query;
	struct peermr_alloc alloc;
	struct peermr_free free;
	struct peermr_lookup lookup;
	struct peermr_holder holder;
	struct peermr_revoke revoke;
};

static long peermr_ioctl_query(struct peermr_file *file,
			       union peermr_ioctl_args *args)
{
	struct peermr_window *window = file->window;
	struct peermr_query *query = &args->query;
	long ret = 0;

	mutex_lock(&window->lock);
	query->version = PEERMR_UAPI_VERSION;
	query->mode = window->mode->id;
	query->window_size = window->size;
	query->window_free = window->bytes_free;
	query->granule = peermr_window_granule(window);
	query->quota = window->quota;
	query->quota_used = peermr_account_used(window, file->uid);
	if (window->state != PEERMR_WINDOW_LIVE)
		ret = -ENODEV;
	mutex_unlock(&window->lock);
	return ret;
}

static long peermr_ioctl_alloc(struct peermr_file *file,
			       union peermr_ioctl_args *args)
{
	struct peermr_alloc *alloc = &args->alloc;
	struct peermr_buffer_spec spec = {
		.length = alloc->length,
		.alignment = alloc->alignment,
		.placement = alloc->placement,
		.fixed = alloc->flags & PEERMR_ALLOC_FIXED,
	};
	struct peermr_buffer *buffer;
	long ret;

	buffer = peermr_buffer_create(file, &spec);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);

	alloc->length = buffer->length;
	alloc->placement = buffer->offset;
	alloc->mmap_offset = (u64)buffer->pgoff << PAGE_SHIFT;
	ret = peermr_file_handle_add(file, buffer);
	if (ret)
		peermr_buffer_put(buffer);
	return ret;
}

static void peermr_ioctl_alloc_undo(struct peermr_file *file,
				    union peermr_ioctl_args *args)
{
	peermr_file_handle_drop(file, args->alloc.mmap_offset >> PAGE_SHIFT);
}

static long peermr_ioctl_free(struct peermr_file *file,
			      union peermr_ioctl_args *args)
{
	u64 offset = args->free.mmap_offset;

	if (!PAGE_ALIGNED(offset) || offset > LLONG_MAX)
		return -ENOENT;
	return peermr_file_handle_drop(file, offset >> PAGE_SHIFT);
}

static long peermr_ioctl_lookup(struct peermr_file *file,
				union peermr_ioctl_args *args)
{
	struct peermr_lookup *lookup = &args->lookup;
	struct mm_struct *mm = current->mm;
	struct peermr_buffer *buffer;
	struct vm_area_struct *vma;
	unsigned long address;
	long ret = -ENOENT;

	address = lookup->address;
	if (address != lookup->address || address >= TASK_SIZE)
		return -ENOENT;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, address);
	if (!vma || vma->vm_ops != &peermr_vm_ops)
		goto out_unlock;
	buffer = vma->vm_private_data;
	if (buffer->window != file->window)
		goto out_unlock;
	if (READ_ONCE(buffer->revoked)) {
		ret = -ENODEV;
		goto out_unlock;
	}

	lookup->start = vma->vm_start;
	lookup->length = vma->vm_end - vma->vm_start;
	lookup->offset = ((u64)(vma->vm_pgoff - buffer->pgoff) << PAGE_SHIFT) +
			 (address - vma->vm_start);
	lookup->buffer_length = buffer->length;
	lookup->placement = buffer->offset;
	lookup->mmap_offset = (u64)buffer->pgoff << PAGE_SHIFT;
	ret = 0;
out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

static void peermr_holder_fill(struct peermr_holder *holder,
			       struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;

	holder->placement = buffer->offset;
	holder->length = buffer->length;
	holder->pinned = window->mode->pinned(window, buffer->offset,
					      buffer->length);
	holder->mappings = atomic_read(&buffer->mappings);
	holder->state = PEERMR_STATE_LIVE;
	if (buffer->revoked)
		holder->state = PEERMR_STATE_REVOKED;
	if (!list_empty(&buffer->dying))
		holder->state = PEERMR_STATE_QUARANTINED;
	holder->pid = pid_nr_ns(buffer->opener, task_active_pid_ns(current));
	holder->uid = from_kuid_munged(current_user_ns(),
				       peermr_account_uid(buffer->account));
	BUILD_BUG_ON(sizeof(holder->comm) != sizeof(buffer->comm));
	memcpy(holder->comm, buffer->comm, sizeof(holder->comm));
}

static long peermr_ioctl_holder(struct peermr_file *file,
				union peermr_ioctl_args *args)
{
	struct peermr_window *window = file->window;
	bool all = capable(CAP_SYS_ADMIN);
	u64 offset = args->holder.placement;
	struct peermr_buffer *buffer;
	long ret = -ENOENT;

	mutex_lock(&window->lock);
	while ((buffer = peermr_extent_next(window, &offset))) {
		if (all || uid_eq(peermr_account_uid(buffer->account),
				  file->uid)) {
			peermr_holder_fill(&args->holder, buffer);
			ret = 0;
			break;
		}
		offset += buffer->length;
	}
	mutex_unlock(&window->lock);
	return ret;
}

static long peermr_ioctl_revoke(struct peermr_file *file,
				union peermr_ioctl_args *args)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!(args->revoke.flags & PEERMR_REVOKE_FORCE))
		return peermr_window_revoke_unused(file->window);
	peermr_window_revoke(file->window);
	return peermr_window_wait_idle(file->window, true);
}

/**
 * struct peermr_ioctl_desc - one request
 * @size: of the structure as this kernel knows it
 * @min_size: of its first published version
 * @flags: those that are known
 * @answer: the structure is written back
 * @call: does it
 * @undo: reverses @call when its result could not be told
 */
struct peermr_ioctl_desc {
	u32 size;
	u32 min_size;
	u32 flags;
	bool answer;
	long (*call)(struct peermr_file *file, union peermr_ioctl_args *args);
	void (*undo)(struct peermr_file *file, union peermr_ioctl_args *args);
};

static const struct peermr_ioctl_desc peermr_ioctls[] = {
	[_IOC_NR(PEERMR_IOC_QUERY)] = {
		.size = sizeof(struct peermr_query),
		.min_size = 56,
		.answer = true,
		.call = peermr_ioctl_query,
	},
	[_IOC_NR(PEERMR_IOC_ALLOC)] = {
		.size = sizeof(struct peermr_alloc),
		.min_size = 40,
		.flags = PEERMR_ALLOC_FIXED,
		.answer = true,
		.call = peermr_ioctl_alloc,
		.undo = peermr_ioctl_alloc_undo,
	},
	[_IOC_NR(PEERMR_IOC_FREE)] = {
		.size = sizeof(struct peermr_free),
		.min_size = 16,
		.call = peermr_ioctl_free,
	},
	[_IOC_NR(PEERMR_IOC_LOOKUP)] = {
		.size = sizeof(struct peermr_lookup),
		.min_size = 64,
		.answer = true,
		.call = peermr_ioctl_lookup,
	},
	[_IOC_NR(PEERMR_IOC_HOLDER)] = {
		.size = sizeof(struct peermr_holder),
		.min_size = 64,
		.answer = true,
		.call = peermr_ioctl_holder,
	},
	[_IOC_NR(PEERMR_IOC_REVOKE)] = {
		.size = sizeof(struct peermr_revoke),
		.min_size = 8,
		.flags = PEERMR_REVOKE_FORCE,
		.call = peermr_ioctl_revoke,
	},
};

long peermr_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct peermr_file *file = filp->private_data;
	const struct peermr_ioctl_desc *desc;
	unsigned int nr = _IOC_NR(cmd);
	void __user *user = (void __user *)arg;
	union peermr_ioctl_args args = {};
	u32 size;
	long ret;

	if (_IOC_TYPE(cmd) != PEERMR_IOC_MAGIC ||
	    nr >= ARRAY_SIZE(peermr_ioctls))
		return -ENOTTY;
	desc = &peermr_ioctls[array_index_nospec(nr,
						 ARRAY_SIZE(peermr_ioctls))];

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < desc->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&args, desc->size, user, size);
	if (ret)
		return ret;
	if (args.head.flags & ~desc->flags)
		return -EINVAL;

	ret = desc->call(file, &args);
	if (ret || !desc->answer)
		return ret;

	args.head.size = size;
	if (copy_to_user(user, &args, min(size, desc->size))) {
		if (desc->undo)
			desc->undo(file, &args);
		return -EFAULT;
	}
	return 0;
}
