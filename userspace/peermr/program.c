// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What a program file is, as far as its dynamic linker is concerned. */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

/* In the order of execvp(3): a name with a slash is a path. */
static int program_open(const char *name)
{
	const char *directory = getenv("PATH"), *end;
	char path[PATH_MAX];
	int fd, length;

	if (strchr(name, '/'))
		return open(name, O_RDONLY | O_CLOEXEC);
	for (; directory; directory = *end ? end + 1 : NULL) {
		end = strchrnul(directory, ':');
		length = snprintf(path, sizeof(path), "%.*s/%s",
				  (int)(end - directory),
				  end > directory ? directory : ".", name);
		if (length < 0 || (size_t)length >= sizeof(path) ||
		    access(path, X_OK))
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* Set *@is_static if it is an ELF file of our class without an interpreter. */
static void program_read_headers(int fd, bool *is_static)
{
	ElfW(Phdr) segment;
	ElfW(Ehdr) header;
	off_t offset;
	int i;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) ||
	    header.e_phentsize != sizeof(segment))
		return;
	for (i = 0; i < header.e_phnum; i++) {
		offset = (off_t)header.e_phoff + (off_t)i * sizeof(segment);
		if (pread(fd, &segment, sizeof(segment), offset) !=
			    sizeof(segment) ||
		    segment.p_type == PT_INTERP)
			return;
	}
	*is_static = true;
}

const char *program_ignores_preload(const char *name)
{
	bool is_static = false;
	int fd = program_open(name);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st))
		st.st_mode = 0;
	program_read_headers(fd, &is_static);
	close(fd);
	if (is_static)
		return "is statically linked, so it loads no library";
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getegid()))
		return "changes the user or group, so it loads no library of ours";
	return NULL;
}
