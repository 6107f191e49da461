// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What kind of program is about to be executed. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program.h"

static bool program_is_file(const char *path)
{
	struct stat stat_;

	if (stat(path, &stat_))
		return false;
	if (S_ISREG(stat_.st_mode) && !access(path, X_OK))
		return true;
	errno = EACCES;
	return false;
}

char *program_find(const char *name)
{
	const char *directory = getenv("PATH") ?: "/bin:/usr/bin", *end;
	int error = ENOENT;
	char *path;

	if (strchr(name, '/'))
		return program_is_file(name) ? strdup(name) : NULL;
	for (; ; directory = end + 1) {
		end = strchrnul(directory, ':');
		/* An empty one is the current directory. */
		if (asprintf(&path, "%.*s%s%s", (int)(end - directory),
			     directory, end == directory ? "" : "/", name) < 0) {
			errno = ENOMEM;
			return NULL;
		}
		if (program_is_file(path))
			return path;
		free(path);
		if (errno == EACCES)
			error = EACCES;
		if (!*end)
			break;
	}
	errno = error;
	return NULL;
}

/* A linked program that names no interpreter; scripts and the like are not. */
static bool program_is_static(int fd)
{
	ElfW(Phdr) segment;
	ElfW(Ehdr) header;
	bool dynamic = false;
	int i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) ||
	    header.e_phentsize != sizeof(segment))
		return false;
	for (i = 0; i < header.e_phnum && !dynamic; i++) {
		if (pread(fd, &segment, sizeof(segment),
			  (off_t)(header.e_phoff + i * sizeof(segment))) !=
		    sizeof(segment))
			return false;
		dynamic = segment.p_type == PT_INTERP;
	}
	return !dynamic;
}

/* With more rights than its caller: AT_SECURE, see ld.so(8). */
static bool program_is_privileged(int fd)
{
	struct stat stat_;

	if (fstat(fd, &stat_))
		return false;
	if ((stat_.st_mode & S_ISUID) && stat_.st_uid != getuid())
		return true;
	if ((stat_.st_mode & S_ISGID) && (stat_.st_mode & S_IXGRP) &&
	    stat_.st_gid != getgid())
		return true;
	return getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

const char *program_ignores_preload(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *reason = NULL;

	if (fd < 0)
		return NULL;
	if (program_is_static(fd))
		reason = "it is linked statically";
	else if (program_is_privileged(fd))
		reason = "it runs with the rights of another user or group";
	close(fd);
	return reason;
}
