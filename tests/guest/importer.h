/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A buffer of the window, its dma-buf, and the edu device that imports it:
 * $EDU_DEVICE, a node of edu_importer.ko. What the device did is looked at from
 * outside the guest, through outside.sh.
 */
#ifndef PEERMR_IMPORTER_H
#define PEERMR_IMPORTER_H

#include "edu_uapi.h"
#include "node.h"

#define SHARE "/mnt/share"
#define OUTSIDE "/usr/lib/peermr/tests/outside.sh"

/* What one command of the engine moves at most. */
#define CHUNK 2048

struct import {
	int window;
	uint64_t length;
	uint64_t handle;
	uint64_t placement;	/* of the buffer, in the window */
	int dmabuf;
	int device;
};

static inline void import_export(struct import *import, uint64_t length)
{
	struct peermr_alloc alloc = { .length = length };
	struct peermr_export export = { .size = sizeof(export) };

	import->window = node_open();
	CHECK(!node_try_alloc(import->window, &alloc));
	export.mmap_offset = alloc.mmap_offset;
	CHECK(!ioctl(import->window, PEERMR_IOC_EXPORT, &export));
	import->length = length;
	import->handle = alloc.mmap_offset;
	import->placement = alloc.placement;
	import->dmabuf = export.fd;
}

static inline int import_open_device(void)
{
	const char *device = getenv("EDU_DEVICE");
	int fd;

	CHECK(device);
	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		TEST_FAIL("cannot open %s: %s", device, strerror(errno));
	return fd;
}

/* Returns as ioctl(2). */
static inline int import_try_attach(struct import *import, uint32_t flags)
{
	struct edu_import_args args = { import->dmabuf, flags };

	import->device = import_open_device();
	return ioctl(import->device, EDU_IOC_IMPORT, &args);
}

static inline void import_open(struct import *import, uint64_t length,
			       uint32_t flags)
{
	import_export(import, length);
	if (import_try_attach(import, flags))
		TEST_FAIL("cannot import: %s", strerror(errno));
}

static inline void import_map(struct import *import)
{
	if (ioctl(import->device, EDU_IOC_MAP))
		TEST_FAIL("cannot map: %s", strerror(errno));
}

static inline struct edu_state import_state(struct import *import)
{
	struct edu_state state;

	CHECK(!ioctl(import->device, EDU_IOC_STATE, &state));
	return state;
}

static inline struct edu_segment import_segment(struct import *import,
						uint32_t index)
{
	struct edu_segment segment = { .index = index };

	CHECK(!ioctl(import->device, EDU_IOC_SEGMENT, &segment));
	return segment;
}

/* Returns as ioctl(2). */
static inline int import_try_transfer(struct import *import,
				      unsigned long request, uint64_t at,
				      void *data, uint32_t length,
				      uint32_t flags)
{
	struct edu_transfer transfer = {
		.user = (uintptr_t)data,
		.at = at,
		.length = length,
		.flags = flags,
	};

	return ioctl(import->device, request, &transfer);
}

static inline void import_write(struct import *import, uint64_t at, void *data,
				uint32_t length)
{
	if (import_try_transfer(import, EDU_IOC_TRANSFER, at, data, length, 0))
		TEST_FAIL("the device cannot write %u bytes at %llu: %s",
			  length, (unsigned long long)at, strerror(errno));
}

static inline void import_read(struct import *import, uint64_t at, void *data,
			       uint32_t length)
{
	if (import_try_transfer(import, EDU_IOC_TRANSFER, at, data, length,
				EDU_TRANSFER_FROM))
		TEST_FAIL("the device cannot read %u bytes at %llu: %s",
			  length, (unsigned long long)at, strerror(errno));
}

/* Random bytes, also in the file @name that the host sees. */
static inline void outside_pattern(const char *name, void *data, size_t length)
{
	char path[128];
	int fd;

	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(read(fd, data, length) == (ssize_t)length);
	close(fd);
	snprintf(path, sizeof(path), SHARE "/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	CHECK(fd >= 0);
	CHECK(write(fd, data, length) == (ssize_t)length);
	close(fd);
}

/* What the host answers to a request, and its exit status. */
static inline int outside_ask(char *answer, size_t size, const char *request)
{
	char command[256];
	FILE *pipe;
	size_t n;
	int status;

	snprintf(command, sizeof(command), OUTSIDE " %s", request);
	pipe = popen(command, "r");
	CHECK(pipe);
	n = fread(answer, 1, size - 1, pipe);
	answer[n] = '\0';
	status = pclose(pipe);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status);
}

/* The device's memory holds the pattern @name once, and just at @at. */
static inline void outside_check_at(const char *name, uint64_t at,
				    size_t length)
{
	char request[64], expected[64], answer[256];

	snprintf(request, sizeof(request), "find %s", name);
	snprintf(expected, sizeof(expected), "%llu 0 %zu\n",
		 (unsigned long long)at, length);
	outside_ask(answer, sizeof(answer), request);
	if (strcmp(answer, expected))
		TEST_FAIL("seen from outside, the pattern is at '%s', not '%s'",
			  answer, expected);
}

static inline void outside_check_absent(const char *name)
{
	char request[64], answer[256];

	snprintf(request, sizeof(request), "find %s", name);
	if (outside_ask(answer, sizeof(answer), request) != 1)
		TEST_FAIL("seen from outside, the pattern is at '%s'", answer);
}

/* Have the host write the pattern @name into the device's memory. */
static inline void outside_write(const char *name, uint64_t at)
{
	char request[64], answer[256];

	snprintf(request, sizeof(request), "write %llu %s",
		 (unsigned long long)at, name);
	CHECK(!outside_ask(answer, sizeof(answer), request));
}

/* The kernel's log from now on. */
static inline int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0);
	lseek(fd, 0, SEEK_END);
	return fd;
}

/* A line that has both texts comes within that time. */
static inline bool log_has(int fd, const char *text, const char *other, int ms)
{
	char record[1024];
	ssize_t n;

	for (; ms > 0; ms -= 50) {
		while ((n = read(fd, record, sizeof(record) - 1)) > 0 ||
		       (n < 0 && errno == EPIPE)) {
			record[n > 0 ? n : 0] = '\0';
			if (strstr(record, text) && strstr(record, other))
				return true;
		}
		sleep_ms(50);
	}
	return false;
}

/* Where the BAR with the window is on the bus (here: as the CPU sees it). */
static inline uint64_t node_bar_address(void)
{
	char path[128], text[2048];
	unsigned long long start;
	int fd, bar;
	ssize_t n;
	char *line;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
		 node_bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	close(fd);
	text[n] = '\0';
	line = text;
	for (bar = 0; bar < 2; bar++)
		line = strchr(line, '\n') + 1;
	CHECK(sscanf(line, "%llx", &start) == 1);
	return start;
}

#endif /* PEERMR_IMPORTER_H */
