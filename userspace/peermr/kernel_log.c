// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The kernel's own words, from /dev/kmsg. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"

/* The kernel's limit for one record (CONSOLE_EXT_LOG_MAX) is 8 KiB. */
#define KERNEL_LOG_RECORD	8192

int kernel_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

void kernel_log_close(int fd, const char *bdf, char *text, size_t size)
{
	char record[KERNEL_LOG_RECORD + 1];
	const char *line, *reason;
	ssize_t length;

	text[0] = '\0';
	if (fd < 0)
		return;
	for (;;) {
		length = read(fd, record, KERNEL_LOG_RECORD);
		/* EPIPE: records were overwritten before they were read. */
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			break;
		record[length] = '\0';
		/* "level,sequence,time,flags;TEXT\n KEY=VALUE..." */
		line = strchr(record, ';');
		if (!line || strncmp(++line, "peermr ", 7))
			continue;
		record[strcspn(record, "\n")] = '\0';
		reason = strstr(line, bdf);
		if (!reason)
			continue;
		/* "peermr BDF: peermr: REASON"; others are the driver core's. */
		reason += strlen(bdf);
		if (!strncmp(reason, ": peermr: ", 10))
			snprintf(text, size, "%s", reason + 10);
	}
	close(fd);
}
