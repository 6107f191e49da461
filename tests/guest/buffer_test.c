// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Buffers: where they are placed, what a handle is good for, and when memory
 * is free again. usage: buffer_test [WINDOW [TEST...]]
 */
#include "node.h"
#include "pattern.h"

static uint64_t window_size(void)
{
	return node_attr("size");
}

static uint64_t granule(void)
{
	return node_attr("granule");
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
	TEST(a_length_is_rounded_up_to_granules),
	TEST(no_handle_is_0_or_given_twice),
	TEST(a_fixed_place_is_honoured_or_refused),
	TEST(an_alignment_is_honoured_or_refused),
	TEST(a_full_window_says_enospc),
	TEST(a_hole_is_used_only_by_what_fits),
	TEST(freed_memory_can_be_had_again_at_once),
	TEST(parts_of_a_buffer_can_be_mapped),
	TEST(a_mapping_beyond_the_buffer_is_refused),
	TEST(the_counters_follow_every_step),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
