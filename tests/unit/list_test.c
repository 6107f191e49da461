// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Parses class directories that are made up in /tmp, as the kernel lays them
 * out: symbolic links to one directory per window.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include <peermr.h>

#include "sysfs.h"
#include "testing.h"

static char root[64];
static int rootfd = -1;

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void)
{
	strcpy(root, "/tmp/peermr-list-XXXXXX");
	CHECK(mkdtemp(root));
	rootfd = open(root, O_RDONLY | O_DIRECTORY);
	CHECK(rootfd >= 0);
	CHECK(!mkdirat(rootfd, "devices", 0700));
	CHECK(!mkdirat(rootfd, "class", 0700));
	CHECK(!atexit(remove_root));
}

static void write_attribute(const char *window, const char *attribute,
			    const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "devices/%s/%s", window, attribute);
	fd = openat(rootfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make_window(const char *name)
{
	char path[256], target[256];

	snprintf(path, sizeof(path), "devices/%s", name);
	CHECK(!mkdirat(rootfd, path, 0700));
	snprintf(path, sizeof(path), "class/%s", name);
	snprintf(target, sizeof(target), "../devices/%s", name);
	CHECK(!symlinkat(target, rootfd, path));

	write_attribute(name, "size", "268435456\n");
	write_attribute(name, "free", "266338304\n");
	write_attribute(name, "granule", "2097152\n");
	write_attribute(name, "quota", "0\n");
	write_attribute(name, "mode", "pages\n");
	write_attribute(name, "numa_node", "-1\n");
}

static int list(struct peermr_window_info **infos)
{
	int fd = openat(rootfd, "class", O_RDONLY | O_DIRECTORY);

	CHECK(fd >= 0);
	return peermr_sysfs_list(fd, infos);
}

static void an_empty_class_has_no_windows(void)
{
	struct peermr_window_info dummy, *infos = &dummy;

	make_root();
	CHECK_EQ(list(&infos), 0);
	CHECK(!infos);
}

static void every_attribute_is_read(void)
{
	struct peermr_window_info *infos;

	make_root();
	make_window("0000:02:00.0-bar2");
	write_attribute("0000:02:00.0-bar2", "size", "8589934592\n");
	write_attribute("0000:02:00.0-bar2", "mode", "pfn\n");
	write_attribute("0000:02:00.0-bar2", "numa_node", "1\n");
	write_attribute("0000:02:00.0-bar2", "quota", "18446744073709551615");

	CHECK_EQ(list(&infos), 1);
	CHECK(!strcmp(infos[0].name, "0000:02:00.0-bar2"));
	CHECK_EQ(infos[0].size, 8589934592);
	CHECK_EQ(infos[0].free, 266338304);
	CHECK_EQ(infos[0].granule, 2097152);
	CHECK_EQ(infos[0].mode, PEERMR_WINDOW_PFN);
	CHECK_EQ(infos[0].numa_node, 1);
	CHECK(infos[0].quota == UINT64_MAX);
	CHECK_EQ(infos[0].quota_used, 0);
	free(infos);
}

static void windows_are_sorted_by_name(void)
{
	struct peermr_window_info *infos;
	char name[32];
	int i;

	make_root();
	for (i = 40; i-- > 0;) {
		snprintf(name, sizeof(name), "0000:%02x:00.0-bar0",
			 (i * 7) % 40);
		make_window(name);
	}
	CHECK_EQ(list(&infos), 40);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "0000:%02x:00.0-bar0", i);
		CHECK(!strcmp(infos[i].name, name));
		CHECK_EQ(infos[i].mode, PEERMR_WINDOW_PAGES);
		CHECK_EQ(infos[i].numa_node, -1);
	}
	free(infos);
}

static void a_window_that_goes_away_meanwhile_is_left_out(void)
{
	struct peermr_window_info *infos;

	make_root();
	make_window("0000:01:00.0-bar0");
	make_window("0000:02:00.0-bar0");
	/* Gone before its directory was opened, and after. */
	CHECK(!symlinkat("../devices/gone", rootfd, "class/0000:03:00.0-bar0"));
	CHECK(!unlinkat(rootfd, "devices/0000:01:00.0-bar0/mode", 0));

	CHECK_EQ(list(&infos), 1);
	CHECK(!strcmp(infos[0].name, "0000:02:00.0-bar0"));
	free(infos);
}

static void nonsense_in_an_attribute_is_an_error(void)
{
	static const struct {
		const char *attribute;
		const char *text;
	} cases[] = {
		{ "size", "" },
		{ "size", "\n" },
		{ "size", "-4096\n" },
		{ "size", " 4096\n" },
		{ "size", "+4096\n" },
		{ "size", "0x1000\n" },
		{ "size", "4096 bytes\n" },
		{ "size", "18446744073709551616\n" },
		{ "free", "many\n" },
		{ "granule", "2M\n" },
		{ "quota", "none\n" },
		{ "mode", "PAGES\n" },
		{ "mode", "" },
		{ "numa_node", "" },
		{ "numa_node", "-2\n" },
		{ "numa_node", "2147483648\n" },
		{ "numa_node", "99999999999999999999\n" },
	};
	struct peermr_window_info *infos;
	size_t i;

	make_root();
	make_window("0000:01:00.0-bar0");
	make_window("0000:02:00.0-bar0");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char saved[64];
		ssize_t length;
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "devices/0000:02:00.0-bar0/%s",
			 cases[i].attribute);
		fd = openat(rootfd, path, O_RDONLY);
		CHECK(fd >= 0);
		length = read(fd, saved, sizeof(saved) - 1);
		CHECK(length > 0);
		saved[length] = '\0';
		close(fd);

		write_attribute("0000:02:00.0-bar0", cases[i].attribute,
				cases[i].text);
		if (list(&infos) != -EIO)
			TEST_FAIL("%s \"%s\" was accepted", cases[i].attribute,
				  cases[i].text);
		CHECK(!infos);
		write_attribute("0000:02:00.0-bar0", cases[i].attribute, saved);
	}
	CHECK_EQ(list(&infos), 2);
	free(infos);
}

static void a_name_too_long_for_the_info_is_an_error(void)
{
	char name[PEERMR_NAME_LEN + 1] = { 0 };
	struct peermr_window_info *infos;

	make_root();
	memset(name, 'w', PEERMR_NAME_LEN - 1);
	make_window(name);
	CHECK_EQ(list(&infos), 1);
	CHECK(!strcmp(infos[0].name, name));
	free(infos);
	name[PEERMR_NAME_LEN - 1] = 'w';
	make_window(name);
	CHECK_EQ(list(&infos), -EIO);
}

static void the_directory_is_closed(void)
{
	struct peermr_window_info *infos;
	int fd, i;

	make_root();
	make_window("0000:01:00.0-bar0");
	fd = open("/dev/null", O_RDONLY);
	close(fd);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(list(&infos), 1);
		free(infos);
	}
	CHECK_EQ(open("/dev/null", O_RDONLY), fd);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_empty_class_has_no_windows),
		TEST(every_attribute_is_read),
		TEST(windows_are_sorted_by_name),
		TEST(a_window_that_goes_away_meanwhile_is_left_out),
		TEST(nonsense_in_an_attribute_is_an_error),
		TEST(a_name_too_long_for_the_info_is_an_error),
		TEST(the_directory_is_closed),
	};

	return TEST_MAIN_RUN(tests);
}
