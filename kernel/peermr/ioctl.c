// SPDX-License-Identifier: GPL-2.0
/* The ioctls of include/uapi/linux/peermr.h. */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
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
	struct peermr_export export;
};

/**
 * struct peermr_request - an ioctl on its way
 * @args: as the caller gave them, and then as it gets them
 * @dmabuf: made by PEERMR_IOC_EXPORT, not yet the caller's
 */
struct peermr_request {
	union peermr_ioctl_args args;
	struct dma_buf *dmabuf;
};

static long peermr_ioctl_query(struct peermr_file *file,
			       struct peermr_request *request)
{
	struct peermr_window *window = file->window;
	struct peermr_query *query = &request->args.query;
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
			       struct peermr_request *request)
{
	struct peermr_alloc *alloc = &request->args.alloc;
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

static void peermr_ioctl_alloc_finish(struct peermr_file *file,
				      struct peermr_request *request,
				      bool told)
{
	u64 offset = request->args.alloc.mmap_offset;

	if (!told)
		peermr_file_handle_drop(file, offset >> PAGE_SHIFT);
}

static long peermr_ioctl_free(struct peermr_file *file,
			      struct peermr_request *request)
{
	u64 offset = request->args.free.mmap_offset;

	if (!PAGE_ALIGNED(offset) || offset > LLONG_MAX)
		return -ENOENT;
	return peermr_file_handle_drop(file, offset >> PAGE_SHIFT);
}

/*
 * What of @window is mapped at @address in the calling process, and @writable
 * if it has to be: fills @lookup and returns the buffer with a reference, or
 * ERR_PTR.
 */
static struct peermr_buffer *peermr_lookup(struct peermr_window *window,
					   u64 address, bool writable,
					   struct peermr_lookup *lookup)
{
	struct mm_struct *mm = current->mm;
	struct peermr_buffer *buffer;
	struct vm_area_struct *vma;

	if (address >= TASK_SIZE)
		return ERR_PTR(-ENOENT);
	if (mmap_read_lock_killable(mm))
		return ERR_PTR(-EINTR);

	buffer = ERR_PTR(-ENOENT);
	vma = vma_lookup(mm, address);
	if (!vma || vma->vm_ops != &peermr_vm_ops)
		goto out_unlock;
	buffer = vma->vm_private_data;
	if (buffer->window != window) {
		buffer = ERR_PTR(-ENOENT);
		goto out_unlock;
	}
	if (writable && !(vma->vm_flags & VM_MAYWRITE)) {
		buffer = ERR_PTR(-EACCES);
		goto out_unlock;
	}
	if (READ_ONCE(buffer->revoked)) {
		buffer = ERR_PTR(-ENODEV);
		goto out_unlock;
	}

	peermr_buffer_get(buffer);
	lookup->start = vma->vm_start;
	lookup->length = vma->vm_end - vma->vm_start;
	lookup->offset = peermr_vma_buffer_offset(vma, address);
	lookup->buffer_length = buffer->length;
	lookup->placement = buffer->offset;
	lookup->mmap_offset = (u64)buffer->pgoff << PAGE_SHIFT;
out_unlock:
	mmap_read_unlock(mm);
	return buffer;
}

static long peermr_ioctl_lookup(struct peermr_file *file,
				struct peermr_request *request)
{
	struct peermr_lookup *lookup = &request->args.lookup;
	struct peermr_buffer *buffer;

	buffer = peermr_lookup(file->window, lookup->address, false, lookup);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	peermr_buffer_put(buffer);
	return 0;
}

/* The buffer that a request to export means, with a reference, or ERR_PTR. */
static struct peermr_buffer *
peermr_export_buffer(struct peermr_file *file, struct peermr_export *export)
{
	struct peermr_lookup lookup = {};
	struct peermr_buffer *buffer;
	u64 handle = export->mmap_offset;

	/* A dma-buf can be written to. */
	if (!file->writable)
		return ERR_PTR(-EACCES);

	if (export->flags & PEERMR_EXPORT_ADDRESS) {
		buffer = peermr_lookup(file->window, export->address, true,
				       &lookup);
		export->offset = lookup.offset;
		return buffer;
	}

	if (!PAGE_ALIGNED(handle) || handle > LLONG_MAX)
		return ERR_PTR(-ENOENT);
	buffer = peermr_file_handle_find(file, handle >> PAGE_SHIFT);
	if (buffer && buffer->pgoff != handle >> PAGE_SHIFT) {
		peermr_buffer_put(buffer);
		buffer = NULL;
	}
	return buffer ?: ERR_PTR(-ENOENT);
}

static long peermr_ioctl_export(struct peermr_file *file,
				struct peermr_request *request)
{
	struct peermr_export *export = &request->args.export;
	struct peermr_buffer *buffer;
	long ret;

	if (export->reserved)
		return -EINVAL;
	buffer = peermr_export_buffer(file, export);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);

	ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		goto out_put;
	export->fd = ret;

	request->dmabuf = peermr_buffer_export(buffer);
	ret = PTR_ERR_OR_ZERO(request->dmabuf);
	if (ret)
		put_unused_fd(export->fd);
	export->length = buffer->length;
out_put:
	peermr_buffer_put(buffer);
	return ret;
}

/* Once installed the fd is the caller's, who may close it at once. */
static void peermr_ioctl_export_finish(struct peermr_file *file,
				       struct peermr_request *request,
				       bool told)
{
	if (told) {
		fd_install(request->args.export.fd, request->dmabuf->file);
		return;
	}
	put_unused_fd(request->args.export.fd);
	dma_buf_put(request->dmabuf);
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
				struct peermr_request *request)
{
	struct peermr_window *window = file->window;
	bool all = capable(CAP_SYS_ADMIN);
	u64 offset = request->args.holder.placement;
	struct peermr_buffer *buffer;
	long ret = -ENOENT;

	mutex_lock(&window->lock);
	while ((buffer = peermr_extent_next(window, &offset))) {
		if (all || uid_eq(peermr_account_uid(buffer->account),
				  file->uid)) {
			peermr_holder_fill(&request->args.holder, buffer);
			ret = 0;
			break;
		}
		offset += buffer->length;
	}
	mutex_unlock(&window->lock);
	return ret;
}

static long peermr_ioctl_revoke(struct peermr_file *file,
				struct peermr_request *request)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!(request->args.revoke.flags & PEERMR_REVOKE_FORCE))
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
 * @finish: makes the result final, or undoes it if it could not be told
 */
struct peermr_ioctl_desc {
	u32 size;
	u32 min_size;
	u32 flags;
	bool answer;
	long (*call)(struct peermr_file *file, struct peermr_request *request);
	void (*finish)(struct peermr_file *file,
		       struct peermr_request *request, bool told);
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
		.finish = peermr_ioctl_alloc_finish,
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
	[_IOC_NR(PEERMR_IOC_EXPORT)] = {
		.size = sizeof(struct peermr_export),
		.min_size = 48,
		.flags = PEERMR_EXPORT_ADDRESS,
		.answer = true,
		.call = peermr_ioctl_export,
		.finish = peermr_ioctl_export_finish,
	},
};

long peermr_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct peermr_file *file = filp->private_data;
	const struct peermr_ioctl_desc *desc;
	unsigned int nr = _IOC_NR(cmd);
	void __user *user = (void __user *)arg;
	struct peermr_request request = {};
	u32 size;
	bool told;
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
	ret = copy_struct_from_user(&request.args, desc->size, user, size);
	if (ret)
		return ret;
	if (request.args.head.flags & ~desc->flags)
		return -EINVAL;

	ret = desc->call(file, &request);
	if (ret || !desc->answer)
		return ret;

	request.args.head.size = size;
	told = !copy_to_user(user, &request.args, min(size, desc->size));
	if (desc->finish)
		desc->finish(file, &request, told);
	return told ? 0 : -EFAULT;
}
