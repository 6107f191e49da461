// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each allocation that the kernel makes for a dma-buf fails once, on a kernel
 * that can be told to (CONFIG_FAULT_INJECTION), and so does each copy from and to
 * the program: the caller gets ENOMEM or EFAULT, and nothing is left. edu.sh has
 * the device ready.
 * usage: EDU_DEVICE=NODE edu_fault_test [WINDOW [TEST...]]
 */
#include "importer.h"

#define LENGTH (4 * MIB)

/* More than any of these operations makes of both. */
#define MANY 500

static int fail_nth;

static void set(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	if (!file_write(path, value))
		TEST_SKIP("this kernel makes no allocation fail: no %s", path);
}

static void faults_open(void)
{
	/* Those that may sleep are all that there are; and no stack traces. */
	set("failslab/ignore-gfp-wait", "N");
	set("failslab/verbose", "0");
	set("fail_page_alloc/ignore-gfp-wait", "N");
	set("fail_page_alloc/ignore-gfp-highmem", "N");
	set("fail_page_alloc/verbose", "0");
	set("fail_usercopy/verbose", "0");
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		TEST_SKIP("this kernel cannot make one allocation fail");
}

static bool fault_arm(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(fail_nth, text, (size_t)n, 0) == n;
}

/* Whether one was reached and failed; no other fails from now on. */
static bool fault_disarm(void)
{
	char text[16] = "";

	/* To ask is a copy, too, which may be the one; so is to disarm. */
	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0) {
		CHECK_EQ(errno, EFAULT);
		return false;
	}
	CHECK(fault_arm(0) || fault_arm(0));
	return !strtoul(text, NULL, 10);
}

/* Let @attempt, which returns as ioctl(2), fail at each of its allocations. */
static void check_each_failure(int (*attempt)(void), void (*undo)(void))
{
	int fds = fds_open(), failures = 0, ret, error;
	unsigned int nth;
	bool failed;

	for (nth = 1; nth < MANY; nth++) {
		CHECK(fault_arm(nth));
		errno = 0;
		ret = attempt();
		error = errno;
		failed = fault_disarm();
		if (ret) {
			if (!failed || (error != ENOMEM && error != EFAULT))
				TEST_FAIL("number %u failed: %s", nth,
					  strerror(error));
			failures++;
		} else {
			undo();
		}
		CHECK_EQ(fds_open(), fds);
		if (!failed)
			break;
	}
	CHECK(nth < MANY);
	CHECK(failures > 0);
}

static struct import import;
static void *memory;

static int try_alloc(void)
{
	struct peermr_alloc alloc = { .length = LENGTH };
	int ret = node_try_alloc(import.window, &alloc);

	import.handle = alloc.mmap_offset;
	return ret;
}

static void undo_alloc(void)
{
	CHECK(!node_free(import.window, import.handle));
	node_check_settled();
}

static void allocation(void)
{
	faults_open();
	import.window = node_open();
	check_each_failure(try_alloc, undo_alloc);
}

static int try_export(void)
{
	struct peermr_export export = {
		.size = sizeof(export),
		.mmap_offset = import.handle,
	};
	int ret = ioctl(import.window, PEERMR_IOC_EXPORT, &export);

	import.dmabuf = export.fd;
	return ret;
}

static void undo_export(void)
{
	close(import.dmabuf);
}

static void export(void)
{
	faults_open();
	import.window = node_open();
	import.handle = node_alloc(import.window, LENGTH);
	check_each_failure(try_export, undo_export);
	undo_alloc();
}

static int try_map(void)
{
	memory = node_try_map(import.dmabuf, LENGTH, 0);
	return memory == MAP_FAILED ? -1 : 0;
}

static void undo_map(void)
{
	CHECK(!munmap(memory, LENGTH));
}

static void mapping_by_the_cpu(void)
{
	faults_open();
	import_export(&import, LENGTH);
	check_each_failure(try_map, undo_map);
	close(import.dmabuf);
	undo_alloc();
}

static int try_import(void)
{
	struct edu_import_args args = { .fd = import.dmabuf };
	int error;

	import.device = open(getenv("EDU_DEVICE"), O_RDWR | O_CLOEXEC);
	if (import.device < 0)
		return -1;
	if (!ioctl(import.device, EDU_IOC_IMPORT, &args) &&
	    !ioctl(import.device, EDU_IOC_MAP))
		return 0;
	error = errno;
	close(import.device);
	errno = error;
	return -1;
}

static void undo_import(void)
{
	close(import.device);
}

static void mapping_by_a_device(void)
{
	faults_open();
	import_export(&import, LENGTH);
	check_each_failure(try_import, undo_import);
	close(import.dmabuf);
	undo_alloc();
}

/* One failure does not do: the tree of handles tries again. */
static void freeing_without_memory(void)
{
	int fail, ret, error;

	faults_open();
	set("failslab/task-filter", "Y");
	set("failslab/times", "-1");
	fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	CHECK(fail >= 0);
	import.window = node_open();
	import.handle = node_alloc(import.window, LENGTH);
	set("failslab/probability", "100");
	CHECK_EQ(write(fail, "1", 1), 1);
	ret = node_free(import.window, import.handle);
	error = errno;
	CHECK_EQ(pwrite(fail, "0", 1, 0), 1);
	set("failslab/probability", "0");
	set("failslab/task-filter", "N");

	/* Either it is there as before, or it is gone. */
	if (ret) {
		CHECK_EQ(error, ENOMEM);
		CHECK(!try_export());
		undo_export();
		CHECK(!node_free(import.window, import.handle));
	}
	CHECK_ERRNO(try_export(), ENOENT);
	node_check_settled();
}

static const struct test tests[] = {
	{ "allocation_survives_each_failure", allocation },
	{ "export_survives_each_failure", export },
	{ "mapping_by_the_cpu_survives_each_failure", mapping_by_the_cpu },
	{ "mapping_by_a_device_survives_each_failure", mapping_by_a_device },
	{ "freeing_without_memory_changes_nothing", freeing_without_memory },
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
