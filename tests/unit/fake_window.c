// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "fake_window.h"

#define HUGE (2UL << 20)
#define PAGE 4096UL
#define HANDLE_STRIDE HUGE
#define MAX_HANDLES 65536

struct fake_window fake_window = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.granule = 2UL << 20,
};

static bool handle_is_live[MAX_HANDLES];

int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap(void *address, size_t length, int prot, int flags, int fd,
		  off_t offset);
void *__real_mmap(void *address, size_t length, int prot, int flags, int fd,
		  off_t offset);

static int fake_window_alloc(struct peermr_alloc *alloc)
{
	__u64 handle = fake_window.allocs + 1;

	fake_window.last_alloc = *alloc;
	if (alloc->size != sizeof(*alloc) || !alloc->length)
		return EINVAL;
	if (handle >= MAX_HANDLES ||
	    (fake_window.most && alloc->length > fake_window.most))
		return ENOSPC;
	alloc->length = (alloc->length + fake_window.granule - 1) &
			-fake_window.granule;
	if (!(alloc->flags & PEERMR_ALLOC_FIXED))
		alloc->placement = handle * fake_window.granule;
	alloc->mmap_offset = handle * HANDLE_STRIDE;
	handle_is_live[handle] = true;
	fake_window.allocs++;
	fake_window.live++;
	return 0;
}

static int fake_window_free(const struct peermr_free *request)
{
	__u64 handle = request->mmap_offset / HANDLE_STRIDE;

	if (request->size != sizeof(*request) || request->flags ||
	    handle >= MAX_HANDLES || !handle_is_live[handle]) {
		fake_window.bad_frees++;
		return ENOENT;
	}
	handle_is_live[handle] = false;
	fake_window.live--;
	return 0;
}

static int fake_window_answer(unsigned long request, void *arg)
{
	if (fake_window.ioctl_errno)
		return fake_window.ioctl_errno;

	switch (request) {
	case PEERMR_IOC_QUERY:
		*(struct peermr_query *)arg = fake_window.query;
		return 0;
	case PEERMR_IOC_ALLOC:
		return fake_window_alloc(arg);
	case PEERMR_IOC_FREE:
		return fake_window_free(arg);
	case PEERMR_IOC_LOOKUP:
		fake_window.last_lookup = ((struct peermr_lookup *)arg)->address;
		*(struct peermr_lookup *)arg = fake_window.lookup;
		return 0;
	default:
		return ENOTTY;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	pthread_mutex_lock(&fake_window.lock);
	errno = fake_window_answer(request, arg);
	pthread_mutex_unlock(&fake_window.lock);
	return errno ? -1 : 0;
}

/* Maps more and gives back what is around the misaligned part. */
static void *fake_window_mmap_misaligned(size_t length, int prot, int flags)
{
	size_t reserved = length + 2 * HUGE;
	char *base, *start;

	base = __real_mmap(NULL, reserved, prot, flags, -1, 0);
	if (base == MAP_FAILED)
		return MAP_FAILED;
	start = (char *)(((uintptr_t)base + HUGE - 1) & -HUGE) + PAGE;
	munmap(base, start - base);
	munmap(start + length, base + reserved - start - length);
	fake_window.reserved = start;
	fake_window.reserved_length = length;
	return start;
}

void *__wrap_mmap(void *address, size_t length, int prot, int flags, int fd,
		  off_t offset)
{
	__u64 handle = (__u64)offset / HANDLE_STRIDE;

	if (fd >= 0) {
		if (fake_window.mmap_errno ||
		    handle >= MAX_HANDLES || !handle_is_live[handle]) {
			errno = fake_window.mmap_errno ?: EINVAL;
			return MAP_FAILED;
		}
		/* Shared memory of /dev/zero begins at offset 0. */
		offset = 0;
	} else if (fake_window.misalign && !address) {
		return fake_window_mmap_misaligned(length, prot, flags);
	}
	return __real_mmap(address, length, prot, flags, fd, offset);
}
