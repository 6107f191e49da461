// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Several users of one window: quotas, who may see whose buffers, and what
 * LOOKUP tells about a pointer. usage: users_test [WINDOW [TEST...]]
 */
#include "node.h"
#include "process.h"

#define ALICE 1001
#define BOB 1002

/* Become @uid and open the window as that user. */
static int open_as(uid_t uid)
{
	CHECK(!setresgid(uid, uid, uid));
	CHECK(!setresuid(uid, uid, uid));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return node_open();
}

static uint64_t unit;

static uint64_t quota_used(int fd)
{
	struct peermr_query query;

	CHECK(!node_query(fd, &query));
	return query.quota_used;
}

static void alice_fills_her_quota(struct child *child)
{
	struct peermr_alloc alloc = { .length = unit };
	int fd = open_as(ALICE), second;
	uint64_t handle;

	handle = node_alloc(fd, 3 * unit);
	CHECK(!node_try_alloc(fd, &alloc));
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EDQUOT);
	CHECK_ERRNO(node_try_map(fd, unit, 0) == MAP_FAILED, EDQUOT);
	/* It is the user's, not the open file's. */
	second = node_open();
	CHECK_ERRNO(node_try_alloc(second, &alloc), EDQUOT);
	CHECK_EQ(quota_used(second), 4 * unit);
	child_tell(child);
	child_await(child);

	CHECK(!node_free(fd, handle));
	node_alloc(second, 3 * unit);
	CHECK_ERRNO(node_try_alloc(fd, &alloc), EDQUOT);
	child_tell(child);
	child_await(child);

	/* The limit is gone. */
	node_alloc(fd, 2 * unit);
	CHECK_EQ(quota_used(fd), 6 * unit);
}

static void bob_has_a_quota_of_his_own(struct child *child)
{
	int fd = open_as(BOB);

	child_await(child);
	CHECK_EQ(quota_used(fd), 0);
	node_alloc(fd, 4 * unit);
	CHECK_EQ(quota_used(fd), 4 * unit);
}

static void a_user_gets_no_more_than_the_quota(void)
{
	struct child alice, bob;

	unit = node_attr("granule");
	CHECK(!chmod(node_path, 0666));
	node_attr_set("quota", 4 * unit);
	CHECK_EQ(node_attr("quota"), 4 * unit);
	child_start(&alice, alice_fills_her_quota);
	child_start(&bob, bob_has_a_quota_of_his_own);
	child_await(&alice);
	child_tell(&bob);
	child_end(&bob);
	child_tell(&alice);
	child_await(&alice);
	node_attr_set("quota", 0);
	child_tell(&alice);
	child_end(&alice);
}

static void nobody_else_writes_the_quota(struct child *child)
{
	char path[256];

	(void)child;
	CHECK(!setresuid(ALICE, ALICE, ALICE));
	node_attr_path("quota", path, sizeof(path));
	CHECK_ERRNO(open(path, O_WRONLY) == -1, EACCES);
}

static void only_root_sets_the_quota(void)
{
	char path[256];
	struct child child;

	child_start(&child, nobody_else_writes_the_quota);
	child_end(&child);
	node_attr_path("quota", path, sizeof(path));
	CHECK(!file_write(path, "much"));
	CHECK(!file_write(path, "-1"));
	CHECK_EQ(node_attr("quota"), 0);
}

static void alice_holds(struct child *child)
{
	struct peermr_holder holder;
	int fd;

	prctl(PR_SET_NAME, "alice");
	fd = open_as(ALICE);
	child_await(child);
	node_map(fd, unit, 0);
	CHECK(!node_holder(fd, 0, &holder));
	CHECK_EQ(holder.uid, ALICE);
	CHECK_EQ(holder.pid, getpid());
	/* Root's two buffers, before and after hers, are not shown. */
	CHECK_ERRNO(node_holder(fd, holder.placement + holder.length, &holder),
		    ENOENT);
	child_tell(child);
	child_await(child);
}

static void check_holder(const struct peermr_holder *holder, uint64_t placement,
			 uint64_t length, pid_t pid, uid_t uid,
			 uint32_t mappings)
{
	CHECK_EQ(holder->placement, placement);
	CHECK_EQ(holder->length, length);
	CHECK_EQ(holder->pid, pid);
	CHECK_EQ(holder->uid, uid);
	CHECK_EQ(holder->mappings, mappings);
	CHECK_EQ(holder->pinned, 0);
	CHECK_EQ(holder->state, PEERMR_STATE_LIVE);
}

static void root_sees_every_holder_and_others_their_own(void)
{
	struct peermr_alloc alloc = { .flags = PEERMR_ALLOC_FIXED };
	struct peermr_holder holder;
	int fd = node_open();
	struct child alice;

	unit = node_attr("granule");
	CHECK(!chmod(node_path, 0666));
	/* Before there is a mapping that the child would inherit. */
	child_start(&alice, alice_holds);

	alloc.length = 2 * unit;
	CHECK(!node_try_alloc(fd, &alloc));
	node_map(fd, unit, alloc.mmap_offset);
	node_map(fd, 2 * unit, alloc.mmap_offset);
	alloc.length = unit;
	alloc.placement = 8 * unit;
	CHECK(!node_try_alloc(fd, &alloc));
	child_tell(&alice);
	child_await(&alice);

	CHECK(!node_holder(fd, 0, &holder));
	check_holder(&holder, 0, 2 * unit, getpid(), 0, 2);
	/* Any offset inside a buffer finds it. */
	CHECK(!node_holder(fd, 2 * unit - 1, &holder));
	CHECK_EQ(holder.placement, 0);
	CHECK(!node_holder(fd, 2 * unit, &holder));
	check_holder(&holder, 2 * unit, unit, alice.pid, ALICE, 1);
	CHECK(!strcmp(holder.comm, "alice"));
	CHECK(!node_holder(fd, 3 * unit, &holder));
	check_holder(&holder, 8 * unit, unit, getpid(), 0, 0);
	CHECK_ERRNO(node_holder(fd, 9 * unit, &holder), ENOENT);
	CHECK_ERRNO(node_holder(fd, UINT64_MAX, &holder), ENOENT);
	child_tell(&alice);
	child_end(&alice);
}

static int lookup(int fd, const void *address, struct peermr_lookup *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->size = sizeof(*answer);
	answer->address = (uintptr_t)address;
	return ioctl(fd, PEERMR_IOC_LOOKUP, answer);
}

static void a_pointer_tells_its_buffer(void)
{
	int fd = node_open(), other = node_open();
	uint64_t handle, length;
	struct peermr_lookup answer;
	unsigned char *part, *fresh;

	unit = node_attr("granule");
	length = 4 * unit;
	node_alloc(fd, unit);
	handle = node_alloc(fd, length);
	part = node_map(fd, unit + 8192, handle + unit + 4096);
	CHECK(!lookup(fd, part + 4097, &answer));
	CHECK_EQ(answer.start, (uintptr_t)part);
	CHECK_EQ(answer.length, unit + 8192);
	CHECK_EQ(answer.offset, unit + 4096 + 4097);
	CHECK_EQ(answer.buffer_length, length);
	CHECK_EQ(answer.placement, unit);
	CHECK_EQ(answer.mmap_offset, handle);
	/* The caller's address space is asked, whoever opened the file. */
	CHECK(!lookup(other, part, &answer));
	CHECK_EQ(answer.mmap_offset, handle);

	fresh = node_map(fd, unit, 0);
	CHECK(!lookup(fd, fresh + unit - 1, &answer));
	CHECK_EQ(answer.offset, unit - 1);
	CHECK(answer.mmap_offset && answer.mmap_offset != handle);

	/* A mapping with a hole is two mappings. */
	CHECK(!munmap(part + 4096, 4096));
	CHECK(!lookup(fd, part + 8192, &answer));
	CHECK_EQ(answer.start, (uintptr_t)part + 8192);
	CHECK_EQ(answer.length, unit);
	CHECK_EQ(answer.offset, unit + 4096 + 8192);
	CHECK_ERRNO(lookup(fd, part + 4096, &answer), ENOENT);
}

static void a_pointer_elsewhere_is_enoent(void)
{
	struct peermr_lookup answer;
	int fd = node_open();
	void *anonymous = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

	CHECK_ERRNO(lookup(fd, &answer, &answer), ENOENT);
	CHECK_ERRNO(lookup(fd, anonymous, &answer), ENOENT);
	CHECK(!munmap(anonymous, 4096));
	CHECK_ERRNO(lookup(fd, anonymous, &answer), ENOENT);
	CHECK_ERRNO(lookup(fd, NULL, &answer), ENOENT);
	CHECK_ERRNO(lookup(fd, (void *)UINTPTR_MAX, &answer), ENOENT);
	CHECK_ERRNO(lookup(fd, (void *)0xffff888000000000UL, &answer), ENOENT);
}

static const struct test tests[] = {
	TEST(a_user_gets_no_more_than_the_quota),
	TEST(only_root_sets_the_quota),
	TEST(root_sees_every_holder_and_others_their_own),
	TEST(a_pointer_tells_its_buffer),
	TEST(a_pointer_elsewhere_is_enoent),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
