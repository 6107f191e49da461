// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Mappings under everything that a process may do with its address space.
 * usage: vma_test [WINDOW [TEST...]]
 */
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "node.h"
#include "pattern.h"
#include "process.h"

#define LENGTH (8 * MIB)

static unsigned char *memory;

static void map_and_fill(uint64_t length)
{
	memory = node_map_fresh(length);
	pattern_fill(memory, length, 1);
}

static void child_writes(struct child *child)
{
	child_await(child);
	pattern_check(memory, LENGTH, 1);
	pattern_fill(memory, LENGTH, 2);
}

static void parent_and_forked_child_share_the_buffer(void)
{
	struct child child;

	map_and_fill(LENGTH);
	child_start(&child, child_writes);
	child_tell(&child);
	child_end(&child);
	pattern_check(memory, LENGTH, 2);
	CHECK_EQ(node_attr("buffers"), 1);
	CHECK_EQ(node_attr("free"), node_attr("size") - LENGTH);
}

static void child_outlives_the_parents_mapping(struct child *child)
{
	child_await(child);
	pattern_check(memory, LENGTH, 1);
	CHECK(!munmap(memory, LENGTH));
}

static void a_forked_child_keeps_the_buffer_of_its_parent(void)
{
	struct child child;

	map_and_fill(LENGTH);
	child_start(&child, child_outlives_the_parents_mapping);
	CHECK(!munmap(memory, LENGTH));
	sleep_ms(50);
	CHECK_EQ(node_attr("buffers"), 1);
	memory = node_map_fresh(node_attr("free"));
	memset(memory, 0xff, LENGTH);
	child_tell(&child);
	child_end(&child);
}

static void child_has_no_mapping(struct child *child)
{
	(void)child;
	fault_catch();
	CHECK_EQ(fault_of_read(memory), SIGSEGV);
}

static void dontfork_hides_the_buffer_and_dofork_shows_it(void)
{
	struct child child;

	map_and_fill(LENGTH);
	CHECK(!madvise(memory, LENGTH, MADV_DONTFORK));
	child_start(&child, child_has_no_mapping);
	child_end(&child);
	if (madvise(memory, LENGTH, MADV_DOFORK)) {
		/* Newer kernels do not take it back from device memory. */
		CHECK_EQ(errno, EINVAL);
		child_start(&child, child_has_no_mapping);
		child_end(&child);
		return;
	}
	child_start(&child, child_writes);
	child_tell(&child);
	child_end(&child);
	pattern_check(memory, LENGTH, 2);
}

static void a_hole_of_4_KiB_leaves_the_rest_alone(void)
{
	uint64_t hole = 2 * MIB + 68 * KIB;
	uint64_t *copy = malloc(LENGTH);

	map_and_fill(LENGTH);
	memcpy(copy, memory, LENGTH);
	CHECK(!munmap(memory + hole, 4096));
	fault_catch();
	CHECK_EQ(fault_of_read(memory + hole), SIGSEGV);
	CHECK(!memcmp(memory, copy, hole));
	CHECK(!memcmp(memory + hole + 4096, (char *)copy + hole + 4096,
		      LENGTH - hole - 4096));
	/* Neither half is the buffer's owner alone. */
	CHECK(!munmap(memory, hole));
	sleep_ms(50);
	CHECK_EQ(node_attr("buffers"), 1);
	memory[LENGTH - 1] ^= 0xff;
	CHECK_EQ(memory[LENGTH - 1], ((unsigned char *)copy)[LENGTH - 1] ^ 0xff);
	CHECK(!munmap(memory + hole + 4096, LENGTH - hole - 4096));
	node_check_settled();
}

static void moving_a_mapping_keeps_its_data(void)
{
	unsigned char *moved;

	map_and_fill(LENGTH);
	fault_catch();
	/* To a place that shifts 2 MiB mappings out of step, too. */
	moved = mmap(NULL, LENGTH + 2 * MIB, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(moved != MAP_FAILED);
	CHECK(mremap(memory, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
		     moved + 4096) == moved + 4096);
	moved += 4096;
	CHECK_EQ(fault_of_read(memory), SIGSEGV);
	pattern_check(moved, LENGTH, 1);
	pattern_fill(moved, LENGTH, 2);
	CHECK(mremap(moved, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
		     memory) == memory);
	pattern_check(memory, LENGTH, 2);
	/* Shrinking is a partial munmap. */
	CHECK(mremap(memory, LENGTH, 4096, 0) == memory);
	CHECK_EQ(fault_of_read(memory + 4096), SIGSEGV);
	pattern_check(memory, 4096, 2);
	CHECK_EQ(node_attr("buffers"), 1);
}

static void a_mapping_neither_grows_nor_doubles(void)
{
	map_and_fill(LENGTH);
	CHECK(mremap(memory, LENGTH, 2 * LENGTH, MREMAP_MAYMOVE) == MAP_FAILED);
	/* Size 0 would duplicate a shared mapping. */
	CHECK(mremap(memory, 0, LENGTH, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(mremap(memory, LENGTH, LENGTH,
		     MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	pattern_check(memory, LENGTH, 1);
	CHECK_EQ(node_attr("buffers"), 1);
}

static void mprotect_is_obeyed(void)
{
	map_and_fill(LENGTH);
	fault_catch();
	CHECK(!mprotect(memory, LENGTH, PROT_READ));
	CHECK_EQ(fault_of_write(memory + MIB, 0), SIGSEGV);
	pattern_check(memory, LENGTH, 1);
	CHECK(!mprotect(memory + 4096, 4096, PROT_NONE));
	CHECK_EQ(fault_of_read(memory + 4096), SIGSEGV);
	CHECK(!mprotect(memory, LENGTH, PROT_READ | PROT_WRITE));
	pattern_check(memory, LENGTH, 1);
	CHECK_EQ(fault_of_write(memory + MIB, 0), 0);
	pattern_fill(memory, LENGTH, 2);
	pattern_check(memory, LENGTH, 2);
}

static void private_mappings_are_refused(void)
{
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);

	CHECK_ERRNO(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			 handle) == MAP_FAILED, EINVAL);
	CHECK_ERRNO(mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, fd, 0) ==
		    MAP_FAILED, EINVAL);
	CHECK_EQ(node_attr("buffers"), 1);
}

static const int advices[] = {
	MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_FREE, MADV_REMOVE,
	MADV_WILLNEED, MADV_SEQUENTIAL, MADV_RANDOM, MADV_HUGEPAGE,
	MADV_NOHUGEPAGE, 25 /* MADV_COLLAPSE */, MADV_MERGEABLE,
	MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DODUMP,
	24 /* MADV_DONTNEED_LOCKED */,
};

#define NR_ADVICES (sizeof(advices) / sizeof(advices[0]))

static void advice_never_loses_data(void)
{
	size_t i;
	int part;

	map_and_fill(LENGTH);
	for (part = 0; part < 2; part++) {
		for (i = 0; i < NR_ADVICES; i++) {
			/* Refusing is fine. */
			madvise(memory, LENGTH, advices[i]);
			pattern_check(memory, LENGTH, 1);
		}
		/* Once more without 2 MiB mappings in one place. */
		madvise(memory + 3 * MIB, 4096, MADV_DONTNEED);
		CHECK(!mprotect(memory + MIB, 4096, PROT_READ));
		CHECK(!mprotect(memory + MIB, 4096, PROT_READ | PROT_WRITE));
		pattern_check(memory, LENGTH, 1);
	}
	CHECK(!mlock(memory, LENGTH));
	pattern_check(memory, LENGTH, 1);
	CHECK(!munlock(memory, LENGTH));
	pattern_check(memory, LENGTH, 1);
}

/* Not even by what a CPU remembers of the page tables. */
static void unmapped_memory_is_gone_whatever_was_advised(void)
{
	size_t i;

	fault_catch();
	for (i = 0; i < NR_ADVICES; i++) {
		memory = node_map_fresh(4 * MIB);
		memory[0] = 1;
		memory[3 * MIB] = 1;
		/* The kernel's walk of page tables is all that comes between. */
		madvise(memory, 4 * MIB, advices[i]);
		CHECK(!munmap(memory, 4 * MIB));
		if (fault_of_read(memory) != SIGSEGV ||
		    fault_of_write(memory + 3 * MIB, 2) != SIGSEGV)
			TEST_FAIL("after advice %d unmapped memory is still there",
				  advices[i]);
	}
}

static long minor_faults(void)
{
	struct rusage usage;

	CHECK(!getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt;
}

static long faults_of_touching(unsigned char *p, uint64_t length)
{
	long before = minor_faults();
	uint64_t i;

	for (i = 0; i < length; i += 4096)
		((volatile unsigned char *)p)[i] = 1;
	return minor_faults() - before;
}

static bool kernel_is_before(int major, int minor)
{
	struct utsname name;
	int a, b;

	CHECK(!uname(&name));
	CHECK_EQ(sscanf(name.release, "%d.%d", &a, &b), 2);
	return a < major || (a == major && b < minor);
}

static void touching_memory_takes_one_fault_per_2_MiB(void)
{
	uint64_t length = 32 * MIB;
	int fd = node_open();
	uint64_t handle = node_alloc(fd, length);
	unsigned char *p = node_map(fd, length, handle);
	long faults;

	if (node_attr("granule") < 2 * MIB)
		TEST_SKIP("the window has no 2 MiB granules");
	faults = faults_of_touching(p, length);
	if (faults >= (long)(length / 4096) && kernel_is_before(6, 5))
		TEST_SKIP("2 MiB mappings of device memory are not safe before 6.5");
	if (faults < 16 || faults > 24)
		TEST_FAIL("%ld faults for 16 times 2 MiB", faults);
	/* From 4 KiB into a buffer on there are 15 whole ones. */
	CHECK(!munmap(p, length));
	p = node_map(fd, length - 4096, handle + 4096);
	faults = faults_of_touching(p, length - 4096);
	if (faults < 15 + 511 || faults > 15 + 511 + 8)
		TEST_FAIL("%ld faults for 15 times 2 MiB and 511 pages", faults);
}

static void any_address_and_any_page_offset_will_do(void)
{
	static const uint64_t offsets[] = { 0, 4096, 2 * MIB, 2 * MIB + 12288 };
	int fd = node_open();
	uint64_t handle = node_alloc(fd, LENGTH);
	unsigned char *whole = node_map(fd, LENGTH, handle), *space, *p;
	size_t i, j;

	pattern_fill(whole, LENGTH, 3);
	space = mmap(NULL, 3 * LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	CHECK(space != MAP_FAILED);
	space = (void *)(((uintptr_t)space + 2 * MIB) & ~(2 * MIB - 1));
	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++) {
			uint64_t length = LENGTH - offsets[j];

			p = mmap(space + offsets[i], length,
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				 fd, handle + offsets[j]);
			CHECK(p == space + offsets[i]);
			CHECK(!memcmp(p, whole + offsets[j], length));
			p[length - 1]++;
			CHECK_EQ(p[length - 1], whole[LENGTH - 1]);
			CHECK(!munmap(p, length));
		}
	}
}

static void read_by_system_call(struct child *child)
{
	(void)child;
	pattern_fill(memory, LENGTH, 9);
	child_tell(child);
	child_await(child);
	pattern_check(memory, LENGTH, 10);
}

static void the_kernel_reads_and_writes_it_for_other_processes(void)
{
	unsigned char *copy = malloc(LENGTH);
	struct iovec local = { copy, LENGTH }, remote;
	struct child child;
	char path[64];
	int fd;

	memory = node_map_fresh(LENGTH);
	child_start(&child, read_by_system_call);
	child_await(&child);
	CHECK(!munmap(memory, LENGTH));
	remote = (struct iovec){ memory, LENGTH };
	CHECK_EQ(process_vm_readv(child.pid, &local, 1, &remote, 1, 0), LENGTH);
	pattern_check(copy, LENGTH, 9);

	memset(copy, 0, LENGTH);
	snprintf(path, sizeof(path), "/proc/%d/mem", child.pid);
	fd = open(path, O_RDWR);
	CHECK_EQ(pread(fd, copy, LENGTH, (off_t)(uintptr_t)memory), LENGTH);
	pattern_check(copy, LENGTH, 9);
	pattern_fill(copy, LENGTH, 10);
	CHECK_EQ(pwrite(fd, copy, LENGTH, (off_t)(uintptr_t)memory), LENGTH);
	child_tell(&child);
	child_end(&child);
}

/* The VmFlags line of the mapping at @address. */
static void smaps_flags(const void *address, char *line, size_t size)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long start;
	bool here = false;

	CHECK(smaps);
	while (fgets(line, size, smaps)) {
		if (sscanf(line, "%lx-", &start) == 1 && strchr(line, '-'))
			here = start == (uintptr_t)address;
		else if (here && !strncmp(line, "VmFlags:", 8))
			break;
	}
	fclose(smaps);
	CHECK(!strncmp(line, "VmFlags:", 8));
}

static void core_dumps_leave_device_memory_out(void)
{
	char line[512];

	map_and_fill(LENGTH);
	smaps_flags(memory, line, sizeof(line));
	CHECK(strstr(line, " dd"));
	/* Asking for it does not help. */
	CHECK(madvise(memory, LENGTH, MADV_DODUMP));
	smaps_flags(memory, line, sizeof(line));
	CHECK(strstr(line, " dd"));
}

static void a_read_only_descriptor_gives_no_write_access(void)
{
	int fd = open(node_path, O_RDONLY | O_CLOEXEC);
	unsigned char *p;

	CHECK(fd >= 0);
	CHECK_ERRNO(node_try_map(fd, LENGTH, 0) == MAP_FAILED, EACCES);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	zero_check(p, LENGTH);
	CHECK_ERRNO(mprotect(p, LENGTH, PROT_READ | PROT_WRITE), EACCES);
	fault_catch();
	CHECK_EQ(fault_of_write(p, 1), SIGSEGV);
}

static const struct test tests[] = {
	TEST(parent_and_forked_child_share_the_buffer),
	TEST(a_forked_child_keeps_the_buffer_of_its_parent),
	TEST(dontfork_hides_the_buffer_and_dofork_shows_it),
	TEST(a_hole_of_4_KiB_leaves_the_rest_alone),
	TEST(moving_a_mapping_keeps_its_data),
	TEST(a_mapping_neither_grows_nor_doubles),
	TEST(mprotect_is_obeyed),
	TEST(private_mappings_are_refused),
	TEST(advice_never_loses_data),
	TEST(unmapped_memory_is_gone_whatever_was_advised),
	TEST(touching_memory_takes_one_fault_per_2_MiB),
	TEST(any_address_and_any_page_offset_will_do),
	TEST(the_kernel_reads_and_writes_it_for_other_processes),
	TEST(core_dumps_leave_device_memory_out),
	TEST(a_read_only_descriptor_gives_no_write_access),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
