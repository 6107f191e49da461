// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Ranges that the application registers; memory files pass for dma-bufs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "double.h"

#define PAGE 4096UL
#define SIZE (4 * PAGE)

#ifdef __SANITIZE_ADDRESS__
#define UNDER_ASAN true
#else
#define UNDER_ASAN false
#endif

int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);

int __wrap_fstatfs(int fd, struct statfs *fs)
{
	int ret = __real_fstatfs(fd, fs);

	if (!ret && fs->f_type == TMPFS_MAGIC)
		fs->f_type = DMA_BUF_MAGIC;
	return ret;
}

static unsigned char *address = (unsigned char *)0x7000000000UL;
static unsigned char bytes[SIZE];

static int dmabuf(void)
{
	int fd = memfd_create("dmabuf", MFD_CLOEXEC);
	size_t i;

	CHECK(fd >= 0);
	for (i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	CHECK_EQ(write(fd, bytes, SIZE), SIZE);
	return fd;
}

static void a_pointer_into_a_range_resolves_to_its_dmabuf(void)
{
	struct peermr_range range;
	int fd = dmabuf();

	CHECK_EQ(peermr_register_range(address, SIZE - PAGE, fd, PAGE), 0);
	close(fd);
	CHECK_EQ(peermr_resolve(address + 3, 5, &range), 0);
	CHECK_EQ(range.offset, PAGE + 3);
	CHECK_EQ(range.length, SIZE - PAGE - 3);
	check_range(&range, PEERMR_MEMORY_APPLICATION, bytes + PAGE + 3, 5);
	/* It is its own: the range may be unregistered first. */
	CHECK_EQ(peermr_unregister_range(address, SIZE - PAGE), 0);
	check_range(&range, PEERMR_MEMORY_APPLICATION, bytes + PAGE + 3, 5);
	peermr_range_release(&range);
	check_resolve_fails(address + 3, 5, -ENOENT);
}

static void a_range_is_not_left(void)
{
	int fd = dmabuf();

	CHECK_EQ(peermr_register_range(address, PAGE, fd, 0), 0);
	CHECK_EQ(peermr_register_range(address + PAGE, PAGE, fd, PAGE), 0);
	check_resolve_fails(address, PAGE + 1, -EINVAL);
	check_resolve_fails(address + PAGE - 1, 2, -EINVAL);
	check_resolve_fails(address - 1, 2, -ENOENT);
	check_resolve_fails(address + 2 * PAGE, 1, -ENOENT);
	check_resolve_fails(address, 0, -EINVAL);
	check_resolve_fails(address, SIZE_MAX, -EINVAL);
	CHECK_EQ(peermr_unregister_range(address, PAGE), 0);
	CHECK_EQ(peermr_unregister_range(address + PAGE, PAGE), 0);
}

static void bad_ranges_are_refused(void)
{
	int fd = dmabuf(), fds[2];

	CHECK(!pipe(fds));
	CHECK_EQ(peermr_register_range(address, PAGE, -1, 0), -EBADF);
	CHECK_EQ(peermr_register_range(address, PAGE, fds[0], 0), -EINVAL);
	CHECK_EQ(peermr_register_range(address, 0, fd, 0), -EINVAL);
	CHECK_EQ(peermr_register_range(address, SIZE + 1, fd, 0), -EINVAL);
	CHECK_EQ(peermr_register_range(address, 1, fd, SIZE), -EINVAL);
	CHECK_EQ(peermr_register_range(address, 2, fd, UINT64_MAX), -EINVAL);
	CHECK_EQ(peermr_register_range((void *)-PAGE, PAGE + 1, fd, 0),
		 -EINVAL);
	CHECK_EQ(peermr_register_range((void *)-PAGE, PAGE, fd, 0), 0);
	CHECK_EQ(peermr_unregister_range((void *)-PAGE, PAGE), 0);
	CHECK_EQ(peermr_register_range(address, PAGE, fd, 0), 0);
	CHECK_EQ(peermr_register_range(address - 1, 2, fd, 0), -EEXIST);
	CHECK_EQ(peermr_register_range(address + PAGE - 1, 2, fd, 0), -EEXIST);
	CHECK_EQ(peermr_unregister_range(address, PAGE - 1), -ENOENT);
	CHECK_EQ(peermr_unregister_range(address, 0), -ENOENT);
	CHECK_EQ(peermr_unregister_range(address, PAGE), 0);
	CHECK_EQ(peermr_unregister_range(address, PAGE), -ENOENT);
}

static void a_window_is_no_dmabuf(void)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(peermr_register_range(address, PAGE, fd, 0), -EINVAL);
}

#define THREADS 3
#define FORKS 200

static atomic_bool stop;

static void *register_and_resolve(void *own)
{
	struct peermr_range range;
	int fd = dmabuf();

	while (!stop) {
		CHECK_EQ(peermr_register_range(own, PAGE, fd, 0), 0);
		CHECK_EQ(peermr_resolve(own, PAGE, &range), 0);
		peermr_range_release(&range);
		CHECK_EQ(peermr_unregister_range(own, PAGE), 0);
	}
	close(fd);
	return NULL;
}

/*
 * A child that finds a lock taken for ever is ended by its alarm. The C library's
 * locks survive fork(), AddressSanitizer's do not: the ordinary build is tested.
 */
static void a_child_can_resolve_whatever_threads_did_at_fork(void)
{
	unsigned char *own = address + THREADS * PAGE;
	struct peermr_range range;
	pthread_t threads[THREADS];
	int i, status, fd;
	pid_t pid;

	if (UNDER_ASAN)
		TEST_SKIP("AddressSanitizer's allocator hangs in the child");
	fd = dmabuf();
	CHECK_EQ(peermr_register_range(own, PAGE, fd, 0), 0);
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, register_and_resolve,
				      address + i * PAGE));
	for (i = 0; i < FORKS; i++) {
		pid = fork();
		if (!pid) {
			alarm(10);
			_exit(peermr_resolve(own, PAGE, &range));
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
	stop = true;
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK_EQ(peermr_unregister_range(own, PAGE), 0);
	close(fd);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_pointer_into_a_range_resolves_to_its_dmabuf),
		TEST(a_range_is_not_left),
		TEST(bad_ranges_are_refused),
		TEST(a_window_is_no_dmabuf),
		TEST(a_child_can_resolve_whatever_threads_did_at_fork),
	};

	return TEST_MAIN_RUN(tests);
}
