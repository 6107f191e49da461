// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/peermr.h>

#include "buffer.h"
#include "name.h"
#include "sysfs.h"
#include "window.h"

static_assert((int)PEERMR_WINDOW_PAGES == PEERMR_MODE_PAGES, "mode of ioctl");
static_assert((int)PEERMR_WINDOW_PFN == PEERMR_MODE_PFN, "mode of ioctl");

int peermr_window_ioctl(const struct peermr_window *window,
			unsigned long request, void *arg)
{
	return ioctl(window->fd, request, arg) < 0 ? -errno : 0;
}

int peermr_window_query(struct peermr_window *window,
			struct peermr_window_info *info)
{
	struct peermr_query query = { .size = sizeof(query) };
	int ret;

	ret = peermr_window_ioctl(window, PEERMR_IOC_QUERY, &query);
	if (ret)
		return ret;

	memset(info, 0, sizeof(*info));
	strcpy(info->name, window->name);
	info->mode = query.mode;
	info->numa_node = window->numa_node;
	info->size = query.window_size;
	info->free = query.window_free;
	info->granule = query.granule;
	info->quota = query.quota;
	info->quota_used = query.quota_used;
	return 0;
}

/*
 * Only character devices are asked, and those with QUERY, which changes
 * nothing. Return: 0, or -ENODEV for anything that is not a live window.
 */
static int peermr_window_identify(struct peermr_window *window,
				  const char *path)
{
	struct peermr_window_info info;
	struct stat st;
	int ret;

	if (fstat(window->fd, &st))
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENODEV;
	ret = peermr_window_query(window, &info);
	if (ret == -ENOTTY || ret == -EINVAL)
		return -ENODEV;
	if (ret)
		return ret;

	peermr_sysfs_identify(st.st_rdev, window->name, &window->numa_node);
	if (!window->name[0])
		snprintf(window->name, sizeof(window->name), "%s",
			 strrchr(path, '/') + 1);
	return 0;
}

static int peermr_window_open_node(struct peermr_window *window,
				   const char *name)
{
	char path[PATH_MAX];
	int ret;

	ret = peermr_name_to_path(name, path, sizeof(path));
	if (ret)
		return ret;
	window->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (window->fd < 0) {
		/* A directory, a socket, a node whose driver is gone. */
		if (errno == EISDIR || errno == ENXIO)
			return -ENODEV;
		return -errno;
	}

	ret = peermr_window_identify(window, path);
	if (ret)
		close(window->fd);
	return ret;
}

/*
 * If no window can be opened, the reason of the first is the most useful one:
 * it is usually that of all of them.
 */
static int peermr_window_open_any(struct peermr_window *window)
{
	struct peermr_window_info *infos;
	int count, i, ret, first = 0;

	count = peermr_list(&infos);
	if (count < 0)
		return count;
	if (!count)
		return -ENOENT;

	for (i = 0; i < count; i++) {
		ret = peermr_window_open_node(window, infos[i].name);
		if (!ret)
			break;
		if (!first)
			first = ret;
	}
	free(infos);
	return i < count ? 0 : first;
}

struct peermr_window *peermr_window_open(const char *name)
{
	struct peermr_window *window;
	int ret;

	window = calloc(1, sizeof(*window));
	if (!window)
		return NULL;
	window->owner = getpid();
	pthread_mutex_init(&window->lock, NULL);

	ret = name ? peermr_window_open_node(window, name) :
		     peermr_window_open_any(window);
	if (ret) {
		pthread_mutex_destroy(&window->lock);
		free(window);
		errno = -ret;
		return NULL;
	}
	return window;
}

void peermr_window_close(struct peermr_window *window)
{
	int saved_errno = errno;

	if (!window)
		return;
	/* Not left to close(): a copy of the fd may live in another process. */
	while (window->buffers)
		peermr_buffer_free(window->buffers);
	close(window->fd);
	pthread_mutex_destroy(&window->lock);
	free(window);
	errno = saved_errno;
}

int peermr_window_fd(const struct peermr_window *window)
{
	return window->fd;
}
