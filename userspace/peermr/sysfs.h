/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Attributes in sysfs. All return a negative errno on failure. */
#ifndef PEERMR_TOOL_SYSFS_H
#define PEERMR_TOOL_SYSFS_H

#include <stddef.h>
#include <stdint.h>

/* Longest attribute or link name below that the tool uses. */
#define SYSFS_PATH_LEN	192

/* Reads at most @size - 1 bytes, without the last newline: 0. */
int sysfs_read(const char *directory, const char *attribute, char *value,
	       size_t size);
int sysfs_read_u64(const char *directory, const char *attribute,
		   uint64_t *value);

/* One write(2), whose errno is the kernel's verdict: 0. */
int sysfs_write(const char *directory, const char *attribute,
		const char *value);

/* Last component of what the link points to: 0, -ENOENT if there is none. */
int sysfs_link_name(const char *directory, const char *link, char *name,
		    size_t size);

#endif /* PEERMR_TOOL_SYSFS_H */
