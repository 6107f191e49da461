// SPDX-License-Identifier: GPL-2.0
/* The node of a device: edu_uapi.h says what it takes. */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "edu.h"

static int edu_open(struct inode *inode, struct file *filp)
{
	struct edu_import *import;

	import = kzalloc(sizeof(*import), GFP_KERNEL);
	if (!import)
		return -ENOMEM;
	import->edu = container_of(filp->private_data, struct edu_device, misc);
	mutex_init(&import->lock);
	filp->private_data = import;
	return nonseekable_open(inode, filp);
}

static int edu_release(struct inode *inode, struct file *filp)
{
	struct edu_import *import = filp->private_data;

	edu_import_end(import);
	mutex_destroy(&import->lock);
	kfree(import);
	return 0;
}

static int edu_ioctl_import(struct edu_import *import, void __user *user)
{
	struct edu_import_args args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	return edu_import_attach(import, &args);
}

static int edu_ioctl_state(struct edu_import *import, void __user *user)
{
	struct edu_state state = {};

	edu_import_state(import, &state);
	return copy_to_user(user, &state, sizeof(state)) ? -EFAULT : 0;
}

static int edu_ioctl_segment(struct edu_import *import, void __user *user)
{
	struct edu_segment segment;
	int ret;

	if (copy_from_user(&segment, user, sizeof(segment)))
		return -EFAULT;
	ret = edu_import_segment(import, &segment);
	if (ret)
		return ret;
	return copy_to_user(user, &segment, sizeof(segment)) ? -EFAULT : 0;
}

/* Between @data and what @cmd is about. */
static int edu_ioctl_move(struct edu_import *import, unsigned int cmd,
			  const struct edu_transfer *transfer, void *data)
{
	bool from = transfer->flags & EDU_TRANSFER_FROM;

	switch (cmd) {
	case EDU_IOC_REPLAY:
		return edu_engine_move(import->edu, transfer->at, data,
				       transfer->length, from);
	case EDU_IOC_MR:
		return edu_nic_transfer(import->edu,
					transfer->flags >> EDU_TRANSFER_KEY_SHIFT,
					transfer->at, data, transfer->length,
					from);
	default:
		return edu_import_transfer(import, transfer->at, data,
					   transfer->length, from);
	}
}

static int edu_ioctl_transfer(struct edu_import *import, unsigned int cmd,
			      void __user *user)
{
	struct edu_transfer transfer;
	void __user *memory;
	void *data;
	bool from;
	int ret;

	if (copy_from_user(&transfer, user, sizeof(transfer)))
		return -EFAULT;
	if (!transfer.length || transfer.length > EDU_TRANSFER_MAX)
		return -EINVAL;
	memory = u64_to_user_ptr(transfer.user);
	from = transfer.flags & EDU_TRANSFER_FROM;

	/* The caller's memory is not to be touched under a reservation lock. */
	data = kzalloc(transfer.length, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	ret = -EFAULT;
	if (!from && copy_from_user(data, memory, transfer.length))
		goto out_free;
	ret = edu_ioctl_move(import, cmd, &transfer, data);
	if (!ret && from && copy_to_user(memory, data, transfer.length))
		ret = -EFAULT;
out_free:
	kfree(data);
	return ret;
}

static int edu_ioctl_imported(struct edu_import *import, unsigned int cmd,
			      void __user *user)
{
	switch (cmd) {
	case EDU_IOC_MAP:
		return edu_import_map(import);
	case EDU_IOC_UNMAP:
		edu_import_unmap(import);
		return 0;
	case EDU_IOC_STATE:
		return edu_ioctl_state(import, user);
	case EDU_IOC_SEGMENT:
		return edu_ioctl_segment(import, user);
	case EDU_IOC_TRANSFER:
		return edu_ioctl_transfer(import, cmd, user);
	case EDU_IOC_BEGIN:
		return edu_import_begin(import);
	case EDU_IOC_FINISH:
		edu_import_finish(import);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long edu_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct edu_import *import = filp->private_data;
	void __user *user = (void __user *)arg;

	if (cmd == EDU_IOC_IMPORT)
		return edu_ioctl_import(import, user);
	if (cmd == EDU_IOC_REPLAY || cmd == EDU_IOC_MR)
		return edu_ioctl_transfer(import, cmd, user);
	/* Pairs with the release in edu_import_attach(). */
	if (!smp_load_acquire(&import->attach))
		return -ENOTCONN;
	return edu_ioctl_imported(import, cmd, user);
}

const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.open = edu_open,
	.release = edu_release,
	.unlocked_ioctl = edu_ioctl,
};
