// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* libpeermr on a real window. usage: lib_test WINDOW */
#include <fcntl.h>
#include <pthread.h>

#include "window_under_test.h"

static void the_list_agrees_with_the_window(void)
{
	struct peermr_window *window = window_open();
	struct peermr_window_info info = window_info(window), *infos;
	int count, i;

	count = peermr_list(&infos);
	CHECK(count >= 1);
	for (i = 0; i < count && strcmp(infos[i].name, info.name); i++)
		;
	if (i == count)
		TEST_FAIL("%s is not in the list", info.name);
	CHECK_EQ(infos[i].mode, info.mode);
	CHECK_EQ(infos[i].numa_node, info.numa_node);
	CHECK_EQ(infos[i].size, info.size);
	CHECK_EQ(infos[i].free, info.free);
	CHECK_EQ(infos[i].granule, info.granule);
	CHECK_EQ(infos[i].quota, info.quota);
	CHECK_EQ(infos[i].quota_used, 0);
	free(infos);
	peermr_window_close(window);
}

static void a_window_is_opened_by_name_path_and_default(void)
{
	struct peermr_window *window = window_open();
	struct peermr_window_info info = window_info(window);
	char path[128];

	peermr_window_close(window);
	snprintf(path, sizeof(path), "/dev/peermr/%s", info.name);
	window = peermr_window_open(path);
	CHECK(window);
	CHECK(!strcmp(window_info(window).name, info.name));
	peermr_window_close(window);
	window = peermr_window_open(info.name);
	CHECK(window);
	peermr_window_close(window);
	window = peermr_window_open(NULL);
	CHECK(window);
	CHECK_EQ(fcntl(peermr_window_fd(window), F_GETFD), FD_CLOEXEC);
	peermr_window_close(window);
}

static void somebody_without_permission_gets_eacces(void)
{
	if (geteuid())
		TEST_SKIP("needs root, to become somebody else");
	CHECK(!seteuid(65534));
	CHECK_ERRNO(!peermr_window_open(window_name), EACCES);
	CHECK_ERRNO(!peermr_window_open(NULL), EACCES);
}

static void a_buffer_is_rounded_up_aligned_and_zeroed(void)
{
	struct peermr_window *window = window_open();
	uint64_t granule = window_info(window).granule;
	uint64_t before = window_free_bytes(window);
	struct peermr_buffer *buffer = buffer_alloc(window, granule + 1);
	struct peermr_buffer_info info = buffer_info(buffer);
	unsigned char *address = buffer_map(buffer);

	CHECK_EQ(info.length, 2 * granule);
	CHECK_EQ(info.placement % granule, 0);
	CHECK(info.mmap_offset);
	CHECK_EQ(info.mmap_offset % (2 * MIB), 0);
	CHECK_EQ(before - window_free_bytes(window), 2 * granule);
	CHECK_EQ((uintptr_t)address % (2 * MIB), 0);
	CHECK(buffer_map(buffer) == address);
	CHECK(all_bytes_are(address, info.length, 0));
	memset(address, 0x5a, info.length);
	CHECK(all_bytes_are(address, info.length, 0x5a));
	peermr_buffer_free(buffer);
	window_wait_free(window, before);
	peermr_window_close(window);
}

static void a_reused_place_is_zeroed_again(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	struct peermr_buffer_attr attr = {
		.flags = PEERMR_BUFFER_FIXED,
		.length = 4 * MIB,
		.placement = 0,
	};
	struct peermr_buffer *buffer;
	int i;

	for (i = 0; i < 3; i++) {
		buffer = peermr_buffer_alloc(window, &attr);
		CHECK(buffer);
		CHECK(all_bytes_are(buffer_map(buffer), attr.length, 0));
		memset(buffer_map(buffer), 0xa5, attr.length);
		peermr_buffer_free(buffer);
		window_wait_free(window, before);
	}
	peermr_window_close(window);
}

static void alignment_is_honoured(void)
{
	struct peermr_window *window = window_open();
	struct peermr_buffer_attr attr = { .length = 1 };
	struct peermr_buffer *buffer;
	uint64_t alignment, before;

	/* So that the first free place is odd. */
	buffer_alloc(window, 1);
	before = window_free_bytes(window);
	for (alignment = 1; alignment <= 16 * MIB; alignment *= 2) {
		attr.alignment = alignment;
		buffer = peermr_buffer_alloc(window, &attr);
		CHECK(buffer);
		CHECK_EQ(buffer_info(buffer).placement % alignment, 0);
		peermr_buffer_free(buffer);
		window_wait_free(window, before);
	}
	attr.alignment = 3 * MIB;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	peermr_window_close(window);
}

static void a_fixed_place_is_given_once(void)
{
	struct peermr_window *window = window_open();
	struct peermr_window *other = window_open();
	uint64_t granule = window_info(window).granule;
	uint64_t size = window_info(window).size;
	struct peermr_buffer_attr attr = {
		.flags = PEERMR_BUFFER_FIXED,
		.length = 2 * granule,
		.placement = 4 * granule,
	};
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);

	CHECK(buffer);
	CHECK_EQ(buffer_info(buffer).placement, 4 * granule);
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EBUSY);
	CHECK_ERRNO(!peermr_buffer_alloc(other, &attr), EBUSY);
	attr.placement = 5 * granule;
	CHECK_ERRNO(!peermr_buffer_alloc(other, &attr), EBUSY);
	attr.placement = 3 * granule;
	CHECK_ERRNO(!peermr_buffer_alloc(other, &attr), EBUSY);
	attr.placement = 6 * granule;
	CHECK(peermr_buffer_alloc(other, &attr));
	attr.placement = 8 * granule + 1;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);

	/* The last place, and those that do not fit. */
	attr.placement = size - 2 * granule;
	CHECK(peermr_buffer_alloc(window, &attr));
	attr.placement = size - granule;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	attr.placement = size;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	attr.placement = -granule;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	peermr_window_close(other);
	peermr_window_close(window);
}

static void impossible_lengths_are_refused(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	struct peermr_buffer_attr attr = { 0 };

	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	attr.length = window_info(window).size + 1;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), ENOSPC);
	attr.length = INT64_MAX;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), ENOSPC);
	attr.length = UINT64_MAX;
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), ENOSPC);
	CHECK_EQ(window_free_bytes(window), before);
	peermr_window_close(window);
}

static void a_full_window_is_enospc_and_recovers(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	struct peermr_buffer_attr attr = {
		.length = window_info(window).granule,
	};
	uint64_t total = 0;

	/* In pieces that double, so that an 8 GiB window ends soon. */
	while (attr.length >= window_info(window).granule) {
		if (peermr_buffer_alloc(window, &attr)) {
			total += attr.length;
			attr.length *= 2;
		} else {
			CHECK_EQ(errno, ENOSPC);
			attr.length /= 2;
		}
	}
	CHECK_EQ(total, before);
	CHECK_EQ(window_free_bytes(window), 0);
	peermr_window_close(window);
	window = window_open();
	window_wait_free(window, before);
	peermr_window_close(window);
}

static void a_handle_is_never_used_again(void)
{
	enum { ROUNDS = 200 };
	struct peermr_window *window = window_open();
	uint64_t handles[ROUNDS];
	struct peermr_buffer *buffer;
	int i, j;

	for (i = 0; i < ROUNDS; i++) {
		buffer = buffer_alloc(window, 1);
		handles[i] = buffer_info(buffer).mmap_offset;
		for (j = 0; j < i; j++)
			CHECK(handles[i] != handles[j]);
		peermr_buffer_free(buffer);
	}
	peermr_window_close(window);
}

static void a_pointer_leads_to_its_buffer(void)
{
	struct peermr_window *window = window_open();
	struct peermr_buffer *buffer = buffer_alloc(window, 6 * MIB);
	struct peermr_buffer *neighbour = buffer_alloc(window, 2 * MIB);
	struct peermr_buffer_info expected = buffer_info(buffer);
	unsigned char *address = buffer_map(buffer);
	struct peermr_pointer_info info;
	const size_t offsets[] = { 0, 1, 4096, 3 * MIB + 7, 6 * MIB - 1 };
	size_t i;

	buffer_map(neighbour);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		CHECK_EQ(peermr_lookup(window, address + offsets[i], &info), 0);
		CHECK(info.start == address);
		CHECK_EQ(info.length, expected.length);
		CHECK_EQ(info.offset, offsets[i]);
		CHECK(!memcmp(&info.buffer, &expected, sizeof(expected)));
	}
	CHECK_EQ(peermr_lookup(window, &info, &info), -ENOENT);
	CHECK_EQ(peermr_lookup(window, NULL, &info), -ENOENT);
	CHECK_EQ(peermr_lookup(window, (void *)-1L, &info), -ENOENT);
	peermr_buffer_free(buffer);
	CHECK_EQ(peermr_lookup(window, address, &info), -ENOENT);
	peermr_window_close(window);
}

static void two_windows_of_one_device_keep_their_buffers_apart(void)
{
	struct peermr_window *one = window_open(), *two = window_open();
	struct peermr_buffer *mine = buffer_alloc(one, 2 * MIB);
	struct peermr_buffer *theirs = buffer_alloc(two, 2 * MIB);

	memset(buffer_map(mine), 0x11, 2 * MIB);
	CHECK(all_bytes_are(buffer_map(theirs), 2 * MIB, 0));
	memset(buffer_map(theirs), 0x22, 2 * MIB);
	CHECK(all_bytes_are(buffer_map(mine), 2 * MIB, 0x11));
	peermr_window_close(one);
	CHECK(all_bytes_are(buffer_map(theirs), 2 * MIB, 0x22));
	peermr_window_close(two);
}

struct forked {
	struct peermr_window *window;
	struct peermr_buffer *buffer;
	unsigned char *address;
};

static void write_and_close(void *arg)
{
	struct forked *forked = arg;

	CHECK_EQ(forked->address[0], 1);
	forked->address[1] = 2;
	peermr_buffer_free(forked->buffer);
	peermr_window_close(forked->window);
}

static void a_forked_child_shares_and_cannot_free(void)
{
	struct forked forked;
	void *again;

	forked.window = window_open();
	forked.buffer = buffer_alloc(forked.window, 2 * MIB);
	forked.address = buffer_map(forked.buffer);
	forked.address[0] = 1;
	in_child(write_and_close, &forked);
	CHECK_EQ(forked.address[1], 2);
	/* The handle still works. */
	again = mmap(NULL, 2 * MIB, PROT_READ, MAP_SHARED,
		     peermr_window_fd(forked.window),
		     (off_t)buffer_info(forked.buffer).mmap_offset);
	CHECK(again != MAP_FAILED);
	CHECK_EQ(((unsigned char *)again)[1], 2);
	peermr_window_close(forked.window);
}

static void closing_a_window_unmaps_and_frees(void)
{
	struct peermr_window *observer = window_open();
	uint64_t before = window_free_bytes(observer);
	struct peermr_window *window = window_open();
	unsigned char *address;
	int copy;

	address = buffer_map(buffer_alloc(window, 8 * MIB));
	buffer_alloc(window, 2 * MIB);
	address[0] = 1;
	/* Nor does a copy of the descriptor keep them. */
	copy = dup(peermr_window_fd(window));
	CHECK(copy >= 0);
	peermr_window_close(window);
	CHECK_ERRNO(msync(address, 4096, MS_ASYNC), ENOMEM);
	window_wait_free(observer, before);
	close(copy);
	peermr_window_close(observer);
}

#define THREADS 4
#define ROUNDS 40

static void *allocate_write_and_free(void *arg)
{
	struct peermr_window *window = arg;
	struct peermr_pointer_info info;
	struct peermr_buffer *buffer;
	unsigned char *address;
	unsigned char mine;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		buffer = buffer_alloc(window, 2 * MIB);
		address = buffer_map(buffer);
		CHECK(all_bytes_are(address, 2 * MIB, 0));
		mine = (unsigned char)(uintptr_t)&info >> 4 | 1;
		memset(address, mine, 2 * MIB);
		CHECK_EQ(peermr_lookup(window, address, &info), 0);
		CHECK_EQ(info.buffer.mmap_offset,
			 buffer_info(buffer).mmap_offset);
		CHECK(all_bytes_are(address, 2 * MIB, mine));
		peermr_buffer_free(buffer);
	}
	return NULL;
}

static void threads_allocate_and_free_at_once(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL,
					allocate_write_and_free, window), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	window_wait_free(window, before);
	peermr_window_close(window);
}

static void the_library_has_the_version_of_its_header(void)
{
	char version[32];

	snprintf(version, sizeof(version), "%d.%d.%d", PEERMR_VERSION_MAJOR,
		 PEERMR_VERSION_MINOR, PEERMR_VERSION_PATCH);
	CHECK(!strcmp(peermr_version(), version));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(the_library_has_the_version_of_its_header),
		TEST(the_list_agrees_with_the_window),
		TEST(a_window_is_opened_by_name_path_and_default),
		TEST(somebody_without_permission_gets_eacces),
		TEST(a_buffer_is_rounded_up_aligned_and_zeroed),
		TEST(a_reused_place_is_zeroed_again),
		TEST(alignment_is_honoured),
		TEST(a_fixed_place_is_given_once),
		TEST(impossible_lengths_are_refused),
		TEST(a_full_window_is_enospc_and_recovers),
		TEST(a_handle_is_never_used_again),
		TEST(a_pointer_leads_to_its_buffer),
		TEST(two_windows_of_one_device_keep_their_buffers_apart),
		TEST(a_forked_child_shares_and_cannot_free),
		TEST(closing_a_window_unmaps_and_frees),
		TEST(threads_allocate_and_free_at_once),
	};

	return WINDOW_TEST_MAIN(argc, argv, tests);
}
