// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Attributes in sysfs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

static int sysfs_open(const char *directory, const char *attribute, int flags)
{
	char path[SYSFS_PATH_LEN];
	int length, fd;

	length = snprintf(path, sizeof(path), "%s/%s", directory, attribute);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysfs_read(const char *directory, const char *attribute, char *value,
	       size_t size)
{
	size_t used = 0;
	ssize_t got;
	int fd, err = 0;

	fd = sysfs_open(directory, attribute, O_RDONLY);
	if (fd < 0)
		return fd;
	while (used < size - 1) {
		got = read(fd, value + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = -errno;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	close(fd);
	if (used && value[used - 1] == '\n')
		used--;
	value[used] = '\0';
	return err;
}

int sysfs_read_u64(const char *directory, const char *attribute,
		   uint64_t *value)
{
	char text[32];
	char *end;
	int err;

	err = sysfs_read(directory, attribute, text, sizeof(text));
	if (err)
		return err;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end ? -EIO : 0;
}

int sysfs_write(const char *directory, const char *attribute,
		const char *value)
{
	size_t length = strlen(value);
	ssize_t written;
	int fd, err = 0;

	fd = sysfs_open(directory, attribute, O_WRONLY);
	if (fd < 0)
		return fd;
	written = write(fd, value, length);
	if (written < 0)
		err = -errno;
	else if ((size_t)written != length)
		err = -EIO;
	close(fd);
	return err;
}

int sysfs_link_name(const char *directory, const char *link, char *name,
		    size_t size)
{
	char path[SYSFS_PATH_LEN], target[PATH_MAX];
	const char *last;
	ssize_t length;
	int printed;

	printed = snprintf(path, sizeof(path), "%s/%s", directory, link);
	if (printed < 0 || (size_t)printed >= sizeof(path))
		return -ENAMETOOLONG;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}
