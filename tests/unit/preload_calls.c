// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Registrations of a program that libpeermr-preload.so is loaded into: each way
 * to call one comes to one decision, and what is not ours is left as it was.
 * Run by the script "preload", with a fake RDMA device; also built without a
 * link to libibverbs (tests/guest/dlopen), so that "direct" calls are look-ups.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "fake_verbs.h"
#include "preload_chain.h"
#include "testing.h"

#define LENGTH 65536UL
#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)
#define PLACE 4096UL	/* of the device memory in its dma-buf */

/* As rdma-core 59 and later have it. */
struct mr_init_attr {
	size_t length;
	int access;
	uint64_t comp_mask;
	uint64_t iova;
	void *addr;
	int fd;
	uint64_t fd_offset;
	void *dmah;
};

#define MR_MASK_IOVA (1 << 0)
#define MR_MASK_ADDR (1 << 1)
#define MR_MASK_FD (1 << 2)

typedef struct ibv_mr *(*reg_mr_fn)(struct ibv_pd *, void *, size_t, int);
typedef struct ibv_mr *(*reg_mr_iova_fn)(struct ibv_pd *, void *, size_t,
					 uint64_t, int);
typedef struct ibv_mr *(*reg_mr_iova2_fn)(struct ibv_pd *, void *, size_t,
					  uint64_t, unsigned int);
typedef struct ibv_mr *(*reg_mr_ex_fn)(struct ibv_pd *, struct mr_init_attr *);

static struct fake_verbs *fake;
static struct ibv_pd *pd;
static unsigned char *device, *host;

static void *library(void)
{
	void *handle = dlopen("libibverbs.so.1", RTLD_NOW);

	if (!handle)
		TEST_FAIL("%s", dlerror());
	return handle;
}

/* A double: libpeermr takes any file for a dma-buf, of which there are none here. */
int fstatfs(int fd, struct statfs *fs)
{
	(void)fd;
	memset(fs, 0, sizeof(*fs));
	fs->f_type = DMA_BUF_MAGIC;
	return 0;
}

static void device_claim(void)
{
	int fd = memfd_create("device", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(!ftruncate(fd, LENGTH + PLACE));
	CHECK_EQ(peermr_register_range(device, LENGTH, fd, PLACE), 0);
	close(fd);
}

static void *memory(void)
{
	void *address = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(address != MAP_FAILED);
	return address;
}

static void set_up_unclaimed(void)
{
	void *handle = dlopen(FAKE_VERBS_LIBRARY, RTLD_NOW);
	fake_verbs_open_fn open_fake;

	if (!handle)
		TEST_FAIL("%s", dlerror());
	open_fake = (fake_verbs_open_fn)dlsym(handle, FAKE_VERBS_OPEN);
	CHECK(open_fake);
	fake = open_fake();
	CHECK(fake);
	pd = ibv_alloc_pd(fake->context);
	CHECK(pd);
	device = memory();
	host = memory();
}

static void set_up(void)
{
	set_up_unclaimed();
	device_claim();
}

/* @mr is device memory from @at on: one registration, by dma-buf. */
static void check_claimed(struct ibv_mr *mr, size_t at, size_t length,
			  uint64_t iova)
{
	CHECK(mr);
	CHECK_EQ(fake->plain, 0);
	CHECK_EQ(fake->dmabuf, 1);
	CHECK_EQ(fake->offset, PLACE + at);
	CHECK_EQ(fake->length, length);
	CHECK_EQ(fake->iova, iova);
	CHECK_EQ(fake->access, ACCESS);
	CHECK(mr->addr == device + at);
	CHECK_EQ(mr->length, length);
	CHECK(mr->pd == pd);
	CHECK(!ibv_dereg_mr(mr));
	fake->dmabuf = 0;
}

/* @mr is host memory: one registration, as it was asked for. */
static void check_plain(struct ibv_mr *mr, size_t at, size_t length,
			uint64_t iova)
{
	CHECK(mr);
	CHECK_EQ(fake->plain, 1);
	CHECK_EQ(fake->dmabuf, 0);
	CHECK(fake->address == host + at);
	CHECK_EQ(fake->length, length);
	CHECK_EQ(fake->iova, iova);
	CHECK_EQ(fake->access, ACCESS);
	CHECK(mr->addr == host + at);
	CHECK(!ibv_dereg_mr(mr));
	fake->plain = 0;
}

static void check_reg_mr(reg_mr_fn reg_mr)
{
	CHECK(reg_mr);
	check_claimed(reg_mr(pd, device + 100, 5000, ACCESS), 100, 5000,
		      (uintptr_t)device + 100);
	check_plain(reg_mr(pd, host + 100, 5000, ACCESS), 100, 5000,
		    (uintptr_t)host + 100);
}

static void check_reg_mr_iova(reg_mr_iova_fn reg_mr_iova)
{
	CHECK(reg_mr_iova);
	check_claimed(reg_mr_iova(pd, device, LENGTH, 0x10000, ACCESS), 0,
		      LENGTH, 0x10000);
	check_plain(reg_mr_iova(pd, host, LENGTH, 0x10000, ACCESS), 0, LENGTH,
		    0x10000);
}

static void check_reg_mr_iova2(reg_mr_iova2_fn reg_mr_iova2)
{
	CHECK(reg_mr_iova2);
	check_claimed(reg_mr_iova2(pd, device + 8192, 1, 0x2000, ACCESS), 8192,
		      1, 0x2000);
	check_plain(reg_mr_iova2(pd, host + 8192, 1, 0x2000, ACCESS), 8192, 1,
		    0x2000);
}

static void a_call_of_ibv_reg_mr_is_caught(void)
{
	set_up();
	check_reg_mr(ibv_reg_mr);
}

static struct ibv_mr *call_macro(struct ibv_pd *domain, void *address,
				 size_t length, int access)
{
	volatile int hidden = access;

	return ibv_reg_mr(domain, address, length, hidden);
}

/* Which calls ibv_reg_mr_iova2() when it cannot see the flags. */
static void the_macro_ibv_reg_mr_is_caught(void)
{
	set_up();
	check_reg_mr(call_macro);
}

static void a_call_of_ibv_reg_mr_iova_is_caught(void)
{
	set_up();
	check_reg_mr_iova(ibv_reg_mr_iova);
}

static void a_call_of_ibv_reg_mr_iova2_is_caught(void)
{
	set_up();
	check_reg_mr_iova2(ibv_reg_mr_iova2);
}

static void dlsym_by_handle_is_caught(void)
{
	set_up();
	check_reg_mr((reg_mr_fn)dlsym(library(), "ibv_reg_mr"));
	check_reg_mr_iova((reg_mr_iova_fn)dlsym(library(), "ibv_reg_mr_iova"));
	check_reg_mr_iova2((reg_mr_iova2_fn)dlsym(library(),
						  "ibv_reg_mr_iova2"));
}

static void dlvsym_by_handle_is_caught(void)
{
	set_up();
	check_reg_mr((reg_mr_fn)dlvsym(library(), "ibv_reg_mr",
				       "IBVERBS_1.1"));
	check_reg_mr_iova((reg_mr_iova_fn)dlvsym(library(), "ibv_reg_mr_iova",
						 "IBVERBS_1.7"));
	check_reg_mr_iova2((reg_mr_iova2_fn)dlvsym(library(),
						   "ibv_reg_mr_iova2",
						   "IBVERBS_1.8"));
}

static void a_look_up_in_the_whole_program_is_caught(void)
{
	set_up();
	check_reg_mr((reg_mr_fn)dlsym(RTLD_DEFAULT, "ibv_reg_mr"));
	check_reg_mr_iova2((reg_mr_iova2_fn)dlvsym(RTLD_DEFAULT,
						   "ibv_reg_mr_iova2",
						   "IBVERBS_1.8"));
	check_reg_mr((reg_mr_fn)dlsym(dlopen(NULL, RTLD_NOW), "ibv_reg_mr"));
}

static void ibv_reg_mr_ex_is_caught(void)
{
	struct mr_init_attr attr = {
		.length = 4096,
		.access = ACCESS,
		.comp_mask = MR_MASK_ADDR,
	};
	reg_mr_ex_fn reg_mr_ex;

	set_up();
	reg_mr_ex = (reg_mr_ex_fn)dlsym(library(), "ibv_reg_mr_ex");
	if (!reg_mr_ex)
		TEST_SKIP("this libibverbs is older than ibv_reg_mr_ex()");
	attr.addr = device;
	check_claimed(reg_mr_ex(pd, &attr), 0, 4096, (uintptr_t)device);
	attr.iova = 0x3000;
	attr.comp_mask |= MR_MASK_IOVA;
	check_claimed(reg_mr_ex(pd, &attr), 0, 4096, 0x3000);
	attr.addr = host;
	check_plain(reg_mr_ex(pd, &attr), 0, 4096, 0x3000);
	/* A dma-buf of the caller's own. */
	attr.comp_mask = MR_MASK_ADDR | MR_MASK_FD;
	attr.addr = device;
	reg_mr_ex(pd, &attr);
	CHECK_EQ(fake->dmabuf, 0);
}

static void a_function_that_libibverbs_lacks_is_not_supported(void)
{
	struct mr_init_attr attr = { .comp_mask = MR_MASK_ADDR };
	reg_mr_ex_fn reg_mr_ex;

	set_up();
	if (dlsym(library(), "ibv_reg_mr_ex"))
		TEST_SKIP("this libibverbs has them all");
	reg_mr_ex = (reg_mr_ex_fn)dlsym(RTLD_DEFAULT, "ibv_reg_mr_ex");
	CHECK(reg_mr_ex);
	CHECK_ERRNO(!reg_mr_ex(pd, &attr), EOPNOTSUPP);
}

static void check_is_of(void *function, const char *file)
{
	Dl_info info;

	CHECK(function);
	CHECK(dladdr(function, &info));
	if (!strstr(info.dli_fname, file))
		TEST_FAIL("found in %s, not in %s", info.dli_fname, file);
}

static void other_look_ups_are_left_alone(void)
{
	const char *error;

	set_up();
	check_is_of(dlsym(library(), "ibv_dereg_mr"), "libibverbs");
	check_is_of(dlvsym(library(), "ibv_dereg_mr", "IBVERBS_1.0"),
		    "libibverbs");
	check_is_of(dlvsym(library(), "ibv_reg_mr", "IBVERBS_1.0"),
		    "libibverbs");
	CHECK(!dlvsym(library(), "ibv_reg_mr", "IBVERBS_9.9"));
	error = dlerror();
	CHECK(error && strstr(error, "IBVERBS_9.9"));
	CHECK(!dlsym(library(), "ibv_reg_mr_none"));
	error = dlerror();
	CHECK(error && strstr(error, "ibv_reg_mr_none"));
	CHECK(!dlerror());
}

static void an_ibv_reg_mr_of_another_library_is_left_alone(void)
{
	void *handle;

	set_up();
	handle = dlopen("libpreload_other.so", RTLD_NOW | RTLD_LOCAL);
	CHECK(handle);
	check_is_of(dlsym(handle, "ibv_reg_mr"), "libpreload_other.so");
}

/* The C library tells the caller by the address that it returns to. */
static void rtld_next_means_next_to_its_caller(void)
{
	CHECK_EQ(chain_place(), 0);
	CHECK_EQ(chain_next_place(), 1);
	CHECK_EQ(chain_next_versioned_place(), 1);
}

static const int errors[] = { ENOMEM, EINVAL, EPERM, EACCES, EAGAIN, EFAULT };

static void an_error_of_the_original_is_passed_on(void)
{
	size_t i;

	set_up();
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake->plain_error = errors[i];
		fake->plain = 0;
		CHECK_ERRNO(!ibv_reg_mr(pd, host, LENGTH, ACCESS), errors[i]);
		CHECK_ERRNO(!ibv_reg_mr_iova2(pd, host, LENGTH, 0, ACCESS),
			    errors[i]);
		CHECK_EQ(fake->plain, 2);
	}
	CHECK_EQ(fake->dmabuf, 0);
}

static void errno_stays_when_all_is_well(void)
{
	struct ibv_mr *mr;

	set_up();
	CHECK(ibv_reg_mr(pd, host, LENGTH, ACCESS));
	errno = ENOTBLK;
	mr = ibv_reg_mr(pd, host, LENGTH, ACCESS);
	if (errno != ENOTBLK)
		TEST_FAIL("errno is %s", strerror(errno));
	CHECK(mr);
}

static void memory_that_gave_efault_is_looked_at_again(void)
{
	struct ibv_mr *mr;

	set_up_unclaimed();
	/* It becomes known while the plain registration fails. */
	fake->plain_hook = device_claim;
	fake->plain_error = EFAULT;
	mr = ibv_reg_mr(pd, device, LENGTH, ACCESS);
	CHECK_EQ(fake->plain, 1);
	fake->plain = 0;
	check_claimed(mr, 0, LENGTH, (uintptr_t)device);
}

static void only_efault_is_looked_at_again(void)
{
	set_up_unclaimed();
	fake->plain_hook = device_claim;
	fake->plain_error = ENOMEM;
	CHECK_ERRNO(!ibv_reg_mr(pd, device, LENGTH, ACCESS), ENOMEM);
	CHECK_EQ(fake->dmabuf, 0);
}

static void a_failed_dmabuf_registration_fails_with_its_error(void)
{
	set_up();
	check_claimed(ibv_reg_mr(pd, device, LENGTH, ACCESS), 0, LENGTH,
		      (uintptr_t)device);
	fake->dmabuf_error = ENOMEM;
	CHECK_ERRNO(!ibv_reg_mr(pd, device, LENGTH, ACCESS), ENOMEM);
	CHECK_EQ(fake->plain, 0);
}

static void a_nic_without_dmabufs_registers_plainly(void)
{
	set_up();
	fake->dmabuf_error = EOPNOTSUPP;
	CHECK(ibv_reg_mr(pd, device, LENGTH, ACCESS));
	CHECK_EQ(fake->plain, 1);
}

#define THREADS 8
#define ROUNDS 2000

static void *register_many(void *unused)
{
	struct ibv_mr *mr;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		mr = ibv_reg_mr(pd, i & 1 ? device : host, LENGTH, ACCESS);
		if (!mr || mr->addr != (i & 1 ? device : host))
			return &fake;
		ibv_dereg_mr(mr);
	}
	return unused;
}

static void threads_do_not_get_into_each_others_way(void)
{
	pthread_t threads[THREADS];
	void *result;
	int i;

	set_up();
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, register_many, NULL));
	for (i = 0; i < THREADS; i++) {
		CHECK(!pthread_join(threads[i], &result));
		CHECK(!result);
	}
	CHECK_EQ(fake->plain, THREADS * ROUNDS / 2);
	CHECK_EQ(fake->dmabuf, THREADS * ROUNDS / 2);
}

static void a_forked_child_registers_as_its_parent(void)
{
	int status;
	pid_t pid;

	set_up();
	check_reg_mr(ibv_reg_mr);
	pid = fork();
	if (!pid) {
		check_reg_mr(ibv_reg_mr);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* PEERMR_DEBUG=1 has a line on stderr for each. */
static unsigned int decisions(struct ibv_mr *(*reg)(void *), void *address)
{
	char text[4096] = "", *line = text;
	unsigned int count = 0;
	int saved = dup(2), log = memfd_create("log", 0);

	CHECK(saved >= 0 && log >= 0);
	dup2(log, 2);
	CHECK(reg(address));
	dup2(saved, 2);
	CHECK(pread(log, text, sizeof(text) - 1, 0) >= 0);
	for (; (line = strchr(line, '\n')); line++)
		count++;
	close(log);
	close(saved);
	return count;
}

static struct ibv_mr *by_reg_mr(void *address)
{
	return (ibv_reg_mr)(pd, address, LENGTH, ACCESS);
}

static struct ibv_mr *by_reg_mr_iova(void *address)
{
	return (ibv_reg_mr_iova)(pd, address, LENGTH, (uintptr_t)address,
				 ACCESS);
}

static struct ibv_mr *by_reg_mr_iova2(void *address)
{
	return ibv_reg_mr_iova2(pd, address, LENGTH, (uintptr_t)address,
				ACCESS);
}

/* Although libibverbs built by gcc calls one of these from the others. */
static void each_call_is_decided_once(void)
{
	setenv("PEERMR_DEBUG", "1", 1);
	set_up();
	CHECK_EQ(decisions(by_reg_mr, host), 1);
	CHECK_EQ(decisions(by_reg_mr_iova, host), 1);
	CHECK_EQ(decisions(by_reg_mr_iova2, host), 1);
	CHECK_EQ(fake->plain, 3);
	CHECK_EQ(decisions(by_reg_mr, device), 1);
	CHECK_EQ(decisions(by_reg_mr_iova2, device), 1);
	CHECK_EQ(fake->dmabuf, 2);
}

static const struct test tests[] = {
	TEST(a_call_of_ibv_reg_mr_is_caught),
	TEST(the_macro_ibv_reg_mr_is_caught),
	TEST(a_call_of_ibv_reg_mr_iova_is_caught),
	TEST(a_call_of_ibv_reg_mr_iova2_is_caught),
	TEST(dlsym_by_handle_is_caught),
	TEST(dlvsym_by_handle_is_caught),
	TEST(a_look_up_in_the_whole_program_is_caught),
	TEST(ibv_reg_mr_ex_is_caught),
	TEST(a_function_that_libibverbs_lacks_is_not_supported),
	TEST(other_look_ups_are_left_alone),
	TEST(an_ibv_reg_mr_of_another_library_is_left_alone),
	TEST(rtld_next_means_next_to_its_caller),
	TEST(an_error_of_the_original_is_passed_on),
	TEST(errno_stays_when_all_is_well),
	TEST(memory_that_gave_efault_is_looked_at_again),
	TEST(only_efault_is_looked_at_again),
	TEST(a_failed_dmabuf_registration_fails_with_its_error),
	TEST(a_nic_without_dmabufs_registers_plainly),
	TEST(threads_do_not_get_into_each_others_way),
	TEST(a_forked_child_registers_as_its_parent),
	TEST(each_call_is_decided_once),
};

int main(void)
{
	return TEST_MAIN_RUN(tests);
}
