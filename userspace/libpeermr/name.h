/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_NAME_H
#define LIBPEERMR_NAME_H

#include <stddef.h>

/**
 * peermr_name_to_path() - turn what the caller named into a path
 * @name: a name below /dev/peermr, or an absolute path
 * @path: filled in
 * @size: room in @path
 *
 * A relative path could leave /dev/peermr or depend on the working directory,
 * so anything with a slash has to be absolute.
 *
 * Return: 0; -EINVAL if @name is neither; -ENAMETOOLONG if it does not fit.
 */
int peermr_name_to_path(const char *name, char *path, size_t size);

#endif /* LIBPEERMR_NAME_H */
