// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Pointers of a window and dma-bufs: peermr_buffer_export(), peermr_resolve(),
 * peermr_register_range(); in either mode of the window.
 * usage: resolve_test peermr [TEST...]
 */
#include <pthread.h>
#include <sys/resource.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "dmabuf.h"
#include "pattern.h"
#include "process.h"
#include "range.h"

static void a_window_pointer_is_an_offset_in_a_dmabuf(void)
{
	static const size_t offsets[] = { 0, 1, 4096, 2 * MIB + 4097,
					  LENGTH - 1 };
	struct peermr_window *window = peermr_window_open(node_path);
	struct peermr_buffer_attr attr = { .length = LENGTH };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);
	unsigned char *address = peermr_buffer_map(buffer);
	struct peermr_range range;
	size_t i;

	pattern_fill(address, LENGTH, 1);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		CHECK_EQ(peermr_resolve(address + offsets[i],
					LENGTH - offsets[i], &range), 0);
		CHECK_EQ(range.memory, PEERMR_MEMORY_WINDOW);
		CHECK_EQ(range.offset, offsets[i]);
		CHECK_EQ(range.length, LENGTH - offsets[i]);
		CHECK(fcntl(range.fd, F_GETFD) & FD_CLOEXEC);
		range_check_shows(&range, address + offsets[i], 1);
		peermr_range_release(&range);
		CHECK_EQ(range.fd, -1);
		peermr_range_release(&range);
	}
	peermr_window_close(window);
	CHECK_EQ(peermr_resolve(address, 1, &range), -ENOENT);
}

static void an_exported_buffer_outlives_its_window(void)
{
	struct peermr_window *window = peermr_window_open(node_path);
	struct peermr_buffer_attr attr = { .length = LENGTH };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);
	unsigned char *through;
	int fd;

	pattern_fill(peermr_buffer_map(buffer), LENGTH, 2);
	fd = peermr_buffer_export(buffer);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	peermr_window_close(window);
	through = node_map(fd, LENGTH, 0);
	pattern_check(through, LENGTH, 2);
}

static void memory_from_plain_open_and_mmap_resolves(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;

	CHECK_EQ(peermr_resolve(address + 5, 7, &range), 0);
	CHECK_EQ(range.offset, 5);
	CHECK(range.length >= 7);
	range_check_shows(&range, address + 5, 7);
	peermr_range_release(&range);
}

static void other_memory_resolves_to_nothing(void)
{
	void *anonymous = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *device = node_map_fresh(LENGTH);
	struct peermr_range range;
	int on_stack;

	CHECK_EQ(peermr_resolve(&on_stack, 1, &range), -ENOENT);
	CHECK_EQ(range.fd, -1);
	peermr_range_release(&range);
	CHECK_EQ(peermr_resolve(anonymous, LENGTH, &range), -ENOENT);
	CHECK_EQ(peermr_resolve(NULL, 1, &range), -ENOENT);
	CHECK_EQ(peermr_resolve((void *)-4096L, 4096, &range), -ENOENT);
	CHECK(!munmap(device, LENGTH));
	CHECK_EQ(peermr_resolve(device, LENGTH, &range), -ENOENT);
}

static void a_range_that_is_not_all_of_one_buffer_is_refused(void)
{
	unsigned char *pair = node_map_pair(LENGTH);
	struct peermr_range range;

	CHECK_EQ(peermr_resolve(pair, 0, &range), -EINVAL);
	CHECK_EQ(peermr_resolve(pair, SIZE_MAX, &range), -EINVAL);
	CHECK_EQ(peermr_resolve(pair, LENGTH, &range), 0);
	peermr_range_release(&range);
	CHECK_EQ(peermr_resolve(pair, LENGTH + 1, &range), -EINVAL);
	CHECK_EQ(peermr_resolve(pair + LENGTH - 1, 2, &range), -EINVAL);
	/* Beyond the second one nothing is mapped. */
	CHECK_EQ(peermr_resolve(pair + LENGTH, LENGTH + 1, &range), -EINVAL);
	/* The first half of one buffer, then all of another. */
	CHECK(mremap(pair + LENGTH, LENGTH / 2, LENGTH / 2,
		     MREMAP_MAYMOVE | MREMAP_FIXED, pair + LENGTH / 2) ==
	      pair + LENGTH / 2);
	CHECK_EQ(peermr_resolve(pair, LENGTH, &range), -EINVAL);
	CHECK_EQ(peermr_resolve(pair, LENGTH / 2, &range), 0);
	peermr_range_release(&range);
}

static void a_split_mapping_is_still_one_buffer(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;

	CHECK(!mprotect(address + 2 * MIB, MIB, PROT_READ));
	CHECK_EQ(peermr_resolve(address + MIB, 3 * MIB, &range), 0);
	CHECK_EQ(range.offset, MIB);
	peermr_range_release(&range);
	CHECK(!munmap(address + 2 * MIB, MIB));
	CHECK_EQ(peermr_resolve(address + MIB, 3 * MIB, &range), -EINVAL);
}

static void revoked_memory_says_enodev(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;
	int window;

	CHECK_EQ(peermr_resolve(address, LENGTH, &range), 0);
	window = node_open();
	CHECK(!node_revoke(window, PEERMR_REVOKE_FORCE));
	peermr_range_release(&range);
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), -ENODEV);
}

static void a_window_that_was_bound_again_is_found(void)
{
	struct peermr_range range;
	unsigned char *address;

	address = node_map_fresh(LENGTH);
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), 0);
	peermr_range_release(&range);
	CHECK(!munmap(address, LENGTH));
	node_check_settled();
	CHECK(node_unbind());
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), -ENOENT);
	CHECK(node_bind());
	address = node_map_fresh(LENGTH);
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), 0);
	peermr_range_release(&range);
}

static void a_user_without_permission_gets_none(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;

	CHECK(!setgid(65534));
	CHECK(!setuid(65534));
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), -ENOENT);
}

static void a_file_open_for_reading_only_is_not_exported(void)
{
	int writable = node_open(), fd = open(node_path, O_RDONLY | O_CLOEXEC);
	struct peermr_range range;
	void *address;

	CHECK(fd >= 0 && writable >= 0);
	address = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(address != MAP_FAILED);
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), -EACCES);
}

static void closing_all_descriptors_does_no_harm(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;
	int fds[16], i;

	CHECK_EQ(peermr_resolve(address, 1, &range), 0);
	peermr_range_release(&range);
	CHECK(!close_range(3, ~0U, 0));
	/* The numbers now mean something else. */
	for (i = 0; i < 16; i++) {
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		CHECK(fds[i] >= 0);
	}
	CHECK_EQ(peermr_resolve(address, 1, &range), 0);
	peermr_range_release(&range);
	for (i = 0; i < 16; i++)
		CHECK(fcntl(fds[i], F_GETFD) >= 0);
}

static void at_any_shortage_of_descriptors_none_is_lost(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;
	struct rlimit limit;
	rlim_t enough;
	int spare, before, ret;

	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	enough = limit.rlim_cur;
	for (spare = 0;; spare++) {
		before = fds_open();
		limit.rlim_cur = fds_first_free() + spare;
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		ret = peermr_resolve(address, LENGTH, &range);
		limit.rlim_cur = enough;
		CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
		if (!ret)
			break;
		CHECK_EQ(ret, -EMFILE);
		/* The window may be open by now, for the next time. */
		CHECK(fds_open() <= before + 1);
	}
	CHECK(spare > 0);
	peermr_range_release(&range);
	before = fds_open();
	limit.rlim_cur = fds_first_free();
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(peermr_resolve(address, LENGTH, &range), -EMFILE);
	limit.rlim_cur = enough;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(fds_open(), before);
}

static void a_child_resolves_what_it_inherited(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	struct peermr_range range;
	struct child child;

	CHECK_EQ(peermr_resolve(address, LENGTH, &range), 0);
	peermr_range_release(&range);
	fflush(stdout);
	child.pid = fork();
	if (!child.pid) {
		CHECK_EQ(peermr_resolve(address + 9, 9, &range), 0);
		CHECK_EQ(range.offset, 9);
		peermr_range_release(&range);
		_exit(TEST_PASSED);
	}
	CHECK_EQ(waitpid(child.pid, &range.fd, 0), child.pid);
	child_pass_on(range.fd);
	CHECK_EQ(range.fd, 0);
}

#define THREADS 4
#define ROUNDS 100

static void *resolve_and_release(void *address)
{
	struct peermr_range range;
	int i, status;
	pid_t pid;

	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(peermr_resolve(address, MIB, &range), 0);
		peermr_range_release(&range);
		CHECK_EQ(peermr_resolve(&range, 1, &range), -ENOENT);
		if (i % 10)
			continue;
		pid = fork();
		if (!pid)
			_exit(peermr_resolve(address, MIB, &range));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	return NULL;
}

static void threads_resolve_while_others_fork(void)
{
	unsigned char *address = node_map_fresh(LENGTH);
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, resolve_and_release,
				      address + i * MIB));
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
}

static void a_range_of_the_application_resolves_to_its_dmabuf(void)
{
	unsigned char *addresses = addresses_reserve(LENGTH);
	struct dmabuf dmabuf;
	struct peermr_range range;

	dmabuf_open(&dmabuf, LENGTH);
	pattern_fill(dmabuf.memory, LENGTH, 3);
	CHECK_EQ(peermr_register_range(addresses, LENGTH - MIB, dmabuf.fd, MIB),
		 0);
	close(dmabuf.fd);
	CHECK_EQ(peermr_resolve(addresses + 17, MIB, &range), 0);
	CHECK_EQ(range.memory, PEERMR_MEMORY_APPLICATION);
	CHECK_EQ(range.offset, MIB + 17);
	CHECK_EQ(range.length, LENGTH - MIB - 17);
	range_check_shows(&range, dmabuf.memory + MIB + 17, MIB);
	CHECK_EQ(peermr_resolve(addresses + 17, LENGTH - MIB, &range), -EINVAL);
	CHECK_EQ(peermr_resolve(addresses + LENGTH - MIB, 1, &range), -ENOENT);
	CHECK_EQ(peermr_unregister_range(addresses, LENGTH - MIB), 0);
	CHECK_EQ(peermr_resolve(addresses + 17, MIB, &range), -ENOENT);
}

static void a_range_needs_a_dmabuf_that_holds_it(void)
{
	unsigned char *addresses = addresses_reserve(2 * LENGTH);
	int window = node_open(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct dmabuf dmabuf;

	dmabuf_open(&dmabuf, LENGTH);
	CHECK_EQ(peermr_register_range(addresses, LENGTH, -1, 0), -EBADF);
	CHECK_EQ(peermr_register_range(addresses, LENGTH, 999, 0), -EBADF);
	CHECK_EQ(peermr_register_range(addresses, LENGTH, null, 0), -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, LENGTH, window, 0), -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, 0, dmabuf.fd, 0), -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, LENGTH + 1, dmabuf.fd, 0),
		 -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, 1, dmabuf.fd, LENGTH),
		 -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, 2, dmabuf.fd, UINT64_MAX),
		 -EINVAL);
	CHECK_EQ(peermr_register_range((void *)-4096L, LENGTH, dmabuf.fd, 0),
		 -EINVAL);
	CHECK_EQ(peermr_register_range(addresses, LENGTH, dmabuf.fd, 0), 0);
	CHECK_EQ(peermr_register_range(addresses + LENGTH - 1, 2, dmabuf.fd, 0),
		 -EEXIST);
	CHECK_EQ(peermr_register_range(addresses + LENGTH, LENGTH, dmabuf.fd, 0),
		 0);
	CHECK_EQ(peermr_unregister_range(addresses, LENGTH - 1), -ENOENT);
	CHECK_EQ(peermr_unregister_range(addresses + 1, LENGTH), -ENOENT);
	CHECK_EQ(peermr_unregister_range(addresses, LENGTH), 0);
	CHECK_EQ(peermr_unregister_range(addresses, LENGTH), -ENOENT);
	CHECK_EQ(peermr_unregister_range(addresses + LENGTH, LENGTH), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(a_window_pointer_is_an_offset_in_a_dmabuf),
		TEST(an_exported_buffer_outlives_its_window),
		TEST(memory_from_plain_open_and_mmap_resolves),
		TEST(other_memory_resolves_to_nothing),
		TEST(a_range_that_is_not_all_of_one_buffer_is_refused),
		TEST(a_split_mapping_is_still_one_buffer),
		TEST(revoked_memory_says_enodev),
		TEST(a_window_that_was_bound_again_is_found),
		TEST(a_user_without_permission_gets_none),
		TEST(a_file_open_for_reading_only_is_not_exported),
		TEST(closing_all_descriptors_does_no_harm),
		TEST(at_any_shortage_of_descriptors_none_is_lost),
		TEST(a_child_resolves_what_it_inherited),
		TEST(threads_resolve_while_others_fork),
		TEST(a_range_of_the_application_resolves_to_its_dmabuf),
		TEST(a_range_needs_a_dmabuf_that_holds_it),
	};

	return DMABUF_TEST_MAIN(argc, argv, tests);
}
