// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What PeerDirect costs: the median of many registrations, each kind in turn.
 * Prints "host BARE ENABLED", 4 KiB of host memory with the device disabled and
 * enabled, and "window DMABUF PEERDIRECT", 2 MiB of the window by a dma-buf of
 * it and by its address; all in nanoseconds.
 * usage: bench_peerdirect DEVICE [ROUNDS]
 */
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include <infiniband/verbs.h>

#include "peerdirect.h"

#define WINDOW_LENGTH (2 * MIB)

static struct ibv_context *context;
static struct ibv_pd *pd;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static uint64_t time_address(void *address, size_t length)
{
	uint64_t start = now(), end;
	struct ibv_mr *mr = ibv_reg_mr(pd, address, length, RDMA_ACCESS);

	end = now();
	CHECK(mr);
	CHECK(!ibv_dereg_mr(mr));
	return end - start;
}

#define MAX_ATTRS 9

static int mr_ioctl(unsigned int method, struct ib_uverbs_attr *attrs,
		    unsigned int count)
{
	size_t length = sizeof(struct ib_uverbs_ioctl_hdr) +
			count * sizeof(*attrs);
	struct ib_uverbs_ioctl_hdr *header = calloc(1, length);
	int ret;

	CHECK(header);
	header->length = length;
	header->object_id = UVERBS_OBJECT_MR;
	header->method_id = method;
	header->num_attrs = count;
	header->driver_id = RDMA_DRIVER_RXE;
	memcpy(header->attrs, attrs, count * sizeof(*attrs));
	ret = ioctl(context->cmd_fd, RDMA_VERBS_IOCTL, header);
	memcpy(attrs, header->attrs, count * sizeof(*attrs));
	free(header);
	return ret;
}

static struct ib_uverbs_attr mr_attr(unsigned int id, size_t size,
				     uint64_t value)
{
	struct ib_uverbs_attr attr = { 0 };

	attr.attr_id = id;
	attr.len = size;
	attr.flags = UVERBS_ATTR_F_MANDATORY;
	attr.data = value;
	return attr;
}

/* As ibv_reg_dmabuf_mr(), which the stock librxe does not pass on. */
static int dmabuf_register(int fd, uint32_t *handle)
{
	uint32_t lkey, rkey;
	struct ib_uverbs_attr attrs[MAX_ATTRS] = {
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_HANDLE, 0, 0),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, 0, pd->handle),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_OFFSET, 8, 0),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_LENGTH, 8, WINDOW_LENGTH),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_IOVA, 8, 0),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_FD, 4, fd),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, 4, RDMA_ACCESS),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_RESP_LKEY, 4,
			(uintptr_t)&lkey),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_RESP_RKEY, 4,
			(uintptr_t)&rkey),
	};
	int ret = mr_ioctl(UVERBS_METHOD_REG_DMABUF_MR, attrs, MAX_ATTRS);

	*handle = (uint32_t)attrs[0].data;
	return ret;
}

static int dmabuf_deregister(uint32_t handle)
{
	struct ib_uverbs_attr attr =
		mr_attr(UVERBS_ATTR_DESTROY_MR_HANDLE, 0, handle);

	return mr_ioctl(UVERBS_METHOD_MR_DESTROY, &attr, 1);
}

static uint64_t time_dmabuf(int fd)
{
	uint64_t start = now(), end;
	uint32_t handle;
	int ret = dmabuf_register(fd, &handle);

	end = now();
	CHECK(!ret);
	CHECK(!dmabuf_deregister(handle));
	return end - start;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static unsigned long long median(uint64_t *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare);
	return times[count / 2];
}

static const char *device;
static size_t rounds;

static void bench_host(void)
{
	uint64_t *bare = calloc(rounds, sizeof(*bare));
	uint64_t *enabled = calloc(rounds, sizeof(*enabled));
	void *page = aligned_alloc(4096, 4096);
	size_t i;

	CHECK(bare && enabled && page);
	memset(page, 1, 4096);
	/* Twenty at a time: switching costs more than what is measured. */
	for (i = 0; i < rounds; i++) {
		if (i % 20 == 0)
			CHECK(peerdirect_set(device, false));
		bare[i] = time_address(page, 4096);
		if (i % 20 != 19 && i != rounds - 1)
			continue;
		CHECK(peerdirect_set(device, true));
		for (size_t j = i - i % 20; j <= i; j++)
			enabled[j] = time_address(page, 4096);
	}
	printf("host %llu %llu\n", median(bare, rounds),
	       median(enabled, rounds));
}

static void bench_window(void)
{
	struct peermr_export export = { .size = sizeof(export) };
	uint64_t *dmabuf = calloc(rounds, sizeof(*dmabuf));
	uint64_t *address = calloc(rounds, sizeof(*address));
	unsigned char *memory;
	int node = node_open();
	size_t i;

	CHECK(dmabuf && address);
	export.mmap_offset = node_alloc(node, WINDOW_LENGTH);
	CHECK(!ioctl(node, PEERMR_IOC_EXPORT, &export));
	memory = node_map(node, WINDOW_LENGTH, export.mmap_offset);
	for (i = 0; i < rounds; i++) {
		dmabuf[i] = time_dmabuf(export.fd);
		address[i] = time_address(memory, WINDOW_LENGTH);
	}
	printf("window %llu %llu\n", median(dmabuf, rounds),
	       median(address, rounds));
}

static void bench(void)
{
	context = rdma_device_open(device);
	pd = ibv_alloc_pd(context);
	CHECK(pd);
	bench_host();
	bench_window();
}

int main(int argc, char **argv)
{
	static const struct test run = TEST(bench);

	if (argc < 2 || !node_find(NULL)) {
		fprintf(stderr, "usage: bench_peerdirect DEVICE [ROUNDS]\n");
		return 2;
	}
	device = argv[1];
	rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 200;
	return test_run_one(&run);
}
