// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What becomes of a plain registration: peermr_verbs_claim() and
 * peermr_reg_mr(), with doubles of libibverbs and of the CUDA driver.
 */
#include <stdint.h>

#include <cuda.h>
#include <ibverbs.h>

#include "double.h"
#include "verbs.h"

#define PAGE 4096UL
#define SIZE (4 * PAGE)

/* From <infiniband/verbs.h>. */
#define LOCAL_WRITE		1
#define REMOTE_READ		(1 << 2)
#define MW_BIND			(1 << 4)
#define ON_DEMAND		(1 << 6)
#define RELAXED_ORDERING	(1 << 20)
#define OPTIONAL_UNKNOWN	(1 << 29)

static struct double_ibverbs *ibverbs;
static peermr_reg_dmabuf_fn reg_dmabuf;
static unsigned char *memory;
static unsigned char host[PAGE];

static struct ibv_device device = { .name = "double0" };
static struct ibv_context context = { .device = &device };
static struct ibv_pd pd = { .context = &context };

static void load_ibverbs(void)
{
	double_load(DOUBLE_IBVERBS);
	ibverbs = DOUBLE(double_ibverbs);
	reg_dmabuf = DOUBLE(ibv_reg_dmabuf_mr);
	/* Where libibverbs has functions of its own. */
	context.ops[0] = (void *)DOUBLE(ibv_reg_mr);
	context.ops[1] = (void *)DOUBLE(ibv_reg_mr);
}

static void load(void)
{
	CUdeviceptr pointer;

	load_ibverbs();
	double_load(DOUBLE_CUDA);
	CHECK(!DOUBLE(cuInit)(0));
	CHECK(!DOUBLE(cuMemAlloc_v2)(&pointer, SIZE));
	memory = (unsigned char *)(uintptr_t)pointer;
}

static int claim(void *address, size_t length, uint64_t iova,
		 unsigned int access, unsigned int flags, struct ibv_mr **mr)
{
	struct peermr_verbs_request request = {
		.pd = &pd,
		.address = address,
		.length = length,
		.iova = iova,
		.access = access,
	};
	int ret;

	*mr = NULL;
	errno = ELOOP;
	ret = peermr_verbs_claim(&request, flags, reg_dmabuf, mr);
	CHECK_EQ(errno, ELOOP);
	if ((ret == 1) != !!*mr)
		TEST_FAIL("claim gave %d and %p", ret, (void *)*mr);
	return ret;
}

/* What claim says before the plain call, and after that gave EFAULT. */
static void check_claims(void *address, size_t length, uint64_t iova,
			 unsigned int access, int first, int retry)
{
	struct ibv_mr *mr;

	CHECK_EQ(claim(address, length, iova, access, 0, &mr), first);
	free(mr);
	CHECK_EQ(claim(address, length, iova, access, PEERMR_VERBS_RETRY, &mr),
		 retry);
	free(mr);
}

static void device_memory_is_claimed(void)
{
	struct ibv_mr *mr;

	load();
	CHECK_EQ(claim(memory + 5, SIZE - 5, (uintptr_t)memory + 5,
		       LOCAL_WRITE | RELAXED_ORDERING | OPTIONAL_UNKNOWN, 0,
		       &mr), 1);
	CHECK(mr->addr == memory + 5);
	CHECK_EQ(ibverbs->offset, 5);
	CHECK_EQ(ibverbs->iova, (uintptr_t)memory + 5);
	CHECK_EQ(ibverbs->access, LOCAL_WRITE | RELAXED_ORDERING);
	CHECK_EQ(ibverbs->probes, 1);
	free(mr);
	CHECK_EQ(claim(memory, SIZE, PAGE, LOCAL_WRITE, 0, &mr), 1);
	CHECK_EQ(ibverbs->iova, PAGE);
	CHECK_EQ(ibverbs->probes, 1);
	free(mr);
}

static void what_is_no_range_of_device_memory_is_passed_on(void)
{
	load();
	check_claims(host, PAGE, (uintptr_t)host, LOCAL_WRITE, 0, 0);
	check_claims(NULL, SIZE_MAX, 0, LOCAL_WRITE, 0, 0);
	check_claims(memory, 0, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
	check_claims(memory, SIZE_MAX, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE | ON_DEMAND,
		     0, 0);
	CHECK_EQ(ibverbs->dmabuf_calls, 0);
}

static void what_no_dmabuf_serves_is_an_error_once_the_plain_call_failed(void)
{
	load();
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE | MW_BIND, 0,
		     -EOPNOTSUPP);
	check_claims(memory, SIZE, (uintptr_t)memory + 8, LOCAL_WRITE, 0,
		     -EINVAL);
	check_claims(memory, SIZE + 1, (uintptr_t)memory, LOCAL_WRITE, 0,
		     -EINVAL);
	DOUBLE(double_cuda)->result = 801;	/* CUDA_ERROR_NOT_SUPPORTED */
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0,
		     -EOPNOTSUPP);
	CHECK_EQ(ibverbs->dmabuf_calls, 0);
}

static void a_nic_without_dmabufs_is_asked_once_and_left_alone(void)
{
	load();
	ibverbs->no_dmabufs = true;
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
	ibverbs->no_dmabufs = false;
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
	CHECK_EQ(ibverbs->probes, 0);
	/* Another device, perhaps at the same address. */
	strcpy(device.name, "double1");
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 1, 1);
	reg_dmabuf = NULL;
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
}

static void a_refusal_of_the_nic_is_final_unless_it_cannot(void)
{
	load();
	ibverbs->dmabuf_errno = EREMOTEIO;
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, -EREMOTEIO,
		     -EREMOTEIO);
	ibverbs->dmabuf_errno = EOPNOTSUPP;
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0, 0);
}

/* What a program that talks to the NIC before it uses its GPU does. */
static void a_runtime_that_is_loaded_late_is_found_after_a_bad_address(void)
{
	struct ibv_mr *mr;

	load_ibverbs();
	CHECK_EQ(claim(host, PAGE, (uintptr_t)host, LOCAL_WRITE, 0, &mr), 0);
	load();
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 0, 1);
	check_claims(memory, SIZE, (uintptr_t)memory, LOCAL_WRITE, 1, 1);
}

/* Kernels before 6.2 would take the address for memory of the host. */
static void memory_that_is_not_written_is_looked_for_everywhere_at_once(void)
{
	struct ibv_mr *mr;

	load_ibverbs();
	CHECK_EQ(claim(host, PAGE, (uintptr_t)host, LOCAL_WRITE, 0, &mr), 0);
	load();
	check_claims(memory, SIZE, (uintptr_t)memory, REMOTE_READ, 1, 1);
}

static void check_report(unsigned int path, const char *text)
{
	struct peermr_reg_report report;

	peermr_reg_report(&report);
	CHECK_EQ(report.path, path);
	if (strcmp(report.text, text))
		TEST_FAIL("the report says '%s', not '%s'", report.text, text);
}

static void peermr_reg_mr_takes_the_best_path_and_tells(void)
{
	struct ibv_mr *mr;

	load();
	mr = peermr_reg_mr(&pd, memory, SIZE, LOCAL_WRITE);
	CHECK(mr);
	CHECK_EQ(ibverbs->plain_calls, 0);
	check_report(PEERMR_PATH_DMABUF, "CUDA memory, registered as a dma-buf");
	free(mr);

	mr = peermr_reg_mr_iova(&pd, host, PAGE, PAGE, LOCAL_WRITE);
	CHECK(mr);
	CHECK_EQ(ibverbs->iova, PAGE);
	check_report(PEERMR_PATH_PLAIN,
		     "host memory; registered as ibv_reg_mr() does");
	free(mr);

	/* PeerDirect takes what no dma-buf allows. */
	mr = peermr_reg_mr(&pd, memory, SIZE, LOCAL_WRITE | MW_BIND);
	CHECK(mr);
	CHECK_EQ(ibverbs->access, LOCAL_WRITE | MW_BIND);
	check_report(PEERMR_PATH_PLAIN,
		     "CUDA memory, but access flags 0x11 do not go with a dma-buf; registered as ibv_reg_mr() does");
	free(mr);

	ibverbs->plain_errno = EFAULT;
	CHECK_ERRNO(!peermr_reg_mr(&pd, memory, SIZE, LOCAL_WRITE | MW_BIND),
		    EOPNOTSUPP);
	CHECK_ERRNO(!peermr_reg_mr(&pd, host, PAGE, LOCAL_WRITE), EFAULT);
	check_report(PEERMR_PATH_NONE,
		     "host memory; ibv_reg_mr(): Bad address");
	ibverbs->plain_errno = ENOMEM;
	CHECK_ERRNO(!peermr_reg_mr(&pd, memory, SIZE, LOCAL_WRITE | MW_BIND),
		    ENOMEM);
	ibverbs->dmabuf_errno = EREMOTEIO;
	CHECK_ERRNO(!peermr_reg_mr(&pd, memory, SIZE, LOCAL_WRITE), EREMOTEIO);
	check_report(PEERMR_PATH_NONE,
		     "CUDA memory, but double0 refused its dma-buf (Remote I/O error)");
}

static void without_any_runtime_not_even_the_nic_is_asked(void)
{
	struct ibv_mr *mr;

	if (!access("/sys/class/peermr", F_OK))
		TEST_SKIP("peermr is loaded on this machine");
	load_ibverbs();
	CHECK_EQ(claim(host, PAGE, (uintptr_t)host, LOCAL_WRITE, 0, &mr), 0);
	CHECK_EQ(ibverbs->probes, 0);
	mr = peermr_reg_mr(&pd, host, PAGE, LOCAL_WRITE);
	CHECK(mr);
	check_report(PEERMR_PATH_PLAIN,
		     "no window and no device's runtime here; registered as ibv_reg_mr() does");
	free(mr);
}

static void a_libibverbs_that_cannot_be_found_is_enosys(void)
{
	CHECK_ERRNO(!peermr_reg_mr(&pd, host, PAGE, LOCAL_WRITE), ENOSYS);
	check_report(PEERMR_PATH_NONE,
		     "the libibverbs of this pd is not found");
}

static void peermr_debug_prints_a_line_for_each_decision(void)
{
	char expected[256], line[256] = "";
	struct ibv_mr *mr;
	int fds[2];

	load();
	CHECK(!setenv("PEERMR_DEBUG", "1", 1));
	CHECK(!pipe(fds));
	CHECK(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
	CHECK_EQ(claim(memory, PAGE, (uintptr_t)memory, LOCAL_WRITE, 0, &mr),
		 1);
	free(mr);
	CHECK(read(fds[0], line, sizeof(line) - 1) > 0);
	snprintf(expected, sizeof(expected),
		 "peermr: double0: %p+0x1000: CUDA memory, registered as a dma-buf\n",
		 (void *)memory);
	if (strcmp(line, expected))
		TEST_FAIL("'%s', not '%s'", line, expected);
	memset(line, 0, sizeof(line));
	CHECK_EQ(claim(host, PAGE, (uintptr_t)host, LOCAL_WRITE, 0, &mr), 0);
	CHECK(read(fds[0], line, sizeof(line) - 1) > 0);
	CHECK(strstr(line, ": memory of no runtime; left to the plain call\n"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(device_memory_is_claimed),
		TEST(what_is_no_range_of_device_memory_is_passed_on),
		TEST(what_no_dmabuf_serves_is_an_error_once_the_plain_call_failed),
		TEST(a_nic_without_dmabufs_is_asked_once_and_left_alone),
		TEST(a_refusal_of_the_nic_is_final_unless_it_cannot),
		TEST(a_runtime_that_is_loaded_late_is_found_after_a_bad_address),
		TEST(memory_that_is_not_written_is_looked_for_everywhere_at_once),
		TEST(peermr_reg_mr_takes_the_best_path_and_tells),
		TEST(without_any_runtime_not_even_the_nic_is_asked),
		TEST(a_libibverbs_that_cannot_be_found_is_enosys),
		TEST(peermr_debug_prints_a_line_for_each_decision),
	};

	return TEST_MAIN_RUN(tests);
}
