/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The window under test, through its device node and sysfs alone, without
 * libpeermr. A program that includes this is called as
 *
 *   PROGRAM [WINDOW [TEST...]]
 *
 * WINDOW is a path or a name below /dev/peermr, by default $PEERMR_WINDOW or
 * the first one of the system. Each test must leave the window as it found it:
 * no buffer, no pin, all memory free.
 */
#ifndef PEERMR_NODE_H
#define PEERMR_NODE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <linux/peermr.h>

#include "testing.h"

#define KIB 1024UL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/*
 * How long memory may take to come back; the reaper looks once a second, and
 * zeroes it.
 */
#define NODE_SETTLE_MS		10000
#define NODE_SETTLE_MS_GIB	5000

/*
 * Seconds that a test may take unless it calls alarm() itself; a debug kernel on
 * a busy host takes 120 for what takes 8 elsewhere.
 */
#define NODE_TEST_LIMIT 300

static char node_path[128];	/* /dev/peermr/0000:01:00.0-bar2 */
static const char *node_name;	/* in node_path */
static char node_bdf[64];	/* 0000:01:00.0 */
static char node_driver[64];	/* that offers the window */

static inline void sleep_ms(long ms)
{
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&pause, &pause) && errno == EINTR)
		;
}

/* A number that the caller of the program may set in the environment. */
static inline unsigned long test_parameter(const char *name,
					   unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static inline bool file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

static inline bool file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static inline void node_attr_path(const char *attr, char *path, size_t size)
{
	snprintf(path, size, "/sys/class/peermr/%s/%s", node_name, attr);
}

static inline bool node_attr_text(const char *attr, char *text, size_t size)
{
	char path[256];

	node_attr_path(attr, path, sizeof(path));
	return file_read(path, text, size);
}

static inline uint64_t node_attr(const char *attr)
{
	char text[64];

	if (!node_attr_text(attr, text, sizeof(text)))
		TEST_FAIL("cannot read %s of %s: %s", attr, node_name,
			  strerror(errno));
	return strtoull(text, NULL, 10);
}

static inline void node_attr_set(const char *attr, uint64_t value)
{
	char path[256], text[32];

	node_attr_path(attr, path, sizeof(path));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (!file_write(path, text))
		TEST_FAIL("cannot write %s to %s: %s", text, path,
			  strerror(errno));
}

/* "pinned" may be a little old: wait for a value. */
static inline void node_attr_wait(const char *attr, uint64_t expected)
{
	uint64_t value = 0;
	int ms;

	for (ms = 0; ms < NODE_SETTLE_MS; ms += 20) {
		value = node_attr(attr);
		if (value == expected)
			return;
		sleep_ms(20);
	}
	TEST_FAIL("%s is %llu after %d s, not %llu", attr,
		  (unsigned long long)value, NODE_SETTLE_MS / 1000,
		  (unsigned long long)expected);
}

static inline int node_open(void)
{
	int fd = open(node_path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		TEST_FAIL("cannot open %s: %s", node_path, strerror(errno));
	return fd;
}

/* Fills @alloc with the answer; returns as ioctl(2). */
static inline int node_try_alloc(int fd, struct peermr_alloc *alloc)
{
	alloc->size = sizeof(*alloc);
	return ioctl(fd, PEERMR_IOC_ALLOC, alloc);
}

static inline uint64_t node_alloc(int fd, uint64_t length)
{
	struct peermr_alloc alloc = { .length = length };

	if (node_try_alloc(fd, &alloc))
		TEST_FAIL("cannot allocate %llu bytes: %s",
			  (unsigned long long)length, strerror(errno));
	return alloc.mmap_offset;
}

static inline int node_free(int fd, uint64_t handle)
{
	struct peermr_free request = {
		.size = sizeof(request),
		.mmap_offset = handle,
	};

	return ioctl(fd, PEERMR_IOC_FREE, &request);
}

static inline int node_query(int fd, struct peermr_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	return ioctl(fd, PEERMR_IOC_QUERY, query);
}

/* The buffer at or after *@placement; returns as ioctl(2). */
static inline int node_holder(int fd, uint64_t placement,
			      struct peermr_holder *holder)
{
	memset(holder, 0, sizeof(*holder));
	holder->size = sizeof(*holder);
	holder->placement = placement;
	return ioctl(fd, PEERMR_IOC_HOLDER, holder);
}

static inline int node_revoke(int fd, uint32_t flags)
{
	struct peermr_revoke request = {
		.size = sizeof(request),
		.flags = flags,
	};

	return ioctl(fd, PEERMR_IOC_REVOKE, &request);
}

/* @handle 0 allocates. */
static inline void *node_try_map(int fd, uint64_t length, uint64_t handle)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)handle);
}

static inline unsigned char *node_map(int fd, uint64_t length, uint64_t handle)
{
	void *address = node_try_map(fd, length, handle);

	if (address == MAP_FAILED)
		TEST_FAIL("cannot map %llu bytes at %#llx: %s",
			  (unsigned long long)length,
			  (unsigned long long)handle, strerror(errno));
	return address;
}

/* A fresh buffer of a file that is closed again: only the mapping holds it. */
static inline unsigned char *node_map_fresh(uint64_t length)
{
	int fd = node_open();
	unsigned char *address = node_map(fd, length, 0);

	close(fd);
	return address;
}

static inline bool node_is_live(void)
{
	char state[32];

	return node_attr_text("state", state, sizeof(state)) &&
	       !strcmp(state, "live") && !access(node_path, F_OK);
}

/* Write the device's address to a file of the driver that has the window. */
static inline bool node_driver_write(const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", node_driver,
		 file);
	return file_write(path, node_bdf);
}

static inline bool node_unbind(void)
{
	return node_driver_write("unbind");
}

/* The driver still wants it: driver_override stays set. */
static inline bool node_bind(void)
{
	return node_driver_write("bind") && node_is_live();
}

static inline void node_driver_find(void)
{
	char path[128], link[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", node_bdf);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return;
	link[length] = '\0';
	snprintf(node_driver, sizeof(node_driver), "%.63s",
		 strrchr(link, '/') + 1);
}

/* What is still held, or NULL; a static buffer. */
static inline const char *node_leftovers(void)
{
	static const char * const attrs[] = {
		"buffers", "pinned", "quarantined", "free", "size",
	};
	static char text[256];
	unsigned long long value[5];
	char number[32];
	size_t i;

	for (i = 0; i < 5; i++) {
		if (!node_attr_text(attrs[i], number, sizeof(number)))
			return "the window is gone";
		value[i] = strtoull(number, NULL, 10);
	}
	if (!value[0] && !value[1] && !value[2] && value[3] == value[4])
		return NULL;
	snprintf(text, sizeof(text),
		 "buffers %llu, pinned %llu, quarantined %llu, free %llu of %llu",
		 value[0], value[1], value[2], value[3], value[4]);
	return text;
}

/* Wait until nothing is held; what is still held after that time, or NULL. */
static inline const char *node_settle(void)
{
	const char *left = node_leftovers();
	uint64_t ms, limit = NODE_SETTLE_MS;

	if (left)
		limit += node_attr("size") / GIB * NODE_SETTLE_MS_GIB;
	for (ms = 0; left && ms < limit; ms += 20) {
		sleep_ms(20);
		left = node_leftovers();
	}
	return left;
}

static inline void node_check_settled(void)
{
	const char *left = node_settle();

	if (left)
		TEST_FAIL("%s", left);
}

static inline bool node_find(const char *window)
{
	static char first[64];
	struct dirent *entry;
	DIR *dir;

	if (!window)
		window = getenv("PEERMR_WINDOW");
	dir = window ? NULL : opendir("/sys/class/peermr");
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !window) {
			snprintf(first, sizeof(first), "%.63s", entry->d_name);
			window = first;
		}
	if (dir)
		closedir(dir);
	if (!window)
		return false;
	snprintf(node_path, sizeof(node_path), "%s%s",
		 window[0] == '/' ? "" : "/dev/peermr/", window);
	node_name = strrchr(node_path, '/') + 1;
	if (strstr(node_name, "-bar"))
		snprintf(node_bdf, sizeof(node_bdf), "%.*s",
			 (int)(strstr(node_name, "-bar") - node_name),
			 node_name);
	node_driver_find();
	return true;
}

/* Undo what a test that ended in the middle may have changed. */
static inline void node_restore(void)
{
	char path[256];

	if (!node_is_live()) {
		node_unbind();
		node_bind();
	}
	node_attr_path("quota", path, sizeof(path));
	file_write(path, "0");
	chmod(node_path, 0600);
}

static inline bool node_test_chosen(const struct test *test, int argc,
				    char **argv)
{
	int i;

	for (i = 2; i < argc; i++)
		if (!strcmp(argv[i], test->name))
			return true;
	return argc <= 2;
}

static const struct test *node_test;

static inline void node_test_run_limited(void)
{
	alarm(NODE_TEST_LIMIT);
	node_test->run();
}

/* A test that hangs is killed by SIGALRM. */
static inline int node_test_run_one(const struct test *test)
{
	struct test limited = { test->name, node_test_run_limited };

	node_test = test;
	return test_run_one(&limited);
}

/* Exit status of a program whose arguments are as above. */
static inline int node_test_main(int argc, char **argv,
				 const struct test *tests, size_t count)
{
	size_t i, chosen = 0, skipped = 0;
	int status, failed = 0;
	const char *left;

	if (!node_find(argc > 1 ? argv[1] : NULL)) {
		printf("FAIL a_window_is_there: /sys/class/peermr has none\n");
		return TEST_FAILED;
	}
	left = node_leftovers();
	if (left) {
		printf("FAIL %s_is_unused: %s\n", node_name, left);
		return TEST_FAILED;
	}
	for (i = 0; i < count; i++) {
		if (!node_test_chosen(&tests[i], argc, argv))
			continue;
		chosen++;
		status = node_test_run_one(&tests[i]);
		skipped += status == TEST_SKIPPED;
		failed |= status == TEST_FAILED;
		node_restore();
		left = node_settle();
		if (left) {
			printf("FAIL nothing_is_left_by_%s: %s\n",
			       tests[i].name, left);
			failed = 1;
		}
	}
	if (!chosen) {
		fprintf(stderr, "usage: %s [WINDOW [TEST...]]\n", argv[0]);
		return 2;
	}
	return test_verdict(failed, skipped == chosen);
}

#define NODE_TEST_MAIN(argc, argv, tests)                                      \
	node_test_main(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* PEERMR_NODE_H */
