// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <limits.h>

#include <peermr.h>

#include "name.h"
#include "testing.h"

static char path[PATH_MAX];

static void a_name_is_below_the_device_directory(void)
{
	CHECK_EQ(peermr_name_to_path("0000:01:00.0-bar2", path, sizeof(path)),
		 0);
	CHECK(!strcmp(path, "/dev/peermr/0000:01:00.0-bar2"));
}

static void an_absolute_path_is_kept(void)
{
	CHECK_EQ(peermr_name_to_path("/tmp/../dev/x", path, sizeof(path)), 0);
	CHECK(!strcmp(path, "/tmp/../dev/x"));
}

static void a_relative_path_is_refused(void)
{
	static const char *const names[] = {
		"",	"..",	 ".",	      "../null",
		"a/b",	"./x",	 "peermr/x",  "0000:01:00.0-bar2/",
		"../",	"x/../y", "../../etc/passwd",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_EQ(peermr_name_to_path(names[i], path, sizeof(path)),
			 -EINVAL);
}

static void a_name_may_fill_the_info_but_not_overflow_it(void)
{
	char name[PEERMR_NAME_LEN + 1];

	memset(name, 'x', sizeof(name));
	name[PEERMR_NAME_LEN - 1] = '\0';
	CHECK_EQ(peermr_name_to_path(name, path, sizeof(path)), 0);
	name[PEERMR_NAME_LEN - 1] = 'x';
	name[PEERMR_NAME_LEN] = '\0';
	CHECK_EQ(peermr_name_to_path(name, path, sizeof(path)), -EINVAL);
}

static void a_path_that_does_not_fit_is_refused(void)
{
	char small[8];

	CHECK_EQ(peermr_name_to_path("/1234567", small, sizeof(small)),
		 -ENAMETOOLONG);
	CHECK_EQ(peermr_name_to_path("/123456", small, sizeof(small)), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_name_is_below_the_device_directory),
		TEST(an_absolute_path_is_kept),
		TEST(a_relative_path_is_refused),
		TEST(a_name_may_fill_the_info_but_not_overflow_it),
		TEST(a_path_that_does_not_fit_is_refused),
	};

	return TEST_MAIN_RUN(tests);
}
