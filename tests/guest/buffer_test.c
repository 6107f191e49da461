// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Buffers: where they are placed, whose they are, what is in them, and when
 * their memory is free again. usage: buffer_test [WINDOW [TEST...]]
 *
 * Fills the whole window several times: tests/vm/run --bar-size 64M.
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

static void a_length_is_rounded_up_to_granules(void)
{
	struct peermr_alloc alloc = { .length = 1 };
	int fd = node_open();

	CHECK(!node_try_alloc(fd, &alloc));
	CHECK_EQ(alloc.length, granule());
	alloc = (struct peermr_alloc){ .length = 3 * granule() + 1 };
	CHECK(!node_try_alloc(fd, &alloc));
	CHECK_EQ(alloc.length, 4 * granule());
	CHECK_EQ(node_attr("free"), window_size() - 5 * granule());
}

static void no_handle_is_0_or_given_twice(void)
{
	enum { ROUNDS = 300 };
	static uint64_t seen[ROUNDS];
	int fd = node_open(), i, j;

	for (i = 0; i < ROUNDS; i++) {
		seen[i] = node_alloc(fd, granule());
		CHECK(seen[i]);
		CHECK_EQ(seen[i] % (2 * MIB), 0);
		for (j = 0; j < i; j++)
			if (seen[j] == seen[i])
				TEST_FAIL("%#llx is the handle of buffer %d and of buffer %d",
					  (unsigned long long)seen[i], j, i);
		CHECK(!node_free(fd, seen[i]));
		CHECK_ERRNO(node_try_map(fd, granule(), seen[i]) == MAP_FAILED,
			    EINVAL);
		CHECK_ERRNO(node_free(fd, seen[i]) == -1, ENOENT);
	}
}

static int try_place(int fd, uint64_t placement, uint64_t length)
{
	struct peermr_alloc alloc = {
		.flags = PEERMR_ALLOC_FIXED,
		.length = length,
		.placement = placement,
	};
	int ret = node_try_alloc(fd, &alloc);

	if (!ret)
		CHECK_EQ(alloc.placement, placement);
	return ret;
}

static void a_fixed_place_is_honoured_or_refused(void)
{
	uint64_t size = window_size(), unit = granule();
	struct peermr_holder holder;
	int fd = node_open();

	CHECK(!try_place(fd, 4 * unit, 4 * unit));
	CHECK(!node_holder(fd, 0, &holder));
	CHECK_EQ(holder.placement, 4 * unit);
	CHECK_EQ(holder.length, 4 * unit);

	CHECK_ERRNO(try_place(fd, 4 * unit, 4 * unit), EBUSY);
	CHECK_ERRNO(try_place(fd, 5 * unit, unit), EBUSY);
	CHECK_ERRNO(try_place(fd, 3 * unit, 2 * unit), EBUSY);
	CHECK_ERRNO(try_place(fd, 7 * unit, 2 * unit), EBUSY);
	CHECK_ERRNO(try_place(fd, 0, 16 * unit), EBUSY);
	CHECK(!try_place(fd, 3 * unit, unit));
	CHECK(!try_place(fd, 8 * unit, unit));
	CHECK(!try_place(fd, 0, unit));
	CHECK(!try_place(fd, size - unit, unit));

	CHECK_ERRNO(try_place(fd, 10 * unit + 1, unit), EINVAL);
	CHECK_ERRNO(try_place(fd, 10 * unit + unit / 2, unit), EINVAL);
	CHECK_ERRNO(try_place(fd, size, unit), EINVAL);
	CHECK_ERRNO(try_place(fd, size - 2 * unit, 3 * unit), EINVAL);
	CHECK_ERRNO(try_place(fd, -unit, unit), EINVAL);
	CHECK_ERRNO(try_place(fd, -unit, 2 * unit), EINVAL);
}

static void an_alignment_is_honoured_or_refused(void)
{
	uint64_t unit = granule(), size = window_size(), alignment;
	struct peermr_alloc alloc;
	int fd = node_open();

	CHECK(!try_place(fd, 0, unit));
	for (alignment = 1; alignment <= size / 4; alignment *= 2) {
		alloc = (struct peermr_alloc){
			.length = unit,
			.alignment = alignment,
		};
		CHECK(!node_try_alloc(fd, &alloc));
		CHECK_EQ(alloc.placement % alignment, 0);
		CHECK_EQ(alloc.placement % unit, 0);
		CHECK(!node_free(fd, alloc.mmap_offset));
	}
	/* Only 0 is a multiple of these, and it is taken. */
	for (alignment = size; alignment; alignment *= 2) {
		alloc = (struct peermr_alloc){
			.length = unit,
			.alignment = alignment,
		};
		CHECK_ERRNO(node_try_alloc(fd, &alloc), ENOSPC);
	}
	alloc = (struct peermr_alloc){ .length = unit, .alignment = 3 };
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EINVAL);
	alloc.alignment = UINT64_MAX;
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EINVAL);
	alloc = (struct peermr_alloc){
		.flags = PEERMR_ALLOC_FIXED,
		.length = unit,
		.alignment = 4 * unit,
		.placement = 2 * unit,
	};
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EINVAL);
}

static void a_full_window_says_enospc(void)
{
	uint64_t unit = granule(), size = window_size(), i;
	struct peermr_alloc alloc = { .length = unit };
	int fd = node_open();

	CHECK_ERRNO(node_try_map(fd, size + unit, 0) == MAP_FAILED, ENOSPC);
	for (i = 0; i < size / unit; i++)
		CHECK(!node_try_alloc(fd, &alloc));
	CHECK_EQ(node_attr("free"), 0);
	CHECK_EQ(node_attr("buffers"), size / unit);
	CHECK_ERRNO(node_try_alloc(fd, &alloc), ENOSPC);
	CHECK_ERRNO(node_try_map(fd, 4096, 0) == MAP_FAILED, ENOSPC);
	close(fd);
	node_check_settled();

	fd = node_open();
	node_alloc(fd, size);
	CHECK_ERRNO(node_try_alloc(fd, &alloc), ENOSPC);
}

static void a_hole_is_used_only_by_what_fits(void)
{
	uint64_t unit = granule(), count = window_size() / unit, i;
	struct peermr_alloc alloc;
	int fd = node_open();
	uint64_t *handles = calloc(count, sizeof(*handles));

	for (i = 0; i < count; i++)
		handles[i] = node_alloc(fd, unit);
	for (i = 0; i < count; i += 2)
		CHECK(!node_free(fd, handles[i]));
	node_attr_wait("free", count / 2 * unit);
	alloc = (struct peermr_alloc){ .length = 2 * unit };
	CHECK_ERRNO(node_try_alloc(fd, &alloc), ENOSPC);
	for (i = 0; i < count; i += 2)
		node_alloc(fd, unit);
	CHECK_EQ(node_attr("free"), 0);
}

/* No pause between a free and the next allocation, clean memory or not. */
static void freed_memory_can_be_had_again_at_once(void)
{
	uint64_t size = window_size();
	int fd = node_open(), round;

	for (round = 0; round < 50; round++) {
		uint64_t handle = node_alloc(fd, size);

		if (round % 10 == 0) {
			unsigned char *p = node_map(fd, size, handle);

			p[size / 2] = 1;
			CHECK(!munmap(p, size));
		}
		CHECK(!node_free(fd, handle));
	}
	for (round = 0; round < 50; round++)
		CHECK(!munmap(node_map(fd, size, 0), size));
}

static void parts_of_a_buffer_can_be_mapped(void)
{
	uint64_t unit = granule(), length = 3 * unit, offset;
	int fd = node_open();
	uint64_t handle = node_alloc(fd, length);
	unsigned char *whole = node_map(fd, length, handle);
	static const uint64_t offsets[] = {
		4 * KIB, 68 * KIB, 2 * MIB, 2 * MIB + 4 * KIB, 4 * MIB,
	};
	size_t i;

	pattern_fill(whole, length, 7);
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		offset = offsets[i];
		unsigned char *part =
			node_map(fd, length - offset, handle + offset);

		CHECK(!memcmp(part, whole + offset, length - offset));
		part[8] ^= 0xff;
		CHECK_EQ(part[8], whole[offset + 8]);
		CHECK(!munmap(part, length - offset));
	}
}

static void a_mapping_beyond_the_buffer_is_refused(void)
{
	uint64_t unit = granule(), handle, next;
	int fd = node_open();

	handle = node_alloc(fd, unit);
	next = node_alloc(fd, unit);
	CHECK_ERRNO(node_try_map(fd, 2 * unit, handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_try_map(fd, unit, handle + 4096) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_try_map(fd, 8192, handle + unit - 4096) == MAP_FAILED,
		    EINVAL);
	CHECK_ERRNO(node_try_map(fd, 4096, handle + unit) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_try_map(fd, 4096, handle - 4096) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_try_map(fd, 4096, 4096) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(node_try_map(fd, next - handle + unit, handle) == MAP_FAILED,
		    EINVAL);
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

static void the_counters_follow_every_step(void)
{
	uint64_t size = window_size(), unit = granule(), handle;
	struct peermr_query query;
	unsigned char *p;
	int fd = node_open();

	handle = node_alloc(fd, 3 * unit);
	CHECK_EQ(node_attr("buffers"), 1);
	CHECK_EQ(node_attr("free"), size - 3 * unit);
	p = node_map(fd, 2 * unit, 0);
	CHECK_EQ(node_attr("buffers"), 2);
	CHECK_EQ(node_attr("free"), size - 5 * unit);
	CHECK_EQ(node_attr("pinned"), 0);
	CHECK_EQ(node_attr("quarantined"), 0);
	CHECK(!node_query(fd, &query));
	CHECK_EQ(query.version, PEERMR_UAPI_VERSION);
	CHECK_EQ(query.window_size, size);
	CHECK_EQ(query.window_free, size - 5 * unit);
	CHECK_EQ(query.granule, unit);
	CHECK_EQ(query.quota_used, 5 * unit);

	CHECK(!munmap(p, 2 * unit));
	node_attr_wait("buffers", 1);
	CHECK_EQ(node_attr("free"), size - 3 * unit);
	CHECK(!node_free(fd, handle));
	node_check_settled();
	CHECK(!node_query(fd, &query));
	CHECK_EQ(query.quota_used, 0);
}

static const struct test tests[] = {
	TEST(memory_is_zero_even_where_somebody_wrote_before),
	TEST(two_processes_never_see_each_others_bytes),
	TEST(every_mapping_of_offset_0_is_a_buffer_of_its_own),
	TEST(a_length_is_rounded_up_to_granules),
	TEST(no_handle_is_0_or_given_twice),
	TEST(a_fixed_place_is_honoured_or_refused),
	TEST(an_alignment_is_honoured_or_refused),
	TEST(a_full_window_says_enospc),
	TEST(a_hole_is_used_only_by_what_fits),
	TEST(freed_memory_can_be_had_again_at_once),
	TEST(parts_of_a_buffer_can_be_mapped),
	TEST(a_mapping_beyond_the_buffer_is_refused),
	TEST(another_open_file_cannot_use_the_handle),
	TEST(whoever_is_given_the_descriptor_shares_the_buffer),
	TEST(a_freed_buffer_keeps_its_memory_while_mapped),
	TEST(the_counters_follow_every_step),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
