// SPDX-License-Identifier: GPL-2.0
/* Module set-up: device class, device numbers, the file system of inodes. */

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "compat.h"
#include "peermr.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PEERMR_MINORS		1024
#define PEERMR_FS_MAGIC		0x7065726d	/* "perm" */

static dev_t peermr_devt_base;
static DEFINE_IDA(peermr_minors);
static struct vfsmount *peermr_mnt;

static char *peermr_devnode(peermr_compat_class_dev *dev, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return kasprintf(GFP_KERNEL, "peermr/%s", dev_name(dev));
}

struct class peermr_class = {
	.name = "peermr",
	.devnode = peermr_devnode,
	.dev_groups = peermr_window_groups,
};

int peermr_minor_get(void)
{
	return ida_alloc_max(&peermr_minors, PEERMR_MINORS - 1, GFP_KERNEL);
}

void peermr_minor_put(int minor)
{
	ida_free(&peermr_minors, minor);
}

dev_t peermr_devt(int minor)
{
	return MKDEV(MAJOR(peermr_devt_base), MINOR(peermr_devt_base) + minor);
}

struct inode *peermr_inode_new(void)
{
	return alloc_anon_inode(peermr_mnt->mnt_sb);
}

/* A VMA that has such a file keeps the module. */
static const struct file_operations peermr_pseudo_fops = {
	.owner = THIS_MODULE,
};

/* A file whose mapping is that of @inode, for VMAs that came by another. */
struct file *peermr_file_new(struct inode *inode)
{
	struct file *file;

	/* Both are dropped with the file. */
	__module_get(THIS_MODULE);
	ihold(inode);
	file = alloc_file_pseudo(inode, peermr_mnt, "peermr", O_RDWR,
				 &peermr_pseudo_fops);
	if (IS_ERR(file)) {
		iput(inode);
		module_put(THIS_MODULE);
	}
	return file;
}

static int peermr_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, PEERMR_FS_MAGIC) ? 0 : -ENOMEM;
}

/*
 * Without an owner: the mount lives as long as the module and would otherwise
 * pin it. It is unmounted before the module goes.
 */
static struct file_system_type peermr_fs_type = {
	.name = "peermr",
	.init_fs_context = peermr_fs_init_context,
	.kill_sb = kill_anon_super,
};

static int __init peermr_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&peermr_devt_base, 0, PEERMR_MINORS,
				  "peermr");
	if (ret)
		return ret;

	peermr_mnt = kern_mount(&peermr_fs_type);
	if (IS_ERR(peermr_mnt)) {
		ret = PTR_ERR(peermr_mnt);
		goto err_chrdev;
	}

	ret = class_register(&peermr_class);
	if (ret)
		goto err_mount;

	ret = peermr_pci_register();
	if (ret)
		goto err_class;
	return 0;

err_class:
	class_unregister(&peermr_class);
err_mount:
	kern_unmount(peermr_mnt);
err_chrdev:
	unregister_chrdev_region(peermr_devt_base, PEERMR_MINORS);
	return ret;
}

static void __exit peermr_exit(void)
{
	peermr_pci_unregister();
	class_unregister(&peermr_class);
	kern_unmount(peermr_mnt);
	unregister_chrdev_region(peermr_devt_base, PEERMR_MINORS);
	ida_destroy(&peermr_minors);
}

module_init(peermr_init);
module_exit(peermr_exit);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("RDMA into PCIe device memory");
MODULE_LICENSE("GPL");
peermr_compat_import_dma_buf;
