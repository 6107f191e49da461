// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The device node itself, as peermr(4) describes it: ioctl(2), mmap(2), what a
 * passed descriptor can do. usage: device_test WINDOW
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/peermr.h>

#include "window_under_test.h"

#define LENGTH (4 * MIB)

static int node_open(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s%s",
		 window_name[0] == '/' ? "" : "/dev/peermr/", window_name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static uint64_t node_alloc(int fd, uint64_t length)
{
	struct peermr_alloc alloc = { .size = sizeof(alloc), .length = length };

	CHECK(!ioctl(fd, PEERMR_IOC_ALLOC, &alloc));
	return alloc.mmap_offset;
}

static int node_free(int fd, uint64_t handle)
{
	struct peermr_free request = {
		.size = sizeof(request),
		.mmap_offset = handle,
	};

	return ioctl(fd, PEERMR_IOC_FREE, &request);
}

static struct peermr_lookup node_lookup(int fd, const void *address)
{
	struct peermr_lookup lookup = {
		.size = sizeof(lookup),
		.address = (uintptr_t)address,
	};

	CHECK(!ioctl(fd, PEERMR_IOC_LOOKUP, &lookup));
	return lookup;
}

static unsigned char *node_map(int fd, size_t length, uint64_t offset)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)offset);
}

static void plain_mmap_gives_a_fresh_zeroed_buffer_each_time(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	int fd = node_open();
	unsigned char *one = node_map(fd, LENGTH, 0);
	unsigned char *two = node_map(fd, LENGTH, 0);

	CHECK(one != MAP_FAILED && two != MAP_FAILED);
	CHECK(all_bytes_are(one, LENGTH, 0));
	memset(one, 0x77, LENGTH);
	CHECK(all_bytes_are(two, LENGTH, 0));
	CHECK(node_lookup(fd, one).mmap_offset !=
	      node_lookup(fd, two).mmap_offset);
	CHECK(node_lookup(fd, one).mmap_offset);
	/* Only the mapping owns it: there is no handle to free. */
	CHECK_ERRNO(node_free(fd, node_lookup(fd, one).mmap_offset) < 0,
		    ENOENT);
	CHECK_EQ(before - window_free_bytes(window), 2 * LENGTH);
	close(fd);
	CHECK_EQ(one[LENGTH - 1], 0x77);
	CHECK(!munmap(one, LENGTH));
	CHECK(!munmap(two, LENGTH));
	window_wait_free(window, before);
}

static void private_and_oversized_mappings_are_refused(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	struct peermr_window *window = window_open();

	CHECK_ERRNO(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			 (off_t)handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, fd, 0) ==
		    MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_map(fd, LENGTH + 4096, handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_map(fd, LENGTH, handle + 4096) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_map(fd, window_info(window).size + 4096, 0) ==
		    MAP_FAILED, ENOSPC);
}

static void part_of_a_buffer_can_be_mapped(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *whole = node_map(fd, LENGTH, handle);
	unsigned char *part = node_map(fd, 8192, handle + MIB);

	CHECK(whole != MAP_FAILED && part != MAP_FAILED);
	whole[MIB + 8191] = 9;
	CHECK_EQ(part[8191], 9);
	CHECK_EQ(node_lookup(fd, part + 1).offset, MIB + 1);
	CHECK_EQ(node_lookup(fd, part).length, 8192);
}

static void a_handle_of_another_open_file_is_refused(void)
{
	int fd = node_open(), other = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);

	CHECK_ERRNO(node_map(other, LENGTH, handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_free(other, handle) < 0, ENOENT);
	CHECK(node_map(fd, LENGTH, handle) != MAP_FAILED);
}

static void a_freed_buffer_lives_until_it_is_unmapped(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *address = node_map(fd, LENGTH, handle);

	CHECK(address != MAP_FAILED);
	memset(address, 0x33, LENGTH);
	CHECK(!node_free(fd, handle));
	CHECK_ERRNO(node_free(fd, handle) < 0, ENOENT);
	CHECK_ERRNO(node_map(fd, LENGTH, handle) == MAP_FAILED, EINVAL);
	CHECK_EQ(before - window_free_bytes(window), LENGTH);
	CHECK(all_bytes_are(address, LENGTH, 0x33));
	CHECK(!munmap(address, LENGTH));
	window_wait_free(window, before);
}

static void partial_munmap_keeps_the_rest(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	int fd = node_open();
	unsigned char *address = node_map(fd, LENGTH, 0);

	CHECK(address != MAP_FAILED);
	memset(address, 0x44, LENGTH);
	CHECK(!munmap(address + MIB, MIB));
	CHECK(all_bytes_are(address, MIB, 0x44));
	CHECK(all_bytes_are(address + 2 * MIB, 2 * MIB, 0x44));
	CHECK_EQ(node_lookup(fd, address + 2 * MIB).offset, 2 * MIB);
	CHECK_EQ(node_lookup(fd, address).length, MIB);
	CHECK(!munmap(address, MIB));
	CHECK_EQ(before - window_free_bytes(window), LENGTH);
	CHECK(!munmap(address + 2 * MIB, 2 * MIB));
	window_wait_free(window, before);
}

static void a_mapping_moves_but_does_not_grow(void)
{
	int fd = node_open();
	unsigned char *address = node_map(fd, LENGTH, 0);
	unsigned char *moved;
	void *target;

	CHECK(address != MAP_FAILED);
	memset(address, 0x55, LENGTH);
	CHECK(mremap(address, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE) ==
	      MAP_FAILED);
	target = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	CHECK(target != MAP_FAILED);
	moved = mremap(address, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
		       target);
	CHECK(moved == target);
	CHECK(all_bytes_are(moved, LENGTH, 0x55));
	CHECK(node_lookup(fd, moved).start == (uintptr_t)moved);
}

/* Sends @fd over @socket, with @handle. */
static void send_descriptor(int socket, int fd, uint64_t handle)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec data = { &handle, sizeof(handle) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(socket, &message, 0), sizeof(handle));
}

static int receive_descriptor(int socket, uint64_t *handle)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { handle, sizeof(*handle) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	CHECK_EQ(recvmsg(socket, &message, 0), sizeof(*handle));
	CHECK(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void use_received_descriptor(void *arg)
{
	int *sockets = arg;
	unsigned char *address;
	uint64_t handle;
	int fd;

	fd = receive_descriptor(sockets[0], &handle);
	address = node_map(fd, LENGTH, handle);
	CHECK(address != MAP_FAILED);
	CHECK(all_bytes_are(address, LENGTH, 0x66));
	memset(address, 0x67, LENGTH);
	/* The handle belongs to the open file, whoever holds it. */
	CHECK(!node_free(fd, handle));
}

static void a_passed_descriptor_shares_its_buffers(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *address = node_map(fd, LENGTH, handle);
	int sockets[2];

	CHECK(address != MAP_FAILED);
	memset(address, 0x66, LENGTH);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	send_descriptor(sockets[1], fd, handle);
	in_child(use_received_descriptor, sockets);
	CHECK(all_bytes_are(address, LENGTH, 0x67));
	CHECK_ERRNO(node_free(fd, handle) < 0, ENOENT);
}

static void holders_are_walked_and_named(void)
{
	int fd = node_open();
	uint64_t handles[3] = {
		node_alloc(fd, LENGTH),
		node_alloc(fd, 2 * LENGTH),
		node_alloc(fd, LENGTH),
	};
	struct peermr_holder holder = { .size = sizeof(holder) };
	uint64_t lengths = 0;
	int mapped = 0, mine = 0;

	CHECK(node_map(fd, 2 * LENGTH, handles[1]) != MAP_FAILED);
	while (!ioctl(fd, PEERMR_IOC_HOLDER, &holder)) {
		if (holder.pid == getpid()) {
			mine++;
			lengths += holder.length;
			mapped += holder.mappings;
			CHECK_EQ(holder.uid, geteuid());
			CHECK_EQ(holder.state, PEERMR_STATE_LIVE);
			CHECK_EQ(holder.pinned, 0);
			CHECK(!strcmp(holder.comm, "device_test"));
		}
		holder.placement += holder.length;
	}
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(mine, 3);
	CHECK_EQ(lengths, 4 * LENGTH);
	CHECK_EQ(mapped, 1);
}

static void structures_are_extensible(void)
{
	struct {
		struct peermr_query query;
		uint64_t future;
	} larger = { .query.size = sizeof(larger) };
	struct peermr_query query = { .size = sizeof(query) };
	int fd = node_open();

	CHECK(!ioctl(fd, PEERMR_IOC_QUERY, &query));
	CHECK_EQ(query.version, PEERMR_UAPI_VERSION);

	CHECK(!ioctl(fd, PEERMR_IOC_QUERY, &larger));
	CHECK_EQ(larger.query.window_size, query.window_size);
	CHECK_EQ(larger.query.size, sizeof(larger));
	CHECK_EQ(larger.future, 0);
	larger.future = 1;
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, &larger) < 0, E2BIG);

	query.size = sizeof(query) - 8;
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, &query) < 0, EINVAL);
	query.size = 0;
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, &query) < 0, EINVAL);
	query.size = UINT32_MAX;
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, &query) < 0, E2BIG);
}

static void nonsense_is_refused(void)
{
	struct peermr_query query = { .size = sizeof(query), .flags = 1 };
	struct peermr_alloc alloc = {
		.size = sizeof(alloc),
		.flags = 1U << 31,
		.length = LENGTH,
	};
	int fd = node_open();

	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, &query) < 0, EINVAL);
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_ALLOC, &alloc) < 0, EINVAL);
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_QUERY, (void *)8) < 0, EFAULT);
	CHECK_ERRNO(ioctl(fd, _IO(PEERMR_IOC_MAGIC, 0x7f), &query) < 0, ENOTTY);
	CHECK_ERRNO(ioctl(fd, _IO('x', 0), &query) < 0, ENOTTY);
	CHECK_ERRNO(node_free(fd, 0) < 0, ENOENT);
	CHECK_ERRNO(node_free(fd, 1) < 0, ENOENT);
	CHECK_ERRNO(node_free(fd, UINT64_MAX) < 0, ENOENT);
	CHECK(read(fd, &query, sizeof(query)) < 0);
	CHECK(write(fd, &query, sizeof(query)) < 0);
}

/* The answer cannot be written, so the buffer cannot be had. */
static void an_allocation_that_cannot_be_told_is_undone(void)
{
	struct peermr_window *window = window_open();
	uint64_t before = window_free_bytes(window);
	int fd = node_open();
	struct peermr_alloc *alloc;

	alloc = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(alloc != MAP_FAILED);
	alloc->size = sizeof(*alloc);
	alloc->length = LENGTH;
	CHECK(!mprotect(alloc, 4096, PROT_READ));
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_ALLOC, alloc) < 0, EFAULT);
	window_wait_free(window, before);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(plain_mmap_gives_a_fresh_zeroed_buffer_each_time),
		TEST(private_and_oversized_mappings_are_refused),
		TEST(part_of_a_buffer_can_be_mapped),
		TEST(a_handle_of_another_open_file_is_refused),
		TEST(a_freed_buffer_lives_until_it_is_unmapped),
		TEST(partial_munmap_keeps_the_rest),
		TEST(a_mapping_moves_but_does_not_grow),
		TEST(a_passed_descriptor_shares_its_buffers),
		TEST(holders_are_walked_and_named),
		TEST(structures_are_extensible),
		TEST(nonsense_is_refused),
		TEST(an_allocation_that_cannot_be_told_is_undone),
	};

	return WINDOW_TEST_MAIN(argc, argv, tests);
}
