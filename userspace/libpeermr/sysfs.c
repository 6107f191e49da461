// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

/* Room for any attribute that is a word or a number. */
#define ATTRIBUTE_LEN 64

static int peermr_sysfs_read(int dirfd, const char *attribute,
			     char text[ATTRIBUTE_LEN])
{
	ssize_t length;
	int fd, ret;

	fd = openat(dirfd, attribute, O_RDONLY | O_CLOEXEC);
	/* ENODEV: the window is going away. */
	if (fd < 0)
		return errno == ENODEV ? -ENOENT : -errno;
	do {
		length = read(fd, text, ATTRIBUTE_LEN - 1);
	} while (length < 0 && errno == EINTR);
	ret = length < 0 ? -errno : 0;
	close(fd);
	/* The window went away between open and read. */
	if (ret == -ENODEV)
		return -ENOENT;
	if (ret)
		return -EIO;

	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int peermr_sysfs_read_u64(int dirfd, const char *attribute, uint64_t *value)
{
	char text[ATTRIBUTE_LEN], *end;
	int ret;

	ret = peermr_sysfs_read(dirfd, attribute, text);
	if (ret)
		return ret;
	/* strtoull() would skip blanks and negate. */
	if (text[0] < '0' || text[0] > '9')
		return -EIO;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end ? -EIO : 0;
}

int peermr_sysfs_read_node(int dirfd, int32_t *numa_node)
{
	char text[ATTRIBUTE_LEN], *end;
	long value;
	int ret;

	ret = peermr_sysfs_read(dirfd, "numa_node", text);
	if (ret)
		return ret;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < -1 || value > INT32_MAX)
		return -EIO;
	*numa_node = (int32_t)value;
	return 0;
}

int peermr_sysfs_read_mode(int dirfd, uint32_t *mode)
{
	char text[ATTRIBUTE_LEN];
	int ret;

	ret = peermr_sysfs_read(dirfd, "mode", text);
	if (ret)
		return ret;
	if (!strcmp(text, "pages"))
		*mode = PEERMR_WINDOW_PAGES;
	else if (!strcmp(text, "pfn"))
		*mode = PEERMR_WINDOW_PFN;
	else
		return -EIO;
	return 0;
}

void peermr_sysfs_identify(dev_t dev, char name[PEERMR_NAME_LEN],
			   int32_t *numa_node)
{
	char path[64], target[PATH_MAX];
	const char *base;
	ssize_t length;
	int dirfd;

	name[0] = '\0';
	*numa_node = -1;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(dev),
		 minor(dev));
	length = readlink(path, target, sizeof(target) - 1);
	if (length > 0) {
		target[length] = '\0';
		base = strrchr(target, '/');
		base = base ? base + 1 : target;
		if (strlen(base) < PEERMR_NAME_LEN)
			strcpy(name, base);
	}

	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return;
	if (peermr_sysfs_read_node(dirfd, numa_node))
		*numa_node = -1;
	close(dirfd);
}
