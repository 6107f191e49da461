// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * malloc() and its relatives, by the names of the C library. Large and
 * page-aligned memory comes from the window, everything else from the C
 * library's allocator, which is called by its own names and never by ours.
 *
 * mmap() is left alone: perftest, the tools of rdma-core, libfabric and MPI
 * allocate what they register; UCX does with UCX_ALLOC_PRIO=heap.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "c_library.h"
#include "chunk.h"
#include "pool.h"

/* Unless the program is given another size. */
#define SERVED_FROM (64UL << 10)

#define EXPORT __attribute__((visibility("default")))

/* Nothing comes from the window before the constructor has run. */
static size_t served_from = SIZE_MAX;
static bool serves_aligned;
static size_t (*libc_usable_size)(void *address);

/*
 * The file that @code is of, or NULL. Without the dynamic linker's lock where that
 * is possible: a library's constructor may wait for a thread that allocates.
 */
static const char *object_of(const void *code)
{
#if __GLIBC_PREREQ(2, 35)
	struct dl_find_object object;

	if (_dl_find_object((void *)code, &object))
		return NULL;
	return object.dlfo_link_map->l_name;
#else
	Dl_info info;

	return dladdr(code, &info) ? info.dli_fname : NULL;
#endif
}

/*
 * Work queues and completion queues are libibverbs's and its providers', and
 * stay where the CPU polls them fast. "libmlx5-rdmav34.so" and, as a library of
 * its own, "libmlx5.so.1".
 */
static bool caller_is_verbs(const void *caller)
{
	static const char * const names[] = {
		"libibverbs", "libmlx4", "libmlx5", "libefa", "libmana", "libhns",
		"libpeermr",
	};
	const char *path = object_of(caller), *file;
	size_t i;

	if (!path)
		return false;
	file = strrchr(path, '/');
	file = file ? file + 1 : path;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(file, names[i], strlen(names[i])))
			return true;
	return strstr(file, "-rdmav");
}

static void *window_alloc(size_t size, size_t alignment, const void *caller)
{
	if (size < served_from && !(serves_aligned && alignment >= CHUNK_PAGE))
		return NULL;
	if (pool_is_busy() || caller_is_verbs(caller))
		return NULL;
	return pool_alloc(size, alignment);
}

#define CALLER __builtin_return_address(0)

static bool is_power_of_two(size_t value)
{
	return value && !(value & (value - 1));
}

static void *allocate(size_t size, const void *caller)
{
	return window_alloc(size, 0, caller) ?: __libc_malloc(size);
}

static void *allocate_aligned(size_t alignment, size_t size, const void *caller)
{
	void *address = NULL;

	/* The C library rounds up or refuses what is no power of two. */
	if (is_power_of_two(alignment))
		address = window_alloc(size, alignment, caller);
	return address ?: __libc_memalign(alignment, size);
}

static void *reallocate_host(void *address, size_t size, const void *caller)
{
	void *moved = NULL;
	size_t old;

	if (size && libc_usable_size)
		moved = window_alloc(size, 0, caller);
	if (!moved)
		return __libc_realloc(address, size);
	old = libc_usable_size(address);
	memcpy(moved, address, old < size ? old : size);
	__libc_free(address);
	return moved;
}

static void *reallocate(void *address, size_t size, const void *caller)
{
	size_t old;
	void *moved;

	if (!address)
		return allocate(size, caller);
	old = pool_size(address);
	if (!old)
		return reallocate_host(address, size, caller);
	if (!size) {
		pool_free(address);
		return NULL;
	}
	if (size <= old && size > old / 2 && !pool_is_inherited(address))
		return address;
	moved = allocate(size, caller);
	if (!moved)
		return NULL;
	memcpy(moved, address, old < size ? old : size);
	pool_free(address);
	return moved;
}

EXPORT void *malloc(size_t size)
{
	return allocate(size, CALLER);
}

EXPORT void *calloc(size_t count, size_t size)
{
	size_t total;
	void *address;

	if (__builtin_mul_overflow(count, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	address = window_alloc(total, 0, CALLER);
	if (!address)
		return __libc_calloc(count, size);
	/* Zero when it came from the kernel, not when it was free()d before. */
	return memset(address, 0, total);
}

EXPORT void *realloc(void *address, size_t size)
{
	return reallocate(address, size, CALLER);
}

EXPORT void *reallocarray(void *address, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return reallocate(address, total, CALLER);
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	return allocate_aligned(alignment, size, CALLER);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	if (!is_power_of_two(alignment)) {
		errno = EINVAL;
		return NULL;
	}
	return allocate_aligned(alignment, size, CALLER);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
	int saved_errno = errno;
	void *address;

	if (!is_power_of_two(alignment) || alignment % sizeof(void *))
		return EINVAL;
	address = allocate_aligned(alignment, size, CALLER);
	errno = saved_errno;
	if (!address)
		return ENOMEM;
	*out = address;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	return allocate_aligned(CHUNK_PAGE, size, CALLER);
}

EXPORT void *pvalloc(size_t size)
{
	size_t whole;

	if (__builtin_add_overflow(size, CHUNK_PAGE - 1, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate_aligned(CHUNK_PAGE, whole & -CHUNK_PAGE, CALLER);
}

EXPORT void free(void *address)
{
	if (!pool_free(address))
		__libc_free(address);
}

EXPORT size_t malloc_usable_size(void *address)
{
	size_t size = pool_size(address);

	if (size || !address || !libc_usable_size)
		return size;
	return libc_usable_size(address);
}

static void __attribute__((constructor)) functions_setup(void)
{
	const char *window = secure_getenv("PEERMR_ALLOC_WINDOW");
	const char *min = secure_getenv("PEERMR_ALLOC_MIN");
	void *libc;

	if (!window || !*window)
		return;
	/* Not the next one of that name, which may be another allocator's. */
	libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	if (libc)
		*(void **)&libc_usable_size = dlsym(libc, "malloc_usable_size");
	if (pthread_atfork(pool_before_fork, pool_after_fork_in_parent,
			   pool_after_fork_in_child))
		return;
	pool_setup(window);
	serves_aligned = true;
	served_from = min && *min ? strtoull(min, NULL, 0) : SERVED_FROM;
}
