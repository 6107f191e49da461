// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a program sees on a machine that has no window, or where it names
 * something else.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <peermr.h>

#include "testing.h"

static void skip_if_module_is_loaded(void)
{
	if (!access("/sys/class/peermr", F_OK))
		TEST_SKIP("peermr is loaded on this machine");
}

static void without_the_module_a_list_says_enodev(void)
{
	struct peermr_window_info dummy, *infos = &dummy;

	skip_if_module_is_loaded();
	CHECK_EQ(peermr_list(&infos), -ENODEV);
	CHECK(!infos);
}

static void without_the_module_any_window_is_enodev(void)
{
	skip_if_module_is_loaded();
	CHECK_ERRNO(!peermr_window_open(NULL), ENODEV);
}

static void a_window_that_does_not_exist_is_enoent(void)
{
	CHECK_ERRNO(!peermr_window_open("ffff:ff:1f.7-bar5"), ENOENT);
	CHECK_ERRNO(!peermr_window_open("/dev/peermr/none"), ENOENT);
}

static void a_name_with_a_slash_is_einval(void)
{
	CHECK_ERRNO(!peermr_window_open("../null"), EINVAL);
	CHECK_ERRNO(!peermr_window_open("dev/null"), EINVAL);
	CHECK_ERRNO(!peermr_window_open(".."), EINVAL);
	CHECK_ERRNO(!peermr_window_open(""), EINVAL);
}

static void a_path_too_long_is_enametoolong(void)
{
	static char path[2 * PATH_MAX];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	CHECK_ERRNO(!peermr_window_open(path), ENAMETOOLONG);
}

static void another_driver_is_enodev(void)
{
	CHECK_ERRNO(!peermr_window_open("/dev/null"), ENODEV);
	CHECK_ERRNO(!peermr_window_open("/dev/zero"), ENODEV);
}

static void something_that_is_no_device_is_enodev(void)
{
	char directory[] = "/tmp/peermr-open-XXXXXX";
	char file[64], fifo[64];
	int fd;

	CHECK(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/file", directory);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	fd = open(file, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!mkfifo(fifo, 0600));

	CHECK_ERRNO(!peermr_window_open(directory), ENODEV);
	CHECK_ERRNO(!peermr_window_open(file), ENODEV);
	CHECK_ERRNO(!peermr_window_open(fifo), ENODEV);
	unlink(file);
	unlink(fifo);
	rmdir(directory);
}

static void a_node_of_somebody_else_is_eacces(void)
{
	char file[] = "/tmp/peermr-open-XXXXXX";
	int fd;

	if (geteuid())
		TEST_SKIP("needs root, to become somebody else");
	fd = mkstemp(file);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!seteuid(65534));
	CHECK_ERRNO(!peermr_window_open(file), EACCES);
	CHECK(!seteuid(0));
	unlink(file);
}

static void a_process_without_descriptors_gets_emfile(void)
{
	struct rlimit limit, old;

	CHECK(!getrlimit(RLIMIT_NOFILE, &old));
	limit = old;
	limit.rlim_cur = 0;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_ERRNO(!peermr_window_open("/dev/null"), EMFILE);
	CHECK(!setrlimit(RLIMIT_NOFILE, &old));
}

static void a_failed_open_keeps_no_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	CHECK_ERRNO(!peermr_window_open("/dev/null"), ENODEV);
	CHECK_ERRNO(!peermr_window_open("/etc"), ENODEV);
	CHECK_EQ(open("/dev/null", O_RDONLY), fd);
}

static void closing_or_freeing_nothing_is_allowed(void)
{
	errno = EXDEV;
	peermr_window_close(NULL);
	peermr_buffer_free(NULL);
	CHECK_EQ(errno, EXDEV);
}

static void the_version_is_that_of_the_header(void)
{
	char version[32];

	snprintf(version, sizeof(version), "%d.%d.%d", PEERMR_VERSION_MAJOR,
		 PEERMR_VERSION_MINOR, PEERMR_VERSION_PATCH);
	CHECK(!strcmp(peermr_version(), version));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(without_the_module_a_list_says_enodev),
		TEST(without_the_module_any_window_is_enodev),
		TEST(a_window_that_does_not_exist_is_enoent),
		TEST(a_name_with_a_slash_is_einval),
		TEST(a_path_too_long_is_enametoolong),
		TEST(another_driver_is_enodev),
		TEST(something_that_is_no_device_is_enodev),
		TEST(a_node_of_somebody_else_is_eacces),
		TEST(a_process_without_descriptors_gets_emfile),
		TEST(a_failed_open_keeps_no_descriptor),
		TEST(closing_or_freeing_nothing_is_allowed),
		TEST(the_version_is_that_of_the_header),
	};

	return TEST_MAIN_RUN(tests);
}
