// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Arguments that are wrong, extreme or from another version of the interface.
 * usage: ioctl_test [WINDOW [TEST...]]
 */
#include "node.h"
#include "process.h"

union request {
	struct {
		uint32_t size;
		uint32_t flags;
	} head;
	struct peermr_query query;
	struct peermr_alloc alloc;
	struct peermr_free free;
	struct peermr_lookup lookup;
	struct peermr_holder holder;
	struct peermr_revoke revoke;
	struct peermr_export export;
	unsigned char bytes[8192];
};

/* What each request takes, and the error that a well-formed one gets. */
static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t size;
	uint32_t flags;
	int error;
} requests[] = {
	{ "QUERY", PEERMR_IOC_QUERY, sizeof(struct peermr_query), 0, 0 },
	{ "ALLOC", PEERMR_IOC_ALLOC, sizeof(struct peermr_alloc),
	  PEERMR_ALLOC_FIXED, EINVAL },
	{ "FREE", PEERMR_IOC_FREE, sizeof(struct peermr_free), 0, ENOENT },
	{ "LOOKUP", PEERMR_IOC_LOOKUP, sizeof(struct peermr_lookup), 0, ENOENT },
	{ "HOLDER", PEERMR_IOC_HOLDER, sizeof(struct peermr_holder), 0, ENOENT },
	{ "REVOKE", PEERMR_IOC_REVOKE, sizeof(struct peermr_revoke),
	  PEERMR_REVOKE_FORCE, EPERM },
	{ "EXPORT", PEERMR_IOC_EXPORT, sizeof(struct peermr_export),
	  PEERMR_EXPORT_ADDRESS, ENOENT },
};

#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* Without CAP_SYS_ADMIN, so that REVOKE can be tried. */
static int open_as_nobody(void)
{
	int fd = node_open();

	CHECK(!setresuid(65534, 65534, 65534));
	return fd;
}

static void expect(int fd, size_t i, union request *request, int error,
		   const char *what)
{
	int got = ioctl(fd, requests[i].cmd, request) ? errno : 0;

	if (got != error)
		TEST_FAIL("%s with %s: %s, not %s", requests[i].name, what,
			  strerror(got), strerror(error));
}

static void a_structure_of_another_size_is_understood_or_refused(void)
{
	static union request request;
	int fd = open_as_nobody();
	uint32_t size, tail;
	size_t i;

	for (i = 0; i < NR_REQUESTS; i++) {
		size = requests[i].size;
		memset(&request, 0, sizeof(request));
		request.head.size = size;
		expect(fd, i, &request, requests[i].error, "its own size");
		for (uint32_t small = 0; small < size; small++) {
			memset(&request, 0, sizeof(request));
			request.head.size = small;
			expect(fd, i, &request, EINVAL, "too small a size");
		}
		/* A newer program that does not use what is new. */
		memset(&request, 0, sizeof(request));
		request.head.size = size + 40;
		expect(fd, i, &request, requests[i].error, "a tail of zeroes");
		for (tail = 0; tail < 40; tail += 13) {
			memset(&request, 0, sizeof(request));
			request.head.size = size + 40;
			request.bytes[size + tail] = 1;
			expect(fd, i, &request, E2BIG, "a tail with a bit set");
		}
		memset(&request, 0, sizeof(request));
		request.head.size = sizeof(request);
		expect(fd, i, &request, E2BIG, "more than a page");
		request.head.size = UINT32_MAX;
		expect(fd, i, &request, E2BIG, "4 GiB");
	}
}

static void the_answer_never_exceeds_the_size(void)
{
	static union request request;
	int fd = node_open();
	size_t i;

	memset(&request, 0, sizeof(request));
	request.head.size = sizeof(request.query) + 24;
	CHECK(!ioctl(fd, PEERMR_IOC_QUERY, &request));
	CHECK_EQ(request.head.size, sizeof(request.query) + 24);
	CHECK_EQ(request.query.version, PEERMR_UAPI_VERSION);
	for (i = sizeof(request.query); i < sizeof(request); i++)
		CHECK_EQ(request.bytes[i], 0);
}

static void unknown_flags_are_refused(void)
{
	static union request request;
	int fd = open_as_nobody(), bit;
	size_t i;

	for (i = 0; i < NR_REQUESTS; i++) {
		for (bit = 0; bit < 32; bit++) {
			if (requests[i].flags & (1U << bit))
				continue;
			memset(&request, 0, sizeof(request));
			request.head.size = requests[i].size;
			request.head.flags = 1U << bit;
			request.alloc.length = 4096;
			expect(fd, i, &request, EINVAL, "an unknown flag");
		}
	}
	CHECK_EQ(node_attr("buffers"), 0);
}

static void reserved_fields_are_refused(void)
{
	static union request request;
	int fd = node_open();

	request.export.size = sizeof(request.export);
	request.export.mmap_offset = node_alloc(fd, 4096);
	request.export.reserved = 1;
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_EXPORT, &request) == -1, EINVAL);
}

static void unknown_requests_are_enotty(void)
{
	static union request request;
	int fd = node_open();
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		memset(&request, 0, sizeof(request));
		request.head.size = 64;
		CHECK_ERRNO(ioctl(fd, _IOWR('p', nr, struct peermr_query),
				  &request) == -1, ENOTTY);
		if (nr < NR_REQUESTS)
			continue;
		CHECK_ERRNO(ioctl(fd, _IOWR(PEERMR_IOC_MAGIC, nr,
					    struct peermr_query),
				  &request) == -1, ENOTTY);
	}
}

static void a_bad_pointer_is_efault_and_leaks_nothing(void)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const uintptr_t wild[] = {
		0, 1, 0x7ffffffff000, 0xffff888000000000, UINTPTR_MAX - 3,
	};
	struct peermr_alloc *alloc;
	int fd = node_open();
	size_t i, j;

	CHECK(pages != MAP_FAILED);
	CHECK(!munmap(pages + 4096, 4096));
	for (i = 0; i < NR_REQUESTS; i++) {
		for (j = 0; j < sizeof(wild) / sizeof(wild[0]); j++)
			expect(fd, i, (void *)wild[j], EFAULT, "a wild pointer");
		/* The size is there, the rest is not. */
		memset(pages, 0, 4096);
		memcpy(pages + 4092, &requests[i].size, 4);
		expect(fd, i, (void *)(pages + 4092), EFAULT, "half a structure");
	}

	/* Read but not written back: nobody could ever free that buffer. */
	alloc = (struct peermr_alloc *)pages;
	*alloc = (struct peermr_alloc){
		.size = sizeof(*alloc),
		.length = 4096,
	};
	CHECK(!mprotect(pages, 4096, PROT_READ));
	for (i = 0; i < 16; i++)
		CHECK_ERRNO(ioctl(fd, PEERMR_IOC_ALLOC, alloc) == -1, EFAULT);
	node_check_settled();
}

static void free_needs_no_writable_structure(void)
{
	struct peermr_free *request = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = node_open();

	CHECK(request != MAP_FAILED);
	*request = (struct peermr_free){
		.size = sizeof(*request),
		.mmap_offset = node_alloc(fd, 4096),
	};
	CHECK(!mprotect(request, 4096, PROT_READ));
	CHECK(!ioctl(fd, PEERMR_IOC_FREE, request));
	CHECK_ERRNO(ioctl(fd, PEERMR_IOC_FREE, request) == -1, ENOENT);
}

static void try_alloc(int fd, struct peermr_alloc alloc, int error)
{
	struct peermr_alloc answer = alloc;
	int got = node_try_alloc(fd, &answer) ? errno : 0;

	if (got != error)
		TEST_FAIL("length %#llx alignment %#llx placement %#llx flags %#x: %s, not %s",
			  (unsigned long long)alloc.length,
			  (unsigned long long)alloc.alignment,
			  (unsigned long long)alloc.placement, alloc.flags,
			  strerror(got), strerror(error));
}

static void extreme_lengths_and_places_are_refused(void)
{
	uint64_t size = node_attr("size"), granule = node_attr("granule");
	const uint64_t lengths[] = {
		size + 1, 2 * size, INT64_MAX, INT64_MAX - granule + 1,
		1ULL << 63, UINT64_MAX, UINT64_MAX - granule + 1, -granule,
	};
	const uint64_t places[] = {
		size, 2 * size, 1ULL << 62, 1ULL << 63, -granule, -2 * granule,
		-size,
	};
	int fd = node_open();
	size_t i;

	try_alloc(fd, (struct peermr_alloc){ .length = 0 }, EINVAL);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		try_alloc(fd, (struct peermr_alloc){ .length = lengths[i] },
			  ENOSPC);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		try_alloc(fd, (struct peermr_alloc){
			.flags = PEERMR_ALLOC_FIXED,
			.length = 2 * granule,
			.placement = places[i],
		}, EINVAL);
	CHECK_EQ(node_attr("buffers"), 0);
}

static void extreme_mappings_are_refused(void)
{
	uint64_t size = node_attr("size");
	static const uint64_t offsets[] = {
		4096, 1ULL << 30, 1ULL << 62, (1ULL << 63) - 4096, 1ULL << 63,
		-4096ULL, -(2ULL << 20),
	};
	int fd = node_open();
	size_t i;

	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		CHECK(node_try_map(fd, 4096, offsets[i]) == MAP_FAILED);
	CHECK(node_try_map(fd, size + 4096, 0) == MAP_FAILED);
	CHECK(node_try_map(fd, 1ULL << 46, 0) == MAP_FAILED);
	CHECK(node_try_map(fd, 0, 0) == MAP_FAILED);
	CHECK_EQ(node_attr("buffers"), 0);
}

static void freeing_what_is_not_a_handle_is_enoent(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, 4 * MIB), wrong[] = {
		0, 1, handle + 1, handle + 4096, handle + 2 * MIB, handle - 4096,
		handle + 4 * MIB, -handle, 1ULL << 63, UINT64_MAX,
		handle | 1ULL << 63,
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_ERRNO(node_free(fd, wrong[i]) == -1, ENOENT);
	CHECK(!node_free(fd, handle));
}

static void file_operations_that_make_no_sense_are_refused(void)
{
	char byte = 0;
	int fd = node_open();

	CHECK(read(fd, &byte, 1) == -1);
	CHECK(write(fd, &byte, 1) == -1);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET) == -1, ESPIPE);
	CHECK(ftruncate(fd, 0) == -1);
	CHECK(posix_fallocate(fd, 0, 4096) != 0);
}

static const struct test tests[] = {
	TEST(a_structure_of_another_size_is_understood_or_refused),
	TEST(the_answer_never_exceeds_the_size),
	TEST(unknown_flags_are_refused),
	TEST(reserved_fields_are_refused),
	TEST(unknown_requests_are_enotty),
	TEST(a_bad_pointer_is_efault_and_leaks_nothing),
	TEST(free_needs_no_writable_structure),
	TEST(extreme_lengths_and_places_are_refused),
	TEST(extreme_mappings_are_refused),
	TEST(freeing_what_is_not_a_handle_is_enoent),
	TEST(file_operations_that_make_no_sense_are_refused),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
