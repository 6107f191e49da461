/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A descriptor that a library has, in a program that may close all it finds. */
#ifndef LIBPEERMR_OWN_FD_H
#define LIBPEERMR_OWN_FD_H

#include <stdbool.h>
#include <sys/stat.h>

/**
 * struct peermr_own_fd - a descriptor, and what it was opened on
 * @fd: the descriptor
 * @ino: of its file
 * @rdev: likewise
 */
struct peermr_own_fd {
	int fd;
	ino_t ino;
	dev_t rdev;
};

/* @st is what fstat() says of @fd. */
static inline struct peermr_own_fd peermr_own_fd(int fd, const struct stat *st)
{
	return (struct peermr_own_fd){ fd, st->st_ino, st->st_rdev };
}

/* Whether it still is, or somebody has closed it and something else is there. */
static inline bool peermr_own_fd_is_ours(const struct peermr_own_fd *own)
{
	struct stat st;

	return !fstat(own->fd, &st) && st.st_ino == own->ino &&
	       st.st_rdev == own->rdev;
}

#endif /* LIBPEERMR_OWN_FD_H */
