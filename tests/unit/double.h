/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Use a double of tests/doubles as a program that loads its runtime late. */
#ifndef PEERMR_DOUBLE_H
#define PEERMR_DOUBLE_H

#include <dlfcn.h>
#include <fcntl.h>

#include <peermr.h>

#include "testing.h"

static void *double_handle;

static inline void double_load(const char *path)
{
	double_handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!double_handle)
		TEST_FAIL("%s", dlerror());
}

static inline void *double_symbol(const char *name)
{
	void *symbol = dlsym(double_handle, name);

	if (!symbol)
		TEST_FAIL("the double has no %s", name);
	return symbol;
}

/* A function or object of the double that was loaded. */
#define DOUBLE(name) ((__typeof__(&(name)))double_symbol(#name))

/* @range is @length bytes like those at @memory, in an fd of its own. */
static inline void check_range(const struct peermr_range *range,
			       unsigned int memory,
			       const unsigned char *expected, size_t length)
{
	unsigned char bytes[512];

	CHECK_EQ(range->memory, memory);
	CHECK(fcntl(range->fd, F_GETFD) & FD_CLOEXEC);
	CHECK(range->length >= length);
	CHECK(length <= sizeof(bytes));
	CHECK_EQ(pread(range->fd, bytes, length, (off_t)range->offset), length);
	CHECK(!memcmp(bytes, expected, length));
}

static inline void check_closed(int fd)
{
	CHECK_ERRNO(fcntl(fd, F_GETFD) < 0, EBADF);
}

static inline void check_resolve_fails(const void *address, size_t length,
				       int error)
{
	struct peermr_range range;

	CHECK_EQ(peermr_resolve(address, length, &range), error);
	CHECK_EQ(range.fd, -1);
	peermr_range_release(&range);
}

#endif /* PEERMR_DOUBLE_H */
