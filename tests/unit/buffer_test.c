// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What the library asks the kernel for and does with the answers, against a
 * fake window (fake_window.h).
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include <peermr.h>

#include "fake_window.h"
#include "testing.h"

#define MIB (1UL << 20)

static struct peermr_window *open_window(void)
{
	struct peermr_window *window = peermr_window_open(FAKE_WINDOW_PATH);

	CHECK(window);
	return window;
}

static struct peermr_buffer *alloc_length(struct peermr_window *window,
					  uint64_t length)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);

	CHECK(buffer);
	return buffer;
}

/* Whether a page is mapped; msync() of one that is not gives ENOMEM. */
static bool is_mapped(const void *address)
{
	return !msync((void *)address, 1, MS_ASYNC);
}

/* Whether anything is mapped where the library reserved addresses. */
static bool reservation_is_mapped(void)
{
	size_t offset;

	for (offset = 0; offset < fake_window.reserved_length; offset += 4096)
		if (is_mapped(fake_window.reserved + offset))
			return true;
	return false;
}

static void a_window_reports_what_the_kernel_says(void)
{
	char link[] = "/tmp/peermr-link-XXXXXX";
	struct peermr_window_info info;
	struct peermr_window *window;

	fake_window.query = (struct peermr_query){
		.version = 1,
		.mode = PEERMR_MODE_PFN,
		.window_size = 512 * MIB,
		.window_free = 100 * MIB,
		.granule = 4096,
		.quota = 64 * MIB,
		.quota_used = 2 * MIB,
	};
	close(mkstemp(link));
	unlink(link);
	CHECK(!symlink(FAKE_WINDOW_PATH, link));
	window = peermr_window_open(link);
	unlink(link);
	CHECK(window);
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(peermr_window_query(window, &info), 0);
	/* The device's own name, whatever path led to it. */
	CHECK(!strcmp(info.name, "zero"));
	CHECK_EQ(info.mode, PEERMR_WINDOW_PFN);
	CHECK_EQ(info.numa_node, -1);
	CHECK_EQ(info.size, 512 * MIB);
	CHECK_EQ(info.free, 100 * MIB);
	CHECK_EQ(info.granule, 4096);
	CHECK_EQ(info.quota, 64 * MIB);
	CHECK_EQ(info.quota_used, 2 * MIB);
	peermr_window_close(window);
}

static void the_descriptor_is_closed_on_exec_and_on_close(void)
{
	struct peermr_window *window = open_window();
	int fd = peermr_window_fd(window);

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	peermr_window_close(window);
	CHECK_ERRNO(fcntl(fd, F_GETFD) == -1, EBADF);
}

static void only_a_character_device_is_asked(void)
{
	char file[] = "/tmp/peermr-file-XXXXXX";

	close(mkstemp(file));
	CHECK_ERRNO(!peermr_window_open(file), ENODEV);
	unlink(file);
}

static void a_revoked_window_is_enodev_everywhere(void)
{
	struct peermr_buffer_attr attr = { .length = MIB };
	struct peermr_pointer_info pointer;
	struct peermr_window_info info;
	struct peermr_window *window = open_window();

	alloc_length(window, MIB);
	fake_window.ioctl_errno = ENODEV;
	CHECK_EQ(peermr_window_query(window, &info), -ENODEV);
	CHECK_EQ(peermr_lookup(window, &info, &pointer), -ENODEV);
	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), ENODEV);
	CHECK_ERRNO(!peermr_window_open(FAKE_WINDOW_PATH), ENODEV);
	peermr_window_close(window);
}

static void an_allocation_is_passed_on_and_the_answer_kept(void)
{
	struct peermr_buffer_attr attr = {
		.flags = PEERMR_BUFFER_FIXED,
		.length = 3 * MIB,
		.alignment = 8 * MIB,
		.placement = 16 * MIB,
	};
	struct peermr_buffer_info info;
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer;

	buffer = peermr_buffer_alloc(window, &attr);
	CHECK(buffer);
	CHECK_EQ(fake_window.last_alloc.flags, PEERMR_ALLOC_FIXED);
	CHECK_EQ(fake_window.last_alloc.length, 3 * MIB);
	CHECK_EQ(fake_window.last_alloc.alignment, 8 * MIB);
	CHECK_EQ(fake_window.last_alloc.placement, 16 * MIB);
	CHECK_EQ(fake_window.last_alloc.mmap_offset, 0);
	peermr_buffer_query(buffer, &info);
	CHECK_EQ(info.length, 4 * MIB);
	CHECK_EQ(info.placement, 16 * MIB);
	CHECK_EQ(info.mmap_offset, 2 * MIB);

	attr.flags = 0;
	CHECK(peermr_buffer_alloc(window, &attr));
	CHECK_EQ(fake_window.last_alloc.flags, 0);
	CHECK_EQ(fake_window.last_alloc.placement, 0);
	peermr_window_close(window);
}

static void an_unknown_flag_is_refused(void)
{
	struct peermr_buffer_attr attr = { .flags = 2, .length = MIB };
	struct peermr_window *window = open_window();

	CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), EINVAL);
	CHECK_EQ(fake_window.allocs, 0);
	peermr_window_close(window);
}

static void errors_of_an_allocation_are_passed_on(void)
{
	static const int errors[] = { EINVAL, ENOSPC, EDQUOT, EBUSY, EINTR };
	struct peermr_buffer_attr attr = { .length = MIB };
	struct peermr_window *window = open_window();
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_window.ioctl_errno = errors[i];
		CHECK_ERRNO(!peermr_buffer_alloc(window, &attr), errors[i]);
	}
	fake_window.ioctl_errno = 0;
	peermr_window_close(window);
	CHECK_EQ(fake_window.bad_frees, 0);
}

static void a_mapping_is_aligned_and_nothing_else_stays_reserved(void)
{
	struct peermr_window *window = open_window();
	const size_t lengths[] = { 2 * MIB, 4 * MIB, 64 * MIB };
	size_t i;

	fake_window.misalign = true;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct peermr_buffer *buffer = alloc_length(window, lengths[i]);
		char *address = peermr_buffer_map(buffer);

		CHECK(address);
		CHECK(fake_window.reserved);
		CHECK_EQ((uintptr_t)address % (2 * MIB), 0);
		CHECK(peermr_buffer_map(buffer) == address);
		address[0] = 1;
		address[lengths[i] - 1] = 1;
		CHECK(!is_mapped(address - 4096));
		CHECK(!is_mapped(fake_window.reserved));
		CHECK(!is_mapped(address + lengths[i]));
		CHECK(!is_mapped(fake_window.reserved +
				 fake_window.reserved_length - 4096));
		peermr_buffer_free(buffer);
		CHECK(!reservation_is_mapped());
	}
	peermr_window_close(window);
}

static void a_small_buffer_is_mapped_as_it_is(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer;
	char *address;

	fake_window.misalign = true;
	fake_window.granule = 4096;
	buffer = alloc_length(window, 1);
	address = peermr_buffer_map(buffer);
	CHECK(address);
	address[4095] = 1;
	CHECK(!fake_window.reserved);
	peermr_buffer_free(buffer);
	CHECK(!is_mapped(address));
	peermr_window_close(window);
}

static void a_failed_mapping_leaves_nothing_and_can_be_repeated(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer = alloc_length(window, 4 * MIB);

	fake_window.misalign = true;
	fake_window.mmap_errno = ENODEV;
	CHECK_ERRNO(!peermr_buffer_map(buffer), ENODEV);
	CHECK(fake_window.reserved);
	CHECK(!reservation_is_mapped());
	fake_window.mmap_errno = 0;
	CHECK(peermr_buffer_map(buffer));
	peermr_window_close(window);
}

static void a_length_that_no_process_can_map_is_enomem(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer = alloc_length(window, 1UL << 62);

	CHECK_ERRNO(!peermr_buffer_map(buffer), ENOMEM);
	peermr_buffer_free(buffer);
	fake_window.granule = 1;
	buffer = alloc_length(window, UINT64_MAX);
	CHECK_ERRNO(!peermr_buffer_map(buffer), ENOMEM);
	peermr_window_close(window);
}

static void closing_frees_what_was_not_freed(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffers[5];
	char *address;
	int i;

	for (i = 0; i < 5; i++)
		buffers[i] = alloc_length(window, MIB);
	address = peermr_buffer_map(buffers[3]);
	CHECK(address);
	/* The newest, the oldest and one in the middle. */
	peermr_buffer_free(buffers[4]);
	peermr_buffer_free(buffers[0]);
	peermr_buffer_free(buffers[2]);
	CHECK_EQ(fake_window.live, 2);
	peermr_window_close(window);
	CHECK_EQ(fake_window.live, 0);
	CHECK_EQ(fake_window.bad_frees, 0);
	CHECK(!is_mapped(address));
}

static void freeing_leaves_errno_alone(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer = alloc_length(window, MIB);

	fake_window.ioctl_errno = ENODEV;
	errno = EXDEV;
	peermr_buffer_free(buffer);
	CHECK_EQ(errno, EXDEV);
	peermr_window_close(window);
	CHECK_EQ(errno, EXDEV);
}

static void a_forked_child_does_not_free_its_parents_buffers(void)
{
	struct peermr_window *window = open_window();
	struct peermr_buffer *buffer = alloc_length(window, 2 * MIB);
	char *address = peermr_buffer_map(buffer);
	int status;
	pid_t pid;

	CHECK(address);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		peermr_buffer_free(buffer);
		peermr_window_close(window);
		_exit(fake_window.live != 1 || is_mapped(address));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(is_mapped(address));
	peermr_window_close(window);
	CHECK_EQ(fake_window.live, 0);
}

static void a_lookup_is_passed_on_and_the_answer_kept(void)
{
	struct peermr_window *window = open_window();
	struct peermr_pointer_info info;

	fake_window.lookup = (struct peermr_lookup){
		.start = 0x7f0000000000,
		.length = 4 * MIB,
		.offset = 6 * MIB + 5,
		.buffer_length = 8 * MIB,
		.placement = 32 * MIB,
		.mmap_offset = 2 * MIB,
	};
	CHECK_EQ(peermr_lookup(window, (void *)0x7f0000200005, &info), 0);
	CHECK_EQ(fake_window.last_lookup, 0x7f0000200005);
	CHECK(info.start == (void *)0x7f0000000000);
	CHECK_EQ(info.length, 4 * MIB);
	CHECK_EQ(info.offset, 6 * MIB + 5);
	CHECK_EQ(info.buffer.length, 8 * MIB);
	CHECK_EQ(info.buffer.placement, 32 * MIB);
	CHECK_EQ(info.buffer.mmap_offset, 2 * MIB);
	fake_window.ioctl_errno = ENOENT;
	CHECK_EQ(peermr_lookup(window, &info, &info), -ENOENT);
	fake_window.ioctl_errno = 0;
	peermr_window_close(window);
}

#define THREADS 4
#define ROUNDS 100

struct shared {
	struct peermr_window *window;
	struct peermr_buffer *buffer;
	void *addresses[THREADS];
	int next;
};

static void *allocate_and_free(void *arg)
{
	struct shared *shared = arg;
	struct peermr_buffer *buffers[3] = { NULL };
	int i;

	for (i = 0; i < ROUNDS; i++) {
		struct peermr_buffer **slot = &buffers[i % 3];

		peermr_buffer_free(*slot);
		*slot = alloc_length(shared->window, 2 * MIB);
		*(char *)peermr_buffer_map(*slot) = 1;
	}
	/* One is left for peermr_window_close(). */
	peermr_buffer_free(buffers[0]);
	peermr_buffer_free(buffers[1]);
	return NULL;
}

static void *map_the_same(void *arg)
{
	struct shared *shared = arg;
	int i = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);

	shared->addresses[i] = peermr_buffer_map(shared->buffer);
	return NULL;
}

static void run_threads(void *(*function)(void *), struct shared *shared)
{
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, function, shared), 0);
	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static void threads_may_share_a_window(void)
{
	struct shared shared = { .window = open_window() };

	run_threads(allocate_and_free, &shared);
	CHECK_EQ(fake_window.allocs, THREADS * ROUNDS);
	CHECK_EQ(fake_window.live, THREADS);
	peermr_window_close(shared.window);
	CHECK_EQ(fake_window.live, 0);
	CHECK_EQ(fake_window.bad_frees, 0);
}

static void threads_that_map_one_buffer_get_one_address(void)
{
	struct shared shared = { .window = open_window() };
	int i;

	shared.buffer = alloc_length(shared.window, 2 * MIB);
	run_threads(map_the_same, &shared);
	CHECK(shared.addresses[0]);
	for (i = 1; i < THREADS; i++)
		CHECK(shared.addresses[i] == shared.addresses[0]);
	peermr_window_close(shared.window);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_window_reports_what_the_kernel_says),
		TEST(the_descriptor_is_closed_on_exec_and_on_close),
		TEST(only_a_character_device_is_asked),
		TEST(a_revoked_window_is_enodev_everywhere),
		TEST(an_allocation_is_passed_on_and_the_answer_kept),
		TEST(an_unknown_flag_is_refused),
		TEST(errors_of_an_allocation_are_passed_on),
		TEST(a_mapping_is_aligned_and_nothing_else_stays_reserved),
		TEST(a_small_buffer_is_mapped_as_it_is),
		TEST(a_failed_mapping_leaves_nothing_and_can_be_repeated),
		TEST(a_length_that_no_process_can_map_is_enomem),
		TEST(closing_frees_what_was_not_freed),
		TEST(freeing_leaves_errno_alone),
		TEST(a_forked_child_does_not_free_its_parents_buffers),
		TEST(a_lookup_is_passed_on_and_the_answer_kept),
		TEST(threads_may_share_a_window),
		TEST(threads_that_map_one_buffer_get_one_address),
	};

	return TEST_MAIN_RUN(tests);
}
