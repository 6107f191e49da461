// SPDX-License-Identifier: GPL-2.0
/* From addresses of the current process to the buffer behind them. */

#include <linux/dma-buf.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>

#include "peermr.h"

/* Does @vma map all of @buffer, but for what was rounded up to a granule? */
static bool peermr_vma_is_whole(const struct vm_area_struct *vma,
				const struct peermr_buffer *buffer)
{
	return vma->vm_pgoff == buffer->pgoff &&
	       ALIGN((u64)vma->vm_end - vma->vm_start,
		     peermr_window_granule(buffer->window)) == buffer->length;
}

/*
 * The buffer that all of [@address, @end) maps, in one piece; @range, if it is
 * not NULL, gets where and how. With the mmap_lock held. ERR_PTR: -ENOENT (not
 * a buffer's), -EFAULT (not all of it).
 */
static struct peermr_buffer *
peermr_buffer_lookup(struct mm_struct *mm, unsigned long address,
		     unsigned long end, struct peermr_range *range)
{
	struct peermr_buffer *buffer = NULL;
	struct vm_area_struct *vma;
	u64 offset = 0, next = 0;
	bool writable = true, whole = true;

	while (address < end) {
		vma = vma_lookup(mm, address);
		if (!vma || vma->vm_ops != &peermr_vm_ops)
			return ERR_PTR(buffer ? -EFAULT : -ENOENT);
		if (!buffer) {
			buffer = vma->vm_private_data;
			offset = peermr_vma_buffer_offset(vma, address);
			next = offset;
		}
		if (vma->vm_private_data != buffer ||
		    peermr_vma_buffer_offset(vma, address) != next)
			return ERR_PTR(-EFAULT);
		if (!(vma->vm_flags & VM_WRITE))
			writable = false;
		if (!peermr_vma_is_whole(vma, buffer))
			whole = false;
		next += min(vma->vm_end, end) - address;
		address = vma->vm_end;
	}
	if (next > buffer->length)
		return ERR_PTR(-EFAULT);
	if (range) {
		range->offset = offset;
		range->writable = writable;
		range->whole = whole;
	}
	return buffer;
}

/* The same with a reference on the buffer. */
static struct peermr_buffer *
peermr_buffer_find(unsigned long address, size_t length,
		   struct peermr_range *range)
{
	struct mm_struct *mm = current->mm;
	struct peermr_buffer *buffer;
	unsigned long end;

	if (!mm || !length || check_add_overflow(address, length, &end))
		return ERR_PTR(-ENOENT);
	mmap_read_lock(mm);
	buffer = peermr_buffer_lookup(mm, address, end, range);
	if (!IS_ERR(buffer))
		peermr_buffer_get(buffer);
	mmap_read_unlock(mm);
	return buffer;
}

/**
 * peermr_range_is_buffer() - do these addresses map a buffer?
 * @address: of the current process
 * @length: bytes
 *
 * Context: may sleep; takes the mmap_lock.
 *
 * Return: whether all of the range is one buffer's, in one piece.
 */
bool peermr_range_is_buffer(unsigned long address, size_t length)
{
	struct peermr_buffer *buffer;

	buffer = peermr_buffer_find(address, length, NULL);
	if (IS_ERR(buffer))
		return false;
	peermr_buffer_put(buffer);
	return true;
}
EXPORT_SYMBOL_GPL(peermr_range_is_buffer);

/**
 * peermr_range_export() - get a dma-buf of the buffer behind addresses
 * @address: of the current process
 * @length: bytes, all of one buffer
 * @range: set on success
 *
 * The dma-buf is like any other of the buffer: it is revoked with it, and its
 * importers are told. It is the same one for as long as the buffer is mapped.
 *
 * Context: may sleep; takes the mmap_lock.
 *
 * Return: the dma-buf, to be given up by dma_buf_put(), or ERR_PTR: -ENOENT
 * (not a buffer's), -EFAULT (not all of it, or not in one piece), -ENODEV
 * (revoked), -ENOMEM, -EINTR (killed while the memory was zeroed).
 */
struct dma_buf *peermr_range_export(unsigned long address, size_t length,
				    struct peermr_range *range)
{
	struct peermr_buffer *buffer;
	struct dma_buf *dmabuf;

	buffer = peermr_buffer_find(address, length, range);
	if (IS_ERR(buffer))
		return ERR_CAST(buffer);
	dmabuf = peermr_buffer_share(buffer);
	peermr_buffer_put(buffer);
	return dmabuf;
}
EXPORT_SYMBOL_GPL(peermr_range_export);
