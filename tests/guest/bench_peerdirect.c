// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What PeerDirect costs. Two RDMA devices of one kind are called in turns, one of
 * them enabled: each turn's figure is the median of many calls, and they change
 * roles with each turn. Prints a line for each of these, see bench.h:
 *  - ibv_reg_mr() of 4 KiB of host memory, enabled against disabled;
 *  - the same in a process that has registered memory of a client;
 *  - 2 MiB of the window by their address, against a dma-buf of them.
 * usage: bench_peerdirect DEVICE DEVICE ROUNDS
 */
#include <stdbool.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include <infiniband/verbs.h>
#include <linux/peermr.h>

#include "bench.h"

#define HOST_LENGTH	4096UL
#define WINDOW_LENGTH	(2UL << 20)
#define CALLS		1000
#define ACCESS		(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ)

struct device {
	const char *name;
	struct ibv_pd *pd;
};

static struct device first, second;

static void enable(const struct device *device, bool enabled)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path),
		 "/sys/class/infiniband/%s/peerdirect/enabled", device->name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, enabled ? "1" : "0", 1) != 1)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static double time_address(const struct device *device, void *address,
			   size_t length)
{
	double start = seconds(), end;
	struct ibv_mr *mr = ibv_reg_mr(device->pd, address, length, ACCESS);

	end = seconds();
	if (!mr)
		die("%s: ibv_reg_mr: %s", device->name, strerror(errno));
	if (ibv_dereg_mr(mr))
		die("%s: ibv_dereg_mr: %s", device->name, strerror(errno));
	return (end - start) * 1e6;
}

#define MAX_ATTRS 9

static int mr_ioctl(unsigned int method, struct ib_uverbs_attr *attrs,
		    unsigned int count)
{
	size_t length = sizeof(struct ib_uverbs_ioctl_hdr) +
			count * sizeof(*attrs);
	struct ib_uverbs_ioctl_hdr *header = calloc(1, length);
	int ret;

	if (!header)
		die("no memory");
	header->length = length;
	header->object_id = UVERBS_OBJECT_MR;
	header->method_id = method;
	header->num_attrs = count;
	header->driver_id = RDMA_DRIVER_RXE;
	memcpy(header->attrs, attrs, count * sizeof(*attrs));
	ret = ioctl(second.pd->context->cmd_fd, RDMA_VERBS_IOCTL, header);
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
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_PD_HANDLE, 0, second.pd->handle),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_OFFSET, 8, 0),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_LENGTH, 8, WINDOW_LENGTH),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_IOVA, 8, 0),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_FD, 4, fd),
		mr_attr(UVERBS_ATTR_REG_DMABUF_MR_ACCESS_FLAGS, 4, ACCESS),
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

static double time_dmabuf(int fd)
{
	double start = seconds(), end;
	uint32_t handle;
	int ret = dmabuf_register(fd, &handle);

	end = seconds();
	if (ret)
		die("%s: cannot register a dma-buf: %s", second.name,
		    strerror(errno));
	if (dmabuf_deregister(handle))
		die("%s: cannot deregister: %s", second.name, strerror(errno));
	return (end - start) * 1e6;
}

static double median(double *times)
{
	qsort(times, CALLS, sizeof(*times), series_compare);
	return times[CALLS / 2];
}

static void bench_host(const char *name, unsigned int rounds)
{
	struct series series = { .name = name, .unit = "us", .rounds = rounds };
	const struct device *enabled, *disabled;
	double with[CALLS], without[CALLS];
	void *page = aligned_alloc(HOST_LENGTH, HOST_LENGTH);

	if (!page)
		die("no memory");
	memset(page, 1, HOST_LENGTH);
	for (unsigned int i = 0; i < rounds; i++) {
		enabled = i % 2 ? &first : &second;
		disabled = i % 2 ? &second : &first;
		enable(enabled, true);
		enable(disabled, false);
		for (int j = 0; j < CALLS; j++) {
			with[j] = time_address(enabled, page, HOST_LENGTH);
			without[j] = time_address(disabled, page, HOST_LENGTH);
		}
		series.device[i] = median(with);
		series.host[i] = median(without);
	}
	free(page);
	series_print(&series);
}

static void bench_window(void *memory, int fd, unsigned int rounds)
{
	struct series series = { .name = "2 MiB of a pfn window",
				 .unit = "us", .rounds = rounds };
	double address[CALLS], dmabuf[CALLS];

	enable(&second, true);
	for (unsigned int i = 0; i < rounds; i++) {
		for (int j = 0; j < CALLS; j++) {
			address[j] = time_address(&second, memory,
						  WINDOW_LENGTH);
			dmabuf[j] = time_dmabuf(fd);
		}
		series.device[i] = median(address);
		series.host[i] = median(dmabuf);
	}
	series_print(&series);
}

/* Memory of the window, and a dma-buf of it. */
static void *window_memory(const char *path, int *fd)
{
	struct peermr_alloc alloc = { .size = sizeof(alloc),
				      .length = WINDOW_LENGTH };
	struct peermr_export export = { .size = sizeof(export) };
	int node = open(path, O_RDWR);
	void *memory;

	if (node < 0 || ioctl(node, PEERMR_IOC_ALLOC, &alloc))
		die("%s: %s", path, strerror(errno));
	export.mmap_offset = alloc.mmap_offset;
	if (ioctl(node, PEERMR_IOC_EXPORT, &export))
		die("%s: %s", path, strerror(errno));
	*fd = export.fd;
	memory = mmap(NULL, WINDOW_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
		      node, alloc.mmap_offset);
	if (memory == MAP_FAILED)
		die("%s: mmap: %s", path, strerror(errno));
	return memory;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc == 4 ? strtoul(argv[3], NULL, 0) : 0;
	const char *window = getenv("PEERMR_WINDOW");
	void *memory;
	int fd;

	if (rounds < 1 || rounds > MAX_ROUNDS || !window)
		die("usage: bench_peerdirect DEVICE DEVICE ROUNDS (1 to %d)",
		    MAX_ROUNDS);
	first = (struct device){ argv[1], open_pd(argv[1]) };
	second = (struct device){ argv[2], open_pd(argv[2]) };
	bench_host("4 KiB of host memory", rounds);
	memory = window_memory(window, &fd);
	bench_window(memory, fd, rounds);
	bench_host("the same, with a window", rounds);
	return 0;
}
