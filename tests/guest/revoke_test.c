// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Taking memory back: REVOKE, unbind, reset. Nobody reaches it afterwards, by
 * whatever way it was mapped. usage: revoke_test [WINDOW [TEST...]]
 *
 * Revokes, unbinds and resets the device; needs root. The reset test needs a
 * device behind a bridge, as tests/vm/run has it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/sysmacros.h>

#include "node.h"
#include "pattern.h"
#include "process.h"

#define LENGTH (8 * MIB)

static char second_path[] = "/tmp/peermr-second-node.XXXXXX";

/* Another device node of the same device, on another file system. */
static int open_second_node(void)
{
	struct stat st;
	int fd;

	CHECK(!stat(node_path, &st));
	fd = mkstemp(second_path);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!unlink(second_path));
	CHECK(!mknod(second_path, S_IFCHR | 0600, st.st_rdev));
	fd = open(second_path, O_RDWR | O_CLOEXEC);
	unlink(second_path);
	CHECK(fd >= 0);
	return fd;
}

static void check_gone(unsigned char *p, uint64_t length)
{
	uint64_t i;

	for (i = 0; i < length; i += length / 4 - 4096) {
		CHECK_EQ(fault_of_read(p + i), SIGBUS);
		CHECK_EQ(fault_of_write(p + i, 1), SIGBUS);
	}
	CHECK_EQ(fault_of_read(p + length - 1), SIGBUS);
}

/* Requests of a file whose window is no more; @handle 0: it has none. */
static void check_dead(int fd, uint64_t handle)
{
	struct peermr_alloc alloc = { .length = 4096 };
	struct peermr_query query;

	CHECK_ERRNO(node_try_alloc(fd, &alloc), ENODEV);
	CHECK_ERRNO(node_query(fd, &query), ENODEV);
	CHECK_ERRNO(node_try_map(fd, 4096, 0) == MAP_FAILED, ENODEV);
	if (handle)
		CHECK_ERRNO(node_try_map(fd, 4096, handle) == MAP_FAILED,
			    ENODEV);
}

static void without_force_a_window_in_use_stays_as_it_is(void)
{
	unsigned char *mapped = node_map_fresh(LENGTH);
	int fd = node_open();
	uint64_t handle;

	pattern_fill(mapped, LENGTH, 1);
	CHECK_ERRNO(node_revoke(fd, 0) == -1, EBUSY);
	CHECK(node_is_live());
	pattern_check(mapped, LENGTH, 1);
	CHECK(!munmap(mapped, LENGTH));
	node_check_settled();
	/* A buffer that nobody has mapped counts as well. */
	handle = node_alloc(fd, LENGTH);
	CHECK_ERRNO(node_revoke(fd, 0) == -1, EBUSY);
	CHECK(node_is_live());
	CHECK(!node_free(fd, handle));
}

static void without_force_an_unused_window_is_revoked(void)
{
	unsigned char *p = node_map_fresh(node_attr("size"));
	int fd = node_open();
	char state[32];
	uint64_t i;

	/* It was in use until just now. */
	for (i = 0; i < node_attr("size"); i += 2 * MIB)
		p[i] = 1;
	CHECK(!munmap(p, node_attr("size")));
	CHECK(!node_revoke(fd, 0));
	CHECK(node_attr_text("state", state, sizeof(state)));
	CHECK(!strcmp(state, "revoked"));
	check_dead(fd, 0);
}

static unsigned char *inherited;

static void child_inherits_nothing(struct child *child)
{
	(void)child;
	check_gone(inherited, LENGTH);
}

static void revoked_mappings_give_sigbus_by_whatever_node_they_came(void)
{
	int fd = node_open(), second = open_second_node();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *a = node_map(fd, LENGTH, handle);
	unsigned char *part = node_map(fd, 68 * KIB, handle + 4096);
	unsigned char *b = node_map(second, LENGTH, 0);
	unsigned char *untouched = node_map_fresh(LENGTH);
	struct peermr_holder holder;
	struct child child;

	pattern_fill(a, LENGTH, 1);
	pattern_fill(b, LENGTH, 2);
	part[0] = 1;
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
	fault_catch();
	check_gone(a, LENGTH);
	check_gone(part, 68 * KIB);
	check_gone(b, LENGTH);
	check_gone(untouched, LENGTH);
	check_dead(fd, handle);
	check_dead(second, 0);
	CHECK(!node_holder(fd, 0, &holder));
	CHECK_EQ(holder.state, PEERMR_STATE_REVOKED);
	CHECK_EQ(holder.pid, getpid());
	/* A fork does not bring them back. */
	inherited = a;
	child_start(&child, child_inherits_nothing);
	child_end(&child);
	/* Nor does asking again. */
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
	check_gone(a, LENGTH);
}

static void revoke_as_user(struct child *child)
{
	int fd = node_open();

	(void)child;
	CHECK(!setresuid(65534, 65534, 65534));
	CHECK_ERRNO(node_revoke(fd, 0) == -1, EPERM);
	CHECK_ERRNO(node_revoke(fd, PEERMR_REVOKE_FORCE) == -1, EPERM);
}

static void an_ordinary_user_cannot_revoke(void)
{
	unsigned char *p = node_map_fresh(LENGTH);
	struct child child;

	pattern_fill(p, LENGTH, 1);
	child_start(&child, revoke_as_user);
	child_end(&child);
	CHECK(node_is_live());
	pattern_check(p, LENGTH, 1);
}

#define HAMMERS 3

static unsigned char *hammered;
static atomic_int revoked;
static atomic_ulong late_accesses;

/* Use the memory until it is gone, in a way that faults again and again. */
static void *hammer(void *arg)
{
	uint64_t i, place = (uintptr_t)arg * 2 * MIB;

	for (i = 0; late_accesses < 1000; i++) {
		int after = revoked;

		if (fault_of_write(hammered + place + i % 512 * 4096, i))
			break;
		if (after)
			late_accesses++;
		if (i % 64 == 0)
			madvise(hammered + place, 2 * MIB, MADV_DONTNEED);
	}
	return NULL;
}

static void no_access_succeeds_once_revoke_has_returned(void)
{
	pthread_t threads[HAMMERS];
	int fd = node_open();
	uintptr_t i;

	hammered = node_map(fd, LENGTH, 0);
	fault_catch();
	for (i = 0; i < HAMMERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, hammer, (void *)i));
	sleep_ms(200);
	CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
	revoked = 1;
	for (i = 0; i < HAMMERS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK_EQ(late_accesses, 0);
}

#define TOUCHERS 3

static uint64_t touched_size;

/* Each granule is zeroed first, which gives a revocation time to come by. */
static void *touch_for_the_first_time(void *arg)
{
	uint64_t part = touched_size / TOUCHERS / (2 * MIB) * (2 * MIB);
	unsigned char *p = hammered + (uintptr_t)arg * part;
	uint64_t i;

	for (i = 0; i < part; i += 2 * MIB)
		if (fault_of_write(p + i, 1))
			break;
	return NULL;
}

static void a_first_touch_does_not_outlive_a_revocation(void)
{
	pthread_t threads[TOUCHERS];
	uintptr_t i;
	int round;

	fault_catch();
	for (round = 0; round < 6; round++) {
		int fd = node_open();

		touched_size = node_attr("size");
		hammered = node_map(fd, touched_size, 0);
		for (i = 0; i < TOUCHERS; i++)
			CHECK(!pthread_create(&threads[i], NULL,
					      touch_for_the_first_time,
					      (void *)i));
		sleep_ms(5 + 5 * round);
		CHECK(!node_revoke(fd, PEERMR_REVOKE_FORCE));
		for (i = 0; i < touched_size; i += 2 * MIB)
			CHECK_EQ(fault_of_read(hammered + i), SIGBUS);
		for (i = 0; i < TOUCHERS; i++)
			CHECK(!pthread_join(threads[i], NULL));
		for (i = 0; i < touched_size; i += 2 * MIB)
			CHECK_EQ(fault_of_read(hammered + i), SIGBUS);
		CHECK(!munmap(hammered, touched_size));
		close(fd);
		CHECK(node_unbind());
		CHECK(node_bind());
	}
}

static void after_a_rebind_old_descriptors_stay_dead(void)
{
	int fd = node_open(), fresh;
	uint64_t handle = node_alloc(fd, LENGTH), length = node_attr("size");
	unsigned char *old = node_map(fd, LENGTH, handle), *p;

	pattern_fill(old, LENGTH, 1);
	CHECK(node_unbind());
	CHECK_ERRNO(access(node_path, F_OK) == -1, ENOENT);
	fault_catch();
	check_gone(old, LENGTH);
	check_dead(fd, handle);

	CHECK(node_bind());
	CHECK_EQ(node_attr("buffers"), 0);
	CHECK_EQ(node_attr("free"), length);
	check_gone(old, LENGTH);
	check_dead(fd, handle);
	fresh = node_open();
	p = node_map(fresh, length, 0);
	zero_check(p, LENGTH);
	pattern_fill(p, LENGTH, 2);
	check_gone(old, LENGTH);
	CHECK(!munmap(old, LENGTH));
	close(fd);
	pattern_check(p, LENGTH, 2);
	CHECK_EQ(node_attr("buffers"), 1);
}

static void unbind_and_bind_again_and_again(void)
{
	int round;

	for (round = 0; round < 20; round++) {
		unsigned char *p = node_map_fresh(LENGTH);

		p[0] = 1;
		if (round % 2)
			CHECK(!munmap(p, LENGTH));
		CHECK(node_unbind());
		CHECK(node_bind());
		CHECK(!node_leftovers());
	}
}

static void a_reset_takes_buffers_and_gives_new_ones(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH), size = node_attr("size");
	unsigned char *old = node_map(fd, LENGTH, handle), *p;
	char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", node_bdf);
	if (access(path, W_OK))
		TEST_SKIP("%s cannot be reset", node_bdf);
	pattern_fill(old, LENGTH, 1);
	CHECK(file_write(path, "1"));
	fault_catch();
	check_gone(old, LENGTH);
	CHECK_ERRNO(node_try_map(fd, LENGTH, handle) == MAP_FAILED, ENODEV);
	CHECK(node_is_live());
	/* The same open file can have new memory, next to the dead buffer. */
	CHECK_EQ(node_attr("free"), size - LENGTH);
	p = node_map(fd, size - LENGTH, 0);
	zero_check(p, size - LENGTH);
	pattern_fill(p, LENGTH, 2);
	pattern_check(p, LENGTH, 2);
	check_gone(old, LENGTH);
	CHECK(!munmap(old, LENGTH));
	CHECK(!node_free(fd, handle));
	node_attr_wait("free", LENGTH);
}

static const struct test tests[] = {
	TEST(without_force_a_window_in_use_stays_as_it_is),
	TEST(without_force_an_unused_window_is_revoked),
	TEST(revoked_mappings_give_sigbus_by_whatever_node_they_came),
	TEST(an_ordinary_user_cannot_revoke),
	TEST(no_access_succeeds_once_revoke_has_returned),
	TEST(a_first_touch_does_not_outlive_a_revocation),
	TEST(after_a_rebind_old_descriptors_stay_dead),
	TEST(unbind_and_bind_again_and_again),
	TEST(a_reset_takes_buffers_and_gives_new_ones),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
