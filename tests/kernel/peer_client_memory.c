// SPDX-License-Identifier: GPL-2.0
/* The test clients' memory: as device memory, it has no pages for GUP. */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "peer_client.h"

static void peer_memory_get(struct peer_memory *memory)
{
	refcount_inc(&memory->refs);
}

void peer_memory_put(struct peer_memory *memory)
{
	if (!refcount_dec_and_test(&memory->refs))
		return;
	vfree(memory->bytes);
	kfree(memory);
}

static void peer_vma_open(struct vm_area_struct *vma)
{
	peer_memory_get(vma->vm_private_data);
}

static void peer_vma_close(struct vm_area_struct *vma)
{
	peer_memory_put(vma->vm_private_data);
}

static const struct vm_operations_struct peer_vm_ops = {
	.open = peer_vma_open,
	.close = peer_vma_close,
};

/* The memory of @client's that all of a range maps, with a reference. */
struct peer_memory *peer_memory_find(struct peer_client *client,
				     unsigned long address, size_t size,
				     size_t *offset)
{
	struct mm_struct *mm = current->mm;
	struct peer_memory *memory = NULL;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, address);
	if (vma && vma->vm_ops == &peer_vm_ops &&
	    size <= vma->vm_end - address) {
		memory = vma->vm_private_data;
		*offset = (vma->vm_pgoff << PAGE_SHIFT) +
			  (address - vma->vm_start);
	}
	if (memory && memory->client == client)
		peer_memory_get(memory);
	else
		memory = NULL;
	mmap_read_unlock(mm);
	return memory;
}

static int peer_memory_alloc(struct peer_memory *memory, size_t size)
{
	int ret = 0;

	mutex_lock(&memory->lock);
	if (memory->bytes) {
		ret = memory->size == size ? 0 : -EBUSY;
	} else {
		memory->bytes = vzalloc(size);
		memory->size = size;
		ret = memory->bytes ? 0 : -ENOMEM;
	}
	mutex_unlock(&memory->lock);
	return ret;
}

static int peer_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct peer_memory *memory = file->private_data;
	size_t size = vma->vm_end - vma->vm_start;
	size_t at;
	int ret;

	if (vma->vm_pgoff || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	ret = peer_memory_alloc(memory, size);
	for (at = 0; !ret && at < size; at += PAGE_SIZE)
		ret = remap_pfn_range(vma, vma->vm_start + at,
				      vmalloc_to_pfn(memory->bytes + at),
				      PAGE_SIZE, vma->vm_page_prot);
	if (ret)
		return ret;
	peer_memory_get(memory);
	vma->vm_private_data = memory;
	vma->vm_ops = &peer_vm_ops;
	return 0;
}

static int peer_open(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;
	struct peer_memory *memory;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	refcount_set(&memory->refs, 1);
	memory->client = container_of(misc, struct peer_client, misc);
	mutex_init(&memory->revoke);
	mutex_init(&memory->lock);
	INIT_LIST_HEAD(&memory->ranges);
	file->private_data = memory;
	return 0;
}

static int peer_release(struct inode *inode, struct file *file)
{
	peer_memory_put(file->private_data);
	return 0;
}

/* The next registration after @core_context; 0: there is none. */
static u64 peer_memory_next(struct peer_memory *memory, u64 core_context)
{
	struct peer_range *range;
	u64 next = 0;

	mutex_lock(&memory->lock);
	list_for_each_entry(range, &memory->ranges, node)
		if (range->core_context > core_context &&
		    (!next || range->core_context < next))
			next = range->core_context;
	mutex_unlock(&memory->lock);
	return next;
}

/* As a client does that undoes the mapping itself: its lock is held. */
static void peer_memory_revoke(struct peer_memory *memory, u64 core_context)
{
	struct peer_client *client = memory->client;
	struct peer_range *range;

	mutex_lock(&memory->revoke);
	client->invalidate(client->handle, core_context);
	mutex_lock(&memory->lock);
	list_for_each_entry(range, &memory->ranges, node)
		if (range->core_context == core_context)
			peer_range_undo(range, true);
	mutex_unlock(&memory->lock);
	mutex_unlock(&memory->revoke);
}

static int peer_memory_invalidate(struct peer_memory *memory)
{
	struct peer_client *client = memory->client;
	u64 id = 0;

	if (!client->invalidate)
		return -EOPNOTSUPP;
	while ((id = peer_memory_next(memory, id)))
		if (client->ex.ex.flags & PEER_MEM_INVALIDATE_UNMAPS)
			peer_memory_revoke(memory, id);
		else
			client->invalidate(client->handle, id);
	return 0;
}

/* "invalidate", or a core_context that may be none. */
static ssize_t peer_write(struct file *file, const char __user *buffer,
			  size_t count, loff_t *offset)
{
	struct peer_memory *memory = file->private_data;
	char command[32] = "";
	u64 id;
	int ret;

	if (count >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, buffer, count))
		return -EFAULT;
	if (sysfs_streq(command, "invalidate")) {
		ret = peer_memory_invalidate(memory);
	} else {
		ret = kstrtou64(command, 0, &id);
		if (!ret && memory->client->invalidate)
			memory->client->invalidate(memory->client->handle, id);
	}
	return ret ?: count;
}

const struct file_operations peer_fops = {
	.owner = THIS_MODULE,
	.open = peer_open,
	.release = peer_release,
	.mmap = peer_mmap,
	.write = peer_write,
};
