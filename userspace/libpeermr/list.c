// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

#define PEERMR_CLASS_DIR "/sys/class/peermr"

static int peermr_list_describe(int dirfd, struct peermr_window_info *info)
{
	int ret;

	ret = peermr_sysfs_read_u64(dirfd, "size", &info->size);
	if (!ret)
		ret = peermr_sysfs_read_u64(dirfd, "free", &info->free);
	if (!ret)
		ret = peermr_sysfs_read_u64(dirfd, "granule", &info->granule);
	if (!ret)
		ret = peermr_sysfs_read_u64(dirfd, "quota", &info->quota);
	if (!ret)
		ret = peermr_sysfs_read_mode(dirfd, &info->mode);
	if (!ret)
		ret = peermr_sysfs_read_node(dirfd, &info->numa_node);
	return ret;
}

static int peermr_list_read_window(int classfd, const char *name,
				   struct peermr_window_info *info)
{
	int dirfd, ret;

	memset(info, 0, sizeof(*info));
	if (strlen(name) >= sizeof(info->name))
		return -EIO;
	strcpy(info->name, name);

	dirfd = openat(classfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	ret = peermr_list_describe(dirfd, info);
	close(dirfd);
	return ret;
}

static int peermr_list_grow(struct peermr_window_info **infos, int count,
			    int *room)
{
	struct peermr_window_info *grown;

	if (count < *room)
		return 0;
	*room = *room ? *room * 2 : 8;
	grown = reallocarray(*infos, *room, sizeof(**infos));
	if (!grown)
		return -ENOMEM;
	*infos = grown;
	return 0;
}

static int peermr_list_by_name(const void *a, const void *b)
{
	const struct peermr_window_info *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int peermr_sysfs_list(int classfd, struct peermr_window_info **infos)
{
	struct peermr_window_info *found = NULL;
	int count = 0, room = 0, ret;
	struct dirent *entry;
	DIR *dir;

	*infos = NULL;
	dir = fdopendir(classfd);
	if (!dir) {
		ret = -errno;
		close(classfd);
		return ret;
	}

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			if (!errno)
				break;
			ret = -errno;
			goto err_free_found;
		}
		if (entry->d_name[0] == '.')
			continue;
		ret = peermr_list_grow(&found, count, &room);
		if (ret)
			goto err_free_found;
		ret = peermr_list_read_window(classfd, entry->d_name,
					      &found[count]);
		/* A window that is unbound meanwhile is not an error. */
		if (ret == -ENOENT)
			continue;
		if (ret)
			goto err_free_found;
		count++;
	}
	closedir(dir);

	if (!count) {
		free(found);
		return 0;
	}
	qsort(found, count, sizeof(*found), peermr_list_by_name);
	*infos = found;
	return count;

err_free_found:
	closedir(dir);
	free(found);
	return ret;
}

int peermr_list(struct peermr_window_info **infos)
{
	int fd;

	*infos = NULL;
	fd = open(PEERMR_CLASS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	return peermr_sysfs_list(fd, infos);
}
