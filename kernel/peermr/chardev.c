// SPDX-License-Identifier: GPL-2.0
/* The character device: open files and the handles of their buffers. */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "peermr.h"

static int peermr_open(struct inode *inode, struct file *filp)
{
	struct peermr_window *window =
		container_of(inode->i_cdev, struct peermr_window, cdev);
	struct peermr_file *file;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;

	get_device(&window->dev);
	file->window = window;
	mutex_init(&file->lock);
	mt_init_flags(&file->handles, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&file->handles, &file->lock);
	file->writable = filp->f_mode & FMODE_WRITE;
	file->uid = filp->f_cred->euid;
	file->opener = get_pid(task_tgid(current));
	get_task_comm(file->comm, current->group_leader);

	/*
	 * One mapping per window, whatever inode the node has, and whoever
	 * made it: what is not in there escapes revocation.
	 */
	filp->f_mapping = peermr_window_mapping(window);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int peermr_release(struct inode *inode, struct file *filp)
{
	struct peermr_file *file = filp->private_data;
	struct peermr_buffer *buffer;
	unsigned long index = 0;

	mt_for_each(&file->handles, buffer, index, ULONG_MAX)
		peermr_buffer_put(buffer);
	mutex_lock(&file->lock);
	__mt_destroy(&file->handles);
	mutex_unlock(&file->lock);
	put_pid(file->opener);
	put_device(&file->window->dev);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

/* Give @file a handle on @buffer; the handle takes over the reference. */
int peermr_file_handle_add(struct peermr_file *file,
			   struct peermr_buffer *buffer)
{
	unsigned long last =
		buffer->pgoff + (buffer->length >> PAGE_SHIFT) - 1;
	int ret;

	MA_STATE(mas, &file->handles, buffer->pgoff, last);
	mutex_lock(&file->lock);
	ret = mas_store_gfp(&mas, buffer, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&file->lock);
	return ret;
}

/* Drop the handle @pgoff: 0, -ENOENT or -ENOMEM. */
int peermr_file_handle_drop(struct peermr_file *file, unsigned long pgoff)
{
	struct peermr_buffer *buffer;
	int ret = -ENOENT;

	MA_STATE(mas, &file->handles, pgoff, pgoff);
	mutex_lock(&file->lock);
	buffer = mas_walk(&mas);
	if (buffer && buffer->pgoff == pgoff) {
		/* Not mas_erase(), which does not tell when it had no memory. */
		mas_set_range(&mas, pgoff,
			      pgoff + (buffer->length >> PAGE_SHIFT) - 1);
		ret = mas_store_gfp(&mas, NULL, GFP_KERNEL);
	}
	mutex_unlock(&file->lock);
	if (!ret)
		peermr_buffer_put(buffer);
	return ret;
}

/* The buffer whose handle covers @pgoff, with a reference, or NULL. */
struct peermr_buffer *peermr_file_handle_find(struct peermr_file *file,
					      unsigned long pgoff)
{
	struct peermr_buffer *buffer;

	MA_STATE(mas, &file->handles, pgoff, pgoff);
	mutex_lock(&file->lock);
	buffer = mas_walk(&mas);
	if (buffer)
		peermr_buffer_get(buffer);
	mutex_unlock(&file->lock);
	return buffer;
}

const struct file_operations peermr_fops = {
	.owner = THIS_MODULE,
	.open = peermr_open,
	.release = peermr_release,
	.unlocked_ioctl = peermr_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = peermr_mmap,
	.get_unmapped_area = thp_get_unmapped_area,
};
