/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Disks whose DMA goes straight into memory of the window under test. They are
 * NVMe namespaces that tests/check-direct-io gives the guest, known by their
 * serial numbers; $DIRECT_IO_DISK is another one that stands for the first.
 */
#ifndef PEERMR_DIRECT_IO_H
#define PEERMR_DIRECT_IO_H

#include <liburing.h>

#include "node.h"

/* Data from and to a file, which the host compares and traces. */
#define DISK_OF_FILE "peermr-file"
/* Zeroes, and 8 MiB a second of them. */
#define DISK_SLOW "peermr-slow"

/* Opens the disk; @flags are added to O_RDWR. */
static inline int disk_open(const char *serial, int flags)
{
	char path[300], found[64];
	const char *named = getenv("DIRECT_IO_DISK");
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	if (named && !strcmp(serial, DISK_OF_FILE)) {
		fd = open(named, O_RDWR | O_CLOEXEC | flags);
		if (fd < 0)
			TEST_FAIL("cannot open %s: %s", named, strerror(errno));
		return fd;
	}

	dir = opendir("/sys/block");
	CHECK(dir);
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/block/%s/device/serial",
			 entry->d_name);
		if (!file_read(path, found, sizeof(found)))
			continue;
		found[strcspn(found, " ")] = '\0';
		if (strcmp(found, serial))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC | flags);
		CHECK(fd >= 0);
	}
	closedir(dir);
	if (fd < 0)
		TEST_FAIL("there is no disk %s", serial);
	return fd;
}

static inline bool window_has_pages(void)
{
	char mode[16];

	CHECK(node_attr_text("mode", mode, sizeof(mode)));
	return !strcmp(mode, "pages");
}

/* A ring with [@memory, @memory + @length) registered as its only buffer. */
static inline int ring_open(struct io_uring *ring, void *memory, size_t length)
{
	struct iovec iov = { memory, length };

	CHECK_EQ(io_uring_queue_init(4, ring, 0), 0);
	return io_uring_register_buffers(ring, &iov, 1);
}

static inline void ring_start(struct io_uring *ring, int disk, bool write,
			      void *memory, size_t length, uint64_t at)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	CHECK(sqe);
	if (write)
		io_uring_prep_write_fixed(sqe, disk, memory,
					  (unsigned int)length, at, 0);
	else
		io_uring_prep_read_fixed(sqe, disk, memory,
					 (unsigned int)length, at, 0);
	CHECK_EQ(io_uring_submit(ring), 1);
}

/* Bytes that were moved, or a negative errno. */
static inline int ring_wait(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int result;

	CHECK_EQ(io_uring_wait_cqe(ring, &cqe), 0);
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

#endif /* PEERMR_DIRECT_IO_H */
