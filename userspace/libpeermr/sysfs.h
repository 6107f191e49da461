/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_SYSFS_H
#define LIBPEERMR_SYSFS_H

#include <stdint.h>
#include <sys/types.h>

#include <peermr.h>

/*
 * Attributes of a window's directory in sysfs, open as @dirfd. Return: 0;
 * -ENOENT if the attribute (or by now the window) is gone; -EIO if its text is
 * not what the kernel module documents; or another negative errno of open(2).
 */
int peermr_sysfs_read_u64(int dirfd, const char *attribute, uint64_t *value);
int peermr_sysfs_read_node(int dirfd, int32_t *numa_node);
int peermr_sysfs_read_mode(int dirfd, uint32_t *mode);

/**
 * peermr_sysfs_list() - list the windows below a class directory
 * @classfd: the directory, closed by this function
 * @infos: set to an array owned by the caller, NULL if there is none
 *
 * Return: the number of windows or a negative errno.
 */
int peermr_sysfs_list(int classfd, struct peermr_window_info **infos);

/**
 * peermr_sysfs_identify() - which window is behind a device number
 * @dev: device number of a character device
 * @name: set to the window's name, "" if sysfs does not tell
 * @numa_node: set to the device's node, -1 if sysfs does not tell
 */
void peermr_sysfs_identify(dev_t dev, char name[PEERMR_NAME_LEN],
			   int32_t *numa_node);

#endif /* LIBPEERMR_SYSFS_H */
