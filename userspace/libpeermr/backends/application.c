// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Ranges that the application registered. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "backends/backend.h"
#include "lock.h"
#include "resolve.h"

/* Debian 12's <linux/magic.h> has it, older ones may not. */
#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

/**
 * struct peermr_app_range - a range of the application
 * @next: under the lock
 * @start: first address
 * @last: last address
 * @fd: the dma-buf, owned
 * @offset: of @start in it
 */
struct peermr_app_range {
	struct peermr_app_range *next;
	uintptr_t start;
	uintptr_t last;
	int fd;
	uint64_t offset;
};

static struct peermr_app_range *ranges;	/* under the lock */
static atomic_int range_count;

/* The size of dma-buf @fd. */
static int peermr_app_dmabuf_size(int fd, uint64_t *size)
{
	struct statfs fs;
	off_t end;

	if (fstatfs(fd, &fs))
		return errno == EBADF ? -EBADF : -EINVAL;
	if (fs.f_type != DMA_BUF_MAGIC)
		return -EINVAL;
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -EINVAL;
	*size = (uint64_t)end;
	return 0;
}

static int peermr_app_range_insert(struct peermr_app_range *range)
{
	struct peermr_app_range *other;
	int ret = 0;

	peermr_lock();
	for (other = ranges; other; other = other->next)
		if (other->start <= range->last && range->start <= other->last)
			ret = -EEXIST;
	if (!ret) {
		range->next = ranges;
		ranges = range;
		range_count++;
		atomic_fetch_add(&peermr_resolve_reasons, 1);
	}
	peermr_unlock();
	return ret;
}

int peermr_register_range(void *address, size_t length, int fd, uint64_t offset)
{
	struct peermr_app_range *range;
	uint64_t size, end;
	uintptr_t last;
	int ret;

	if (!length ||
	    __builtin_add_overflow((uintptr_t)address, length - 1, &last))
		return -EINVAL;
	ret = peermr_app_dmabuf_size(fd, &size);
	if (ret)
		return ret;
	if (__builtin_add_overflow(offset, length, &end) || end > size)
		return -EINVAL;

	range = calloc(1, sizeof(*range));
	if (!range)
		return -ENOMEM;
	range->start = (uintptr_t)address;
	range->last = last;
	range->offset = offset;
	range->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (range->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = peermr_app_range_insert(range);
	if (ret)
		goto err_close;
	return 0;

err_close:
	close(range->fd);
err_free:
	free(range);
	return ret;
}

int peermr_unregister_range(void *address, size_t length)
{
	struct peermr_app_range **link, *range = NULL;
	uintptr_t start = (uintptr_t)address;

	peermr_lock();
	for (link = &ranges; *link; link = &(*link)->next) {
		if ((*link)->start != start ||
		    (*link)->last - start != length - 1)
			continue;
		range = *link;
		*link = range->next;
		range_count--;
		atomic_fetch_sub(&peermr_resolve_reasons, 1);
		break;
	}
	peermr_unlock();
	if (!range)
		return -ENOENT;
	close(range->fd);
	free(range);
	return 0;
}

static bool peermr_app_present(unsigned int flags)
{
	(void)flags;
	return atomic_load_explicit(&range_count, memory_order_relaxed);
}

static int peermr_app_resolve(uintptr_t address, size_t length,
			      unsigned int flags, struct peermr_range *range)
{
	const struct peermr_app_range *found;
	int ret = -ENOENT;

	(void)flags;
	peermr_lock();
	for (found = ranges; found; found = found->next)
		if (found->start <= address && address <= found->last)
			break;
	if (!found)
		goto out_unlock;
	ret = -EINVAL;
	if (length - 1 > found->last - address)
		goto out_unlock;
	/* The caller's own: the range may be unregistered meanwhile. */
	range->fd = fcntl(found->fd, F_DUPFD_CLOEXEC, 0);
	ret = range->fd < 0 ? -errno : 0;
	range->offset = found->offset + (address - found->start);
	range->length = found->last - address + 1;
	range->release = peermr_range_close;
out_unlock:
	peermr_unlock();
	return ret;
}

const struct peermr_backend peermr_backend_application = {
	.memory = PEERMR_MEMORY_APPLICATION,
	.name = "application",
	.present = peermr_app_present,
	.resolve = peermr_app_resolve,
};
