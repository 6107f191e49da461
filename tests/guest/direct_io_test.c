// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A disk reads and writes memory of the window, in each way that a program can
 * ask for it. usage: direct_io_test [WINDOW [TEST...]]
 *
 * tests/check-direct-io has put fresh random bytes on the disk and into files in
 * /mnt/share before it boots the guest. The host looks at the window's memory and
 * at the disk's file by itself: what is compared here has never been in the hands
 * of this program, and what the disk was given is compared when the guest is gone.
 */
#include "direct_io.h"

#define LENGTH (3 * MIB)
#define BUFFER (4 * MIB)
/* Where in the buffer: so that both granules have a part of it. */
#define START (4 * KIB)

/*
 * Ways to move data. Each has 8 MiB of the disk, from 8 MiB * its number on: the
 * first half holds what is to be read, which is the file disk.NAME, and into the
 * second half goes what is written, which is the file memory.NAME.
 */
enum way {
	WAY_DIRECT = 1,
	WAY_URING,
	WAY_BUFFERED,
	WAY_HOST,	/* as WAY_DIRECT, with memory of the host */
};

static const char *const way_names[] = {
	[WAY_DIRECT] = "direct",
	[WAY_URING] = "uring",
	[WAY_BUFFERED] = "buffered",
	[WAY_HOST] = "host",
};

static int ask_host(const char *format, ...)
{
	char command[256], request[128];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	snprintf(command, sizeof(command),
		 "/usr/lib/peermr/tests/outside.sh %s >/tmp/outside", request);
	status = system(command);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void move_direct(bool write, unsigned char *memory, off_t at)
{
	int disk = disk_open(DISK_OF_FILE, O_DIRECT);

	CHECK_EQ(write ? pwrite(disk, memory, LENGTH, at) :
			 pread(disk, memory, LENGTH, at), LENGTH);
	CHECK(!fsync(disk));
	close(disk);
}

static void move_uring(bool write, unsigned char *memory, off_t at)
{
	int disk = disk_open(DISK_OF_FILE, O_DIRECT);
	struct io_uring ring;

	CHECK_EQ(ring_open(&ring, memory, LENGTH), 0);
	node_attr_wait("pinned", BUFFER);
	ring_start(&ring, disk, write, memory, LENGTH, (uint64_t)at);
	CHECK_EQ(ring_wait(&ring), LENGTH);
	CHECK_EQ(io_uring_unregister_buffers(&ring), 0);
	io_uring_queue_exit(&ring);
	node_attr_wait("pinned", 0);
	CHECK(!fsync(disk));
	close(disk);
}

/* The kernel's CPU copies between the page cache and the window. */
static void move_buffered(bool write, unsigned char *memory, off_t at)
{
	int disk = disk_open(DISK_OF_FILE, 0);

	CHECK_EQ(write ? pwrite(disk, memory, LENGTH, at) :
			 pread(disk, memory, LENGTH, at), LENGTH);
	CHECK(!fsync(disk));
	close(disk);
}

static void (*const way_moves[])(bool write, unsigned char *memory, off_t at) = {
	[WAY_DIRECT] = move_direct,
	[WAY_URING] = move_uring,
	[WAY_BUFFERED] = move_buffered,
	[WAY_HOST] = move_direct,
};

/* A buffer of the window, and where that is in the device's memory. */
static unsigned char *window_memory(uint64_t *placement)
{
	struct peermr_alloc alloc = { .length = BUFFER };
	unsigned char *memory;
	int fd = node_open();

	CHECK(!node_try_alloc(fd, &alloc));
	memory = node_map(fd, BUFFER, alloc.mmap_offset);
	close(fd);
	*placement = alloc.placement;
	return memory + START;
}

static off_t way_place(enum way way, bool write)
{
	return (off_t)(8 * way + (write ? 4 : 0)) * (off_t)MIB;
}

/* The host finds the whole, in the right place and nowhere else. */
static void check_found(uint64_t at)
{
	FILE *file = fopen("/tmp/outside", "re");
	char found[256] = "", wanted[64];

	CHECK(file);
	CHECK(fread(found, 1, sizeof(found) - 1, file) > 0);
	fclose(file);
	snprintf(wanted, sizeof(wanted), "%llu 0 %lu\n", (unsigned long long)at,
		 LENGTH);
	if (strcmp(found, wanted))
		TEST_FAIL("the host found '%s', not '%s' (at, from, length)",
			  found, wanted);
}

static void check_read(enum way way)
{
	uint64_t placement;
	unsigned char *memory = window_memory(&placement);

	way_moves[way](false, memory, way_place(way, false));
	CHECK_EQ(ask_host("find disk.%s", way_names[way]), 0);
	check_found(placement + START);
}

static void check_write(enum way way)
{
	uint64_t placement;
	unsigned char *memory = window_memory(&placement);

	/* So that the window's memory is there when the host writes to it. */
	memory[0] = 0;
	CHECK_EQ(ask_host("write %llu memory.%s",
			  (unsigned long long)placement + START,
			  way_names[way]), 0);
	way_moves[way](true, memory, way_place(way, true));
}

static void o_direct_read_goes_into_the_window(void)
{
	check_read(WAY_DIRECT);
}

static void o_direct_write_comes_from_the_window(void)
{
	check_write(WAY_DIRECT);
}

static void io_uring_reads_into_a_registered_buffer_of_the_window(void)
{
	check_read(WAY_URING);
}

static void io_uring_writes_from_a_registered_buffer_of_the_window(void)
{
	check_write(WAY_URING);
}

static void buffered_read_goes_into_the_window(void)
{
	check_read(WAY_BUFFERED);
}

static void buffered_write_comes_from_the_window(void)
{
	check_write(WAY_BUFFERED);
}

/* The control: the same calls, and nothing of the window has a part in them. */
static void o_direct_with_host_memory_leaves_the_window_alone(void)
{
	unsigned char *memory = aligned_alloc(4 * KIB, LENGTH);
	uint64_t placement;
	FILE *file;

	CHECK(memory);
	window_memory(&placement);
	move_direct(false, memory, way_place(WAY_HOST, false));
	CHECK_EQ(ask_host("find disk.host"), 1);
	file = fopen("/mnt/share/memory.host", "re");
	CHECK(file);
	CHECK_EQ(fread(memory, 1, LENGTH, file), LENGTH);
	fclose(file);
	move_direct(true, memory, way_place(WAY_HOST, true));
	CHECK_EQ(ask_host("find memory.host"), 1);
}

static const struct test tests[] = {
	TEST(o_direct_read_goes_into_the_window),
	TEST(o_direct_write_comes_from_the_window),
	TEST(io_uring_reads_into_a_registered_buffer_of_the_window),
	TEST(io_uring_writes_from_a_registered_buffer_of_the_window),
	TEST(buffered_read_goes_into_the_window),
	TEST(buffered_write_comes_from_the_window),
	TEST(o_direct_with_host_memory_leaves_the_window_alone),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
