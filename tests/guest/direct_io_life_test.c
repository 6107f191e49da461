// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Direct I/O that is refused, and direct I/O whose memory goes away while the disk
 * is at it: nobody can take that from the disk, so it waits.
 * usage: direct_io_life_test [WINDOW [TEST...]]
 *
 * With a window in mode pfn all but one test are left out, and that one otherwise.
 */
#include "direct_io.h"
#include "pattern.h"
#include "process.h"

#define LENGTH (4 * MIB)
/* On the disk: what no other test uses. */
#define UNUSED_AT (48 * MIB)
/* Two seconds of the slow disk; the other one ends before SLOW_AT. */
#define SLOW_LENGTH (16 * MIB)
#define SLOW_AT (64 * MIB)

static void need_pages(void)
{
	if (!window_has_pages())
		TEST_SKIP("only with a window in mode pages");
}

static void bad_alignment_is_refused_and_pins_nothing(void)
{
	static const struct {
		size_t memory, length;
		off_t at;
	} bad[] = {
		{ 1, 4 * KIB, 0 },
		{ 0, 4 * KIB - 1, 0 },
		{ 0, 100, 0 },
		{ 0, 4 * KIB, 100 },
		{ 2 * MIB - 1, 2 * MIB, 0 },
	};
	unsigned char *memory;
	struct io_uring ring;
	int disk;
	size_t i;

	need_pages();
	disk = disk_open(DISK_OF_FILE, O_DIRECT);
	memory = node_map_fresh(LENGTH);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERRNO(pread(disk, memory + bad[i].memory, bad[i].length,
				  bad[i].at) == -1, EINVAL);
		CHECK_ERRNO(pwrite(disk, memory + bad[i].memory, bad[i].length,
				   bad[i].at) == -1, EINVAL);
		node_attr_wait("pinned", 0);
	}

	/* A registered buffer stays pinned, whatever was asked of it. */
	CHECK_EQ(ring_open(&ring, memory, LENGTH), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring_start(&ring, disk, false, memory + bad[i].memory,
			   bad[i].length, (uint64_t)bad[i].at);
		CHECK_EQ(ring_wait(&ring), -EINVAL);
	}
	ring_start(&ring, disk, false, memory + LENGTH - 4 * KIB, 8 * KIB, 0);
	CHECK_EQ(ring_wait(&ring), -EFAULT);
	node_attr_wait("pinned", LENGTH);
	io_uring_queue_exit(&ring);
	node_attr_wait("pinned", 0);
	close(disk);
}

static void memory_past_the_end_of_the_mapping_is_refused(void)
{
	unsigned char *memory;
	int disk;

	need_pages();
	disk = disk_open(DISK_OF_FILE, O_DIRECT);
	memory = node_map_fresh(LENGTH);
	CHECK(!munmap(memory + LENGTH / 2, LENGTH / 2));
	CHECK_ERRNO(pread(disk, memory + LENGTH / 2, 4 * KIB, 0) == -1, EFAULT);
	/* What is there may be filled, but not more is said to be. */
	CHECK(pread(disk, memory + LENGTH / 2 - 4 * KIB, 8 * KIB, 0) <=
	      (ssize_t)(4 * KIB));
	node_attr_wait("pinned", 0);
	close(disk);
}

static void without_pages_direct_io_fails_with_efault(void)
{
	unsigned char *memory, *copy = aligned_alloc(4 * KIB, 4 * KIB);
	struct io_uring ring;
	int disk, buffered;

	if (window_has_pages())
		TEST_SKIP("only with a window in mode pfn");
	disk = disk_open(DISK_OF_FILE, O_DIRECT);
	memory = node_map_fresh(LENGTH);
	CHECK_ERRNO(pread(disk, memory, 4 * KIB, UNUSED_AT) == -1, EFAULT);
	CHECK_ERRNO(pwrite(disk, memory, 4 * KIB, UNUSED_AT) == -1, EFAULT);
	CHECK_EQ(ring_open(&ring, memory, LENGTH), -EFAULT);
	io_uring_queue_exit(&ring);
	/* The CPU needs no pages. */
	pattern_fill(copy, 4 * KIB, 1);
	CHECK_EQ(pwrite(disk, copy, 4 * KIB, UNUSED_AT), 4 * KIB);
	buffered = disk_open(DISK_OF_FILE, 0);
	CHECK_EQ(pread(buffered, memory, 4 * KIB, UNUSED_AT), 4 * KIB);
	pattern_check(memory, 4 * KIB, 1);
	close(buffered);
	close(disk);
}

/* Returns when a read of the slow disk has all of @memory. */
static void slow_read_start(struct io_uring *ring, unsigned char *memory)
{
	int disk = disk_open(DISK_SLOW, O_DIRECT);

	CHECK_EQ(io_uring_queue_init(4, ring, 0), 0);
	io_uring_prep_read(io_uring_get_sqe(ring), disk, memory, SLOW_LENGTH,
			   SLOW_AT);
	CHECK_EQ(io_uring_submit(ring), 1);
	close(disk);
	node_attr_wait("pinned", SLOW_LENGTH);
}

static bool ring_is_done(struct io_uring *ring)
{
	return io_uring_cq_ready(ring);
}

static void memory_given_up_during_io_is_kept_for_the_disk(void)
{
	unsigned char *memory;
	struct io_uring ring;
	int fd;

	need_pages();
	fd = node_open();
	memory = node_map(fd, SLOW_LENGTH, 0);
	slow_read_start(&ring, memory);
	close(fd);
	CHECK(!munmap(memory, SLOW_LENGTH));
	node_attr_wait("quarantined", SLOW_LENGTH);
	if (ring_is_done(&ring))
		TEST_FAIL("the disk was not slow enough to see anything");
	CHECK_EQ(node_attr("pinned"), SLOW_LENGTH);
	CHECK_EQ(node_attr("free"), node_attr("size") - SLOW_LENGTH);
	CHECK_EQ(ring_wait(&ring), SLOW_LENGTH);
	io_uring_queue_exit(&ring);
	node_check_settled();
}

static void reads_slowly(struct child *child)
{
	struct io_uring ring;

	slow_read_start(&ring, node_map_fresh(SLOW_LENGTH));
	child_tell(child);
	pause();
}

static void memory_of_a_killed_program_is_kept_for_the_disk(void)
{
	struct child child;

	need_pages();
	child_start(&child, reads_slowly);
	child_await(&child);
	CHECK(!kill(child.pid, SIGKILL));
	CHECK_EQ(node_attr("pinned"), SLOW_LENGTH);
	CHECK_EQ(node_attr("free"), node_attr("size") - SLOW_LENGTH);
	child_kill(&child);
	node_check_settled();
}

static void unbinds_by_force(struct child *child)
{
	char command[128];

	child_await(child);
	snprintf(command, sizeof(command),
		 "peermr unbind --force %s >/tmp/unbind 2>&1", node_bdf);
	CHECK_EQ(system(command), 0);
}

static void state_wait(const char *wanted)
{
	char state[32] = "";
	int ms;

	for (ms = 0; ms < NODE_SETTLE_MS; ms += 10) {
		if (node_attr_text("state", state, sizeof(state)) &&
		    !strcmp(state, wanted))
			return;
		sleep_ms(10);
	}
	TEST_FAIL("the state is '%s', not '%s'", state, wanted);
}

/* The state is told first, and then the mappings end. */
static void mapping_ends(const unsigned char *memory)
{
	int ms;

	fault_catch();
	for (ms = 0; ms < NODE_SETTLE_MS; ms += 10) {
		if (fault_of_read(memory) == SIGBUS)
			return;
		sleep_ms(10);
	}
	TEST_FAIL("the memory can still be read");
}

static void a_forced_unbind_during_io_waits_for_the_disk(void)
{
	unsigned char *memory;
	struct io_uring ring;
	struct child child;
	char command[128];
	int status;

	need_pages();
	child_start(&child, unbinds_by_force);
	memory = node_map_fresh(SLOW_LENGTH);
	slow_read_start(&ring, memory);
	child_tell(&child);
	state_wait("revoked");
	mapping_ends(memory);
	if (ring_is_done(&ring))
		TEST_FAIL("the disk was not slow enough to see anything");
	CHECK_EQ(node_attr("pinned"), SLOW_LENGTH);
	CHECK(!child_ends_within(&child, 100, &status));

	/* What the disk has begun it ends well; a new request finds no memory. */
	CHECK_EQ(ring_wait(&ring), SLOW_LENGTH);
	child_end(&child);
	CHECK(access(node_path, F_OK));
	io_uring_queue_exit(&ring);
	CHECK_EQ(ring_open(&ring, memory, SLOW_LENGTH), -EFAULT);

	snprintf(command, sizeof(command), "peermr bind %s >/dev/null",
		 node_bdf);
	CHECK_EQ(system(command), 0);
}

static const struct test tests[] = {
	TEST(bad_alignment_is_refused_and_pins_nothing),
	TEST(memory_past_the_end_of_the_mapping_is_refused),
	TEST(without_pages_direct_io_fails_with_efault),
	TEST(memory_given_up_during_io_is_kept_for_the_disk),
	TEST(memory_of_a_killed_program_is_kept_for_the_disk),
	TEST(a_forced_unbind_during_io_waits_for_the_disk),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
