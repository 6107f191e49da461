// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings. A VMA belongs to one buffer, and its vm_pgoff lies in that
 * buffer's own range of mmap offsets, so that zapping one buffer leaves the
 * others alone. VMAs are inherited over fork() and split by munmap(); each has
 * a reference on the buffer.
 */

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "compat.h"
#include "peermr.h"
#include "trace.h"

static void peermr_vma_open(struct vm_area_struct *vma)
{
	struct peermr_buffer *buffer = vma->vm_private_data;

	peermr_buffer_get(buffer);
	atomic_inc(&buffer->mappings);
}

static void peermr_vma_close(struct vm_area_struct *vma)
{
	struct peermr_buffer *buffer = vma->vm_private_data;

	if (atomic_dec_and_test(&buffer->mappings))
		peermr_buffer_unshare(buffer);
	peermr_buffer_put(buffer);
}

/* Where @order pages around the fault begin in the buffer; false: not there. */
static bool peermr_vma_offset(struct vm_fault *vmf, unsigned int order,
			      u64 *offset)
{
	struct vm_area_struct *vma = vmf->vma;
	struct peermr_buffer *buffer = vma->vm_private_data;
	u64 size = (u64)PAGE_SIZE << order;
	unsigned long address = ALIGN_DOWN(vmf->address, size);
	pgoff_t pgoff;

	if (address < vma->vm_start || vma->vm_end - address < size)
		return false;
	pgoff = vma->vm_pgoff + ((address - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff < buffer->pgoff)
		return false;
	*offset = (u64)(pgoff - buffer->pgoff) << PAGE_SHIFT;
	return *offset < buffer->length && buffer->length - *offset >= size;
}

static vm_fault_t peermr_vma_insert(struct vm_fault *vmf, unsigned int order)
{
	struct peermr_buffer *buffer = vmf->vma->vm_private_data;
	struct peermr_window *window = buffer->window;
	u64 size = (u64)PAGE_SIZE << order;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	phys_addr_t phys;
	u64 offset = 0;
	int idx;

	idx = srcu_read_lock(&window->srcu);
	if (READ_ONCE(buffer->revoked))
		goto out_unlock;

	ret = order ? VM_FAULT_FALLBACK : VM_FAULT_SIGBUS;
	if ((order && order != PMD_ORDER) ||
	    !peermr_vma_offset(vmf, order, &offset))
		goto out_unlock;
	phys = window->phys + buffer->offset + offset;
	if (!IS_ALIGNED(phys, size))
		goto out_unlock;

	peermr_granules_expose(buffer, offset, size);
	ret = window->mode->fault(vmf, phys, order);
out_unlock:
	trace_peermr_fault(buffer, offset, order, ret);
	srcu_read_unlock(&window->srcu, idx);
	return ret;
}

static vm_fault_t peermr_vma_fault(struct vm_fault *vmf)
{
	return peermr_vma_insert(vmf, 0);
}

static vm_fault_t peermr_vma_huge_fault(struct vm_fault *vmf,
					peermr_compat_order_arg order)
{
	return peermr_vma_insert(vmf, peermr_compat_order(order));
}

/* No page_mkwrite, no pfn_mkwrite: either denies long-term pins for writing. */
const struct vm_operations_struct peermr_vm_ops = {
	.open = peermr_vma_open,
	.close = peermr_vma_close,
	.fault = peermr_vma_fault,
	.huge_fault = peermr_vma_huge_fault,
};

/* The buffer that @vma asks for, with a reference. */
static struct peermr_buffer *peermr_mmap_buffer(struct peermr_file *file,
						struct vm_area_struct *vma)
{
	u64 length = vma->vm_end - vma->vm_start;
	struct peermr_buffer_spec spec = { .length = length };
	struct peermr_buffer *buffer;
	u64 offset;

	/* Plain open() and mmap(): a fresh buffer that only this VMA has. */
	if (!vma->vm_pgoff) {
		buffer = peermr_buffer_create(file, &spec);
		if (!IS_ERR(buffer))
			vma->vm_pgoff = buffer->pgoff;
		return buffer;
	}

	buffer = peermr_file_handle_find(file, vma->vm_pgoff);
	if (!buffer)
		return ERR_PTR(-EINVAL);
	offset = (u64)(vma->vm_pgoff - buffer->pgoff) << PAGE_SHIFT;
	if (length > buffer->length - offset) {
		peermr_buffer_put(buffer);
		return ERR_PTR(-EINVAL);
	}
	if (READ_ONCE(buffer->revoked)) {
		peermr_buffer_put(buffer);
		return ERR_PTR(-ENODEV);
	}
	return buffer;
}

/* Make @vma one of @buffer, whose reference it takes over. */
static void peermr_vma_init(struct vm_area_struct *vma,
			    struct peermr_buffer *buffer)
{
	peermr_compat_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	buffer->window->mode->vma_init(vma);
	vma->vm_ops = &peermr_vm_ops;
	vma->vm_private_data = buffer;
	atomic_inc(&buffer->mappings);
}

/*
 * Map part of @buffer into a VMA of its dma-buf. The VMA moves to the window's
 * mapping: elsewhere revocation would not find it.
 */
int peermr_vma_adopt(struct vm_area_struct *vma, struct peermr_buffer *buffer)
{
	struct file *file;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff > buffer->length >> PAGE_SHIFT ||
	    vma_pages(vma) > (buffer->length >> PAGE_SHIFT) - vma->vm_pgoff)
		return -EINVAL;

	file = peermr_file_new(buffer->window->inode);
	if (IS_ERR(file))
		return PTR_ERR(file);
	vma_set_file(vma, file);
	fput(file);
	vma->vm_pgoff += buffer->pgoff;
	peermr_buffer_get(buffer);
	peermr_vma_init(vma, buffer);
	return 0;
}

/* Where in its buffer @vma maps @address. With the mmap_lock held. */
u64 peermr_vma_buffer_offset(const struct vm_area_struct *vma,
			     unsigned long address)
{
	const struct peermr_buffer *buffer = vma->vm_private_data;

	return ((u64)(vma->vm_pgoff - buffer->pgoff) << PAGE_SHIFT) +
	       (address - vma->vm_start);
}

int peermr_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct peermr_file *file = filp->private_data;
	struct peermr_buffer *buffer;

	/* A private copy of device memory would silently be host memory. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	buffer = peermr_mmap_buffer(file, vma);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);

	peermr_vma_init(vma, buffer);
	return 0;
}

static void peermr_vma_zap(struct peermr_buffer *buffer)
{
	unmap_mapping_range(peermr_window_mapping(buffer->window),
			    (loff_t)buffer->pgoff << PAGE_SHIFT,
			    buffer->length, 1);
}

/* Pages that were pinned through a mapping outlive it. */
static bool peermr_vma_drained(struct peermr_buffer *buffer)
{
	struct peermr_window *window = buffer->window;

	return window->mode->idle(window, buffer->offset, buffer->length);
}

const struct peermr_consumer_ops peermr_vma_consumer = {
	.zap = peermr_vma_zap,
	.drained = peermr_vma_drained,
};
