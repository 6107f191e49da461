// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Threads that make random calls on shared open files of a window, while another
 * reads what the window says of itself; whatever they do, afterwards nothing is
 * left. usage: fuzz_test [WINDOW [TEST...]]
 *
 * SEED and CALLS (20000) come from the environment; a failure names the seed,
 * which makes the same calls again, though not in the same order between the
 * threads.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "node.h"
#include "process.h"

#define THREADS 4
#define FILES 4
#define HANDLES 32
#define MAPPINGS 6

static unsigned long seed, calls;
static atomic_bool over;
static atomic_int files[FILES];
static _Atomic(uint64_t) handles[HANDLES];
static uint64_t size, granule;
static unsigned char *read_only;	/* a page */

struct fuzzer {
	pthread_t thread;
	uint64_t state;
	struct {
		unsigned char *address;
		uint64_t length;
	} mappings[MAPPINGS];
};

static uint64_t draw(struct fuzzer *fuzzer)
{
	/* xorshift64* */
	fuzzer->state ^= fuzzer->state >> 12;
	fuzzer->state ^= fuzzer->state << 25;
	fuzzer->state ^= fuzzer->state >> 27;
	return fuzzer->state * 0x2545f4914f6cdd1dULL >> 11;
}

static uint64_t draw_number(struct fuzzer *fuzzer)
{
	uint64_t n = draw(fuzzer);

	switch (draw(fuzzer) % 8) {
	case 0:
		return n % 4;
	case 1:
		return 1ULL << n % 64;
	case 2:
		return -(1ULL << n % 64);
	case 3:
		return n;
	case 4:
		return size - n % 3 * granule;
	case 5:
		return handles[n % HANDLES] + n / HANDLES % 4 * 4096;
	default:
		return n % (size / granule / 2) * granule;
	}
}

static int draw_file(struct fuzzer *fuzzer)
{
	return files[draw(fuzzer) % FILES];
}

static void fuzz_alloc(struct fuzzer *fuzzer)
{
	struct peermr_alloc alloc = {
		.flags = draw(fuzzer) % 4 == 0,
		.length = draw(fuzzer) % (size / 4) + 1,
		.alignment = draw(fuzzer) % 2 ? 0 : 1ULL << draw(fuzzer) % 30,
		.placement = draw_number(fuzzer),
	};

	if (draw(fuzzer) % 4 == 0)
		alloc.length = draw_number(fuzzer);
	if (!node_try_alloc(draw_file(fuzzer), &alloc))
		handles[draw(fuzzer) % HANDLES] = alloc.mmap_offset;
}

/* Any request with any bytes; often where they cannot be written back. */
static void fuzz_raw(struct fuzzer *fuzzer)
{
	uint64_t words[512] = { 0 };
	void *argument = words;
	unsigned long nr = draw(fuzzer) % 8;
	uint32_t *head = (uint32_t *)words;
	size_t i;

	for (i = 1; i < 9; i++)
		words[i] = draw_number(fuzzer);
	head[0] = draw(fuzzer) % 4 ? 8 * (1 + draw(fuzzer) % 9) :
				     draw_number(fuzzer);
	head[1] = draw(fuzzer) % 2 ? 0 : draw_number(fuzzer);
	if (draw(fuzzer) % 8 == 0)
		argument = read_only;
	else if (draw(fuzzer) % 8 == 0)
		argument = (void *)draw_number(fuzzer);
	/* Requires a privilege that this process gave up. */
	if (!ioctl(draw_file(fuzzer), _IOWR(PEERMR_IOC_MAGIC, nr, uint64_t),
		   argument) && nr == _IOC_NR(PEERMR_IOC_REVOKE))
		TEST_FAIL("an ordinary user revoked the window (seed %lu)", seed);
}

static void fuzz_map(struct fuzzer *fuzzer)
{
	uint64_t i = draw(fuzzer) % MAPPINGS, length, offset = 0;
	unsigned char *p;

	if (fuzzer->mappings[i].address) {
		CHECK(!munmap(fuzzer->mappings[i].address,
			      fuzzer->mappings[i].length));
		fuzzer->mappings[i].address = NULL;
		return;
	}
	length = (draw(fuzzer) % (size / 8) & ~4095UL) + 4096;
	if (draw(fuzzer) % 2)
		offset = draw_number(fuzzer) & ~4095UL;
	p = node_try_map(draw_file(fuzzer), length, offset);
	if (p == MAP_FAILED)
		return;
	fuzzer->mappings[i].address = p;
	fuzzer->mappings[i].length = length;
	/* What could be mapped can be used. */
	p[0] = 1;
	p[length - 1] = 1;
}

/* Punch, move, protect or advise a part of a mapping. */
static void fuzz_address_space(struct fuzzer *fuzzer)
{
	uint64_t i = draw(fuzzer) % MAPPINGS, offset, length;
	unsigned char *p = fuzzer->mappings[i].address;
	static const int advices[] = {
		MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_DONTFORK,
		MADV_DOFORK, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};

	if (!p)
		return;
	offset = draw(fuzzer) % fuzzer->mappings[i].length & ~4095UL;
	length = draw(fuzzer) % (fuzzer->mappings[i].length - offset) + 1;
	switch (draw(fuzzer) % 5) {
	case 0:
		/* To the end: what is left is still one range. */
		munmap(p + offset, fuzzer->mappings[i].length - offset);
		fuzzer->mappings[i].length = offset;
		if (!offset)
			fuzzer->mappings[i].address = NULL;
		break;
	case 1:
		length = (draw_number(fuzzer) % (2 * size) | 4095) + 1;
		p = mremap(p, fuzzer->mappings[i].length, length,
			   MREMAP_MAYMOVE);
		if (p != MAP_FAILED) {
			fuzzer->mappings[i].address = p;
			fuzzer->mappings[i].length = length;
		}
		break;
	case 2:
		mprotect(p + offset, length, PROT_READ);
		break;
	case 3:
		mprotect(p + offset, length, PROT_READ | PROT_WRITE);
		break;
	default:
		madvise(p + offset, length, advices[draw(fuzzer) % 7]);
	}
}

static void fuzz_reopen(struct fuzzer *fuzzer)
{
	int fd = node_open(), old;

	old = atomic_exchange(&files[draw(fuzzer) % FILES], fd);
	close(old);
}

static void *fuzz_thread(void *arg)
{
	struct fuzzer *fuzzer = arg;
	unsigned long i;

	for (i = 0; i < calls / THREADS; i++) {
		uint64_t choice = draw(fuzzer) % 16;

		if (choice < 4)
			fuzz_alloc(fuzzer);
		else if (choice < 8)
			node_free(draw_file(fuzzer),
				  handles[draw(fuzzer) % HANDLES]);
		else if (choice < 10)
			fuzz_raw(fuzzer);
		else if (choice < 13)
			fuzz_map(fuzzer);
		else if (choice < 15)
			fuzz_address_space(fuzzer);
		else if (draw(fuzzer) % 16 == 0)
			fuzz_reopen(fuzzer);
	}
	return NULL;
}

/* What others see of the window while it changes. */
static void *watch_thread(void *arg)
{
	static const char * const attrs[] = {
		"free", "quarantined", "buffers", "pinned", "state", "quota",
	};
	char text[64];
	size_t i;

	(void)arg;
	for (i = 0; !over; i = (i + 1) % (sizeof(attrs) / sizeof(attrs[0])))
		if (!node_attr_text(attrs[i], text, sizeof(text)))
			TEST_FAIL("cannot read %s: %s (seed %lu)", attrs[i],
				  strerror(errno), seed);
	return NULL;
}

static void fuzz(struct child *child)
{
	static struct fuzzer fuzzers[THREADS];
	pthread_t watcher;
	int i;

	(void)child;
	CHECK(!setresuid(65534, 65534, 65534));
	CHECK(!prctl(PR_SET_PDEATHSIG, SIGKILL));
	for (i = 0; i < FILES; i++)
		files[i] = node_open();
	for (i = 0; i < THREADS; i++) {
		fuzzers[i].state = (seed + 1) * 0x9e3779b97f4a7c15ULL + i + 1;
		CHECK(!pthread_create(&fuzzers[i].thread, NULL, fuzz_thread,
				      &fuzzers[i]));
	}
	CHECK(!pthread_create(&watcher, NULL, watch_thread, NULL));
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_join(fuzzers[i].thread, NULL));
	over = true;
	CHECK(!pthread_join(watcher, NULL));
}

static void random_calls_leave_nothing_behind(void)
{
	struct child child;
	int status;

	seed = test_parameter("SEED", getpid() ^ time(NULL));
	calls = test_parameter("CALLS", 20000);
	printf("# seed %lu, %lu calls\n", seed, calls);
	size = node_attr("size");
	granule = node_attr("granule");
	read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	CHECK(read_only != MAP_FAILED);
	CHECK(!chmod(node_path, 0666));
	child_start(&child, fuzz);
	CHECK_EQ(waitpid(child.pid, &status, 0), child.pid);
	child_pass_on(status);
	if (status)
		TEST_FAIL("seed %lu: ended with status %#x", seed, status);
	if (node_settle())
		TEST_FAIL("seed %lu: %s", seed, node_leftovers());
	CHECK(node_is_live());
}

static const struct test tests[] = {
	TEST(random_calls_leave_nothing_behind),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
