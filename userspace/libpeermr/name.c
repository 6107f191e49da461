// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <peermr.h>

#include "name.h"

#define PEERMR_DEV_DIR "/dev/peermr"

int peermr_name_to_path(const char *name, char *path, size_t size)
{
	int length;

	if (name[0] == '/') {
		length = snprintf(path, size, "%s", name);
	} else {
		if (!name[0] || strchr(name, '/') || !strcmp(name, ".") ||
		    !strcmp(name, "..") || strlen(name) >= PEERMR_NAME_LEN)
			return -EINVAL;
		length = snprintf(path, size, PEERMR_DEV_DIR "/%s", name);
	}
	if (length < 0 || (size_t)length >= size)
		return -ENAMETOOLONG;
	return 0;
}
