// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Runtimes for GPUs that are on this machine. None of them is started. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform.h"
#include "runtime.h"
#include "sysfs.h"

static const struct {
	const char *name;
	const char *library;
	const char *drivers[3];
} runtimes_known[RUNTIME_COUNT] = {
	[RUNTIME_CUDA] = { "CUDA", "libcuda.so.1", { "nvidia" } },
	[RUNTIME_ROCM] = { "ROCm", "libhsa-runtime64.so.1", { "amdgpu" } },
	[RUNTIME_LEVEL_ZERO] = { "Level Zero", "libze_loader.so.1",
				 { "xe", "i915" } },
};

/*
 * The cache of the dynamic linker has the paths as strings. Looking there runs
 * no code of the library, as dlopen() would.
 */
static void runtime_find_cached(struct runtime *runtime, const char *cache,
				size_t size)
{
	const char *library = runtimes_known[runtime->kind].library;
	size_t length = strlen(library) + 1;
	const char *at, *start, *from = cache;

	while ((at = memmem(from, size - (size_t)(from - cache), library,
			    length))) {
		for (start = at; start > cache && start[-1]; start--)
			;
		if (*start == '/' && at[-1] == '/' &&
		    (size_t)(at - start) + length <= sizeof(runtime->library)) {
			memcpy(runtime->library, start,
			       (size_t)(at - start) + length);
			/* The cache may be older than what is there. */
			if (!access(runtime->library, F_OK))
				return;
			runtime->library[0] = '\0';
		}
		from = at + length;
	}
}

static void runtime_find_library(struct runtime *runtime)
{
	int fd = open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *cache;

	if (fd < 0)
		return;
	if (!fstat(fd, &status) && status.st_size > 0) {
		cache = mmap(NULL, (size_t)status.st_size, PROT_READ,
			     MAP_PRIVATE, fd, 0);
		if (cache != MAP_FAILED) {
			runtime_find_cached(runtime, cache,
					    (size_t)status.st_size);
			munmap(cache, (size_t)status.st_size);
		}
	}
	close(fd);
}

/* "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  ..." */
void runtime_take_nvidia(struct runtime *runtime, const char *text)
{
	const char *version = strstr(text, "  ");

	runtime->open_source = strstr(text, "Open Kernel Module");
	if (version)
		sscanf(version, " %63s", runtime->version);
}

static void runtime_find_driver(struct runtime *runtime)
{
	const char *const *drivers = runtimes_known[runtime->kind].drivers;
	char path[SYSFS_PATH_LEN / 2], text[512];

	for (int i = 0; i < 3 && drivers[i]; i++) {
		if (!platform_module(drivers[i]))
			continue;
		snprintf(runtime->driver, sizeof(runtime->driver), "%s",
			 drivers[i]);
		snprintf(path, sizeof(path), "/sys/module/%s", drivers[i]);
		sysfs_read(path, "version", runtime->version,
			   sizeof(runtime->version));
		break;
	}
	if (runtime->kind == RUNTIME_CUDA && *runtime->driver &&
	    !sysfs_read("/proc/driver/nvidia", "version", text, sizeof(text)))
		runtime_take_nvidia(runtime, text);
}

int runtime_find(struct runtime runtimes[RUNTIME_COUNT])
{
	int count = 0;

	for (int kind = 0; kind < RUNTIME_COUNT; kind++) {
		struct runtime *runtime = &runtimes[count];

		memset(runtime, 0, sizeof(*runtime));
		runtime->kind = (enum runtime_kind)kind;
		runtime->name = runtimes_known[kind].name;
		runtime_find_library(runtime);
		runtime_find_driver(runtime);
		/* Any machine with a display has i915 or amdgpu. */
		if (*runtime->library ||
		    (kind == RUNTIME_CUDA && *runtime->driver))
			count++;
	}
	return count;
}
