// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Whose bytes are whose: nobody sees what somebody else wrote, except through
 * a descriptor that was passed. usage: isolation_test [WINDOW [TEST...]]
 *
 * Fills the whole window several times: tests/vm/run --bar-size 32M.
 */
#include <sched.h>
#include <sys/socket.h>

#include "node.h"
#include "pattern.h"
#include "process.h"

static uint64_t window_size(void)
{
	return node_attr("size");
}

static uint64_t granule(void)
{
	return node_attr("granule");
}

static void memory_is_zero_even_where_somebody_wrote_before(void)
{
	uint64_t size = window_size();
	unsigned char *p;
	int round;

	for (round = 0; round < 2; round++) {
		p = node_map_fresh(size);
		zero_check(p, size);
		pattern_fill(p, size, round);
		CHECK(!munmap(p, size));
	}
	p = node_map_fresh(size);
	zero_check(p, size);
}

#define TENANT_ROUNDS 12

/* Sizes and places differ from round to round and between the two. */
static void tenant_run(struct child *child)
{
	uint64_t unit = granule(), third = window_size() / 3;
	unsigned int seed = getpid(), round;

	child_await(child);
	for (round = 0; round < TENANT_ROUNDS; round++) {
		uint64_t length = unit + rand_r(&seed) % (third - unit);
		unsigned char *p;

		length &= ~4095UL;
		p = node_map_fresh(length);
		zero_check(p, length);
		pattern_fill(p, length, seed);
		sched_yield();
		pattern_check(p, length, seed);
		CHECK(!munmap(p, length));
	}
}

static void two_processes_never_see_each_others_bytes(void)
{
	struct child tenants[2];

	child_start(&tenants[0], tenant_run);
	child_start(&tenants[1], tenant_run);
	child_tell(&tenants[0]);
	child_tell(&tenants[1]);
	child_end(&tenants[0]);
	child_end(&tenants[1]);
}

static void every_mapping_of_offset_0_is_a_buffer_of_its_own(void)
{
	int fd = node_open();
	unsigned char *a = node_map(fd, granule(), 0);
	unsigned char *b = node_map(fd, granule(), 0);

	pattern_fill(a, granule(), 1);
	zero_check(b, granule());
	CHECK_EQ(node_attr("buffers"), 2);
}

static void another_open_file_cannot_use_the_handle(void)
{
	int fd = node_open(), other = node_open();
	uint64_t handle = node_alloc(fd, granule());

	CHECK_ERRNO(node_try_map(other, granule(), handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_free(other, handle), ENOENT);
	node_map(fd, granule(), handle);
}

static void fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(socket, &message, 0), 1);
}

static int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	CHECK_EQ(recvmsg(socket, &message, 0), 1);
	CHECK(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int sockets[2];
static uint64_t *shared_handle;

static void receiver_run(struct child *child)
{
	int fd = fd_receive(sockets[1]);
	unsigned char *p = node_map(fd, granule(), *shared_handle);

	pattern_check(p, granule(), 5);
	pattern_fill(p, granule(), 6);
	child_tell(child);
	/* The sender is done with the buffer, this process is not. */
	child_await(child);
	pattern_check(p, granule(), 6);
	CHECK(!node_free(fd, *shared_handle));
}

static void whoever_is_given_the_descriptor_shares_the_buffer(void)
{
	struct child child;
	unsigned char *p;
	int fd;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	shared_handle = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_handle != MAP_FAILED);
	child_start(&child, receiver_run);

	fd = node_open();
	*shared_handle = node_alloc(fd, granule());
	p = node_map(fd, granule(), *shared_handle);
	pattern_fill(p, granule(), 5);
	fd_send(sockets[0], fd);
	child_await(&child);
	pattern_check(p, granule(), 6);
	CHECK(!munmap(p, granule()));
	close(fd);
	sleep_ms(50);
	CHECK_EQ(node_attr("buffers"), 1);
	child_tell(&child);
	child_end(&child);
}

static void a_freed_buffer_keeps_its_memory_while_mapped(void)
{
	uint64_t size = window_size(), unit = granule();
	int fd = node_open();
	uint64_t handle = node_alloc(fd, unit);
	unsigned char *p = node_map(fd, unit, handle), *rest;

	pattern_fill(p, unit, 3);
	CHECK(!node_free(fd, handle));
	close(fd);
	CHECK_EQ(node_attr("buffers"), 1);
	CHECK_EQ(node_attr("free"), size - unit);

	rest = node_map_fresh(size - unit);
	memset(rest, 0xff, size - unit);
	pattern_check(p, unit, 3);
	CHECK(!munmap(p, unit));
	node_attr_wait("free", unit);
}

static const struct test tests[] = {
	TEST(memory_is_zero_even_where_somebody_wrote_before),
	TEST(two_processes_never_see_each_others_bytes),
	TEST(every_mapping_of_offset_0_is_a_buffer_of_its_own),
	TEST(another_open_file_cannot_use_the_handle),
	TEST(whoever_is_given_the_descriptor_shares_the_buffer),
	TEST(a_freed_buffer_keeps_its_memory_while_mapped),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
