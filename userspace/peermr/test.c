// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr test: does RDMA reach the memory of a window on this machine? */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <peermr.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test_steps.h"
#include "tool.h"
#include "window.h"

#define TEST_LENGTH	(4ULL << 20)

static const char test_help[] =
"Usage: peermr test WINDOW [--rdma-device NAME[:PORT]] [--gid-index N]\n"
"                   [--size SIZE]\n"
"\n"
"Allocate memory of WINDOW, register it with ibv_reg_mr(), move data between it\n"
"and host memory by RDMA WRITE and READ over a connection of the RDMA device to\n"
"itself, and verify every byte.\n"
"\n"
"  -d, --rdma-device NAME[:PORT]  default: the first with an active port\n"
"  -g, --gid-index N              default: RoCE v2, IPv4 address preferred\n"
"  -s, --size SIZE                bytes per buffer, with K, M, G or T; default\n"
"                                 4M, less if the window has less to give\n"
"  -h, --help                     print this text\n";

struct test_request {
	struct window window;
	char device[IBV_SYSFS_NAME_MAX];
	int port;
	int gid_index;
	uint64_t size;
};

/* What has to be given back, beside what struct test_run points to. */
struct test_resources {
	struct peermr_window *window;
	struct peermr_buffer *buffers[2];
};

/* The window can be revoked under a running test. */
static void test_bus_error(int number)
{
	static const char text[] =
		"peermr: test: SIGBUS, the device memory is gone; was the window revoked, or the device reset or removed?\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_USAGE + 1);
	_exit(STATUS_FAILED);
}

static uint64_t test_length(const struct test_request *request)
{
	const struct window *window = &request->window;
	uint64_t length = TEST_LENGTH;

	if (request->size)
		return request->size;
	/* Two buffers should fit. */
	while (length > window->granule && length * 2 > window->free)
		length /= 2;
	return length;
}

static void test_alloc_complain(const struct test_request *request, int err)
{
	const char *name = request->window.name;
	struct size_text wanted = size_format(test_length(request));

	if (err == ENOSPC)
		complain(name, "no room for a buffer of %s, %s are free; try a smaller --size, or see 'peermr show' for who holds the rest",
			 wanted.text, size_format(request->window.free).text);
	else if (err == EDQUOT)
		complain(name, "a buffer of %s exceeds the quota of %s per user; try a smaller --size, or raise 'quota' in sysfs",
			 wanted.text, size_format(request->window.quota).text);
	else if (err == ENODEV)
		window_open_complain(&request->window, -ENODEV);
	else
		complain(name, "cannot allocate a buffer of %s: %s",
			 wanted.text, strerror(err));
}

/* Device memory for the test: 0, or an errno. */
static int test_buffer(struct test_resources *resources, int index,
		       uint64_t length, struct rdma_memory *memory,
		       size_t *usable)
{
	const struct peermr_buffer_attr attributes = { .length = length };
	struct peermr_buffer_info info;
	struct peermr_buffer *buffer;

	buffer = peermr_buffer_alloc(resources->window, &attributes);
	if (!buffer)
		return errno;
	resources->buffers[index] = buffer;
	memory->address = peermr_buffer_map(buffer);
	if (!memory->address)
		return errno;
	peermr_buffer_query(buffer, &info);
	*usable = info.length;
	return 0;
}

static int test_allocate(const struct test_request *request,
			 struct test_resources *resources, struct test_run *run)
{
	uint64_t length = test_length(request);
	const char *name = request->window.name;
	int err;

	resources->window = peermr_window_open(name);
	if (!resources->window) {
		window_open_complain(&request->window, -errno);
		return -1;
	}
	err = test_buffer(resources, 0, length, &run->device, &run->length);
	if (err) {
		test_alloc_complain(request, err);
		return -1;
	}
	err = test_buffer(resources, 1, length, &run->second, &run->length);
	if (err == ENOSPC || err == EDQUOT) {
		complain(name, "note: no room for a second buffer, so device to device is not tested; try a smaller --size");
	} else if (err) {
		test_alloc_complain(request, err);
		return -1;
	}
	return 0;
}

static void *test_host_map(size_t length)
{
	void *address = mmap(NULL, length, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (address != MAP_FAILED)
		return address;
	complain("host memory", "cannot map %s: %m; try a smaller --size",
		 size_format(length).text);
	return NULL;
}

static int test_host(struct test_run *run)
{
	run->source.address = test_host_map(run->length);
	if (!run->source.address)
		return -1;
	run->sink.address = test_host_map(run->length);
	if (!run->sink.address)
		return -1;
	run->pattern = test_host_map(run->length);
	return run->pattern ? 0 : -1;
}

static void test_register_complain(const struct test_request *request,
				   const struct test_run *run,
				   const char *what, int err)
{
	struct rlimit limit;
	uint64_t needed = (run->second.address ? 4 : 3) * (uint64_t)run->length;

	if (err == ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur < needed)
		complain(what, "ibv_reg_mr() found no memory to pin: the limit of locked memory is %s, this test needs %s; raise it with 'ulimit -l %llu' or in /etc/security/limits.conf",
			 size_format(limit.rlim_cur).text,
			 size_format(needed).text,
			 (unsigned long long)(needed + 1023) / 1024);
	else if (err == EFAULT && !strcmp(request->window.mode, "pfn"))
		complain(what, "ibv_reg_mr() cannot reach it: window %s is in mode pfn, whose memory has no struct pages to pin; bind its device anew with --mode pages",
			 request->window.name);
	else if (err == EOPNOTSUPP)
		complain(what, "%s does not register such memory; choose another RDMA device with --rdma-device",
			 run->link.name);
	else
		complain(what, "ibv_reg_mr() failed: %s", strerror(err));
}

static int test_register(const struct test_request *request,
			 struct test_run *run, struct rdma_memory *memory,
			 const char *what)
{
	memory->mr = ibv_reg_mr(run->link.pd, memory->address, run->length,
				IBV_ACCESS_LOCAL_WRITE |
				IBV_ACCESS_REMOTE_WRITE |
				IBV_ACCESS_REMOTE_READ);
	if (memory->mr)
		return 0;
	test_register_complain(request, run, what, errno);
	return -1;
}

static int test_register_all(const struct test_request *request,
			     struct test_run *run)
{
	if (test_register(request, run, &run->source, "host memory") ||
	    test_register(request, run, &run->sink, "host memory") ||
	    test_register(request, run, &run->device, "device memory"))
		return -1;
	if (!run->second.address)
		return 0;
	return test_register(request, run, &run->second, "device memory");
}

static void test_describe(const struct test_request *request,
			  const struct test_run *run)
{
	const struct rdma_link *link = &run->link;
	char gid[INET6_ADDRSTRLEN];

	printf("window %s: %s, mode %s; buffers of %s\n", request->window.name,
	       size_format(request->window.size).text, request->window.mode,
	       size_format(run->length).text);
	if (link->gid_index == RDMA_ANY)
		printf("RDMA device %s port %u, LID %u\n", link->name,
		       link->port, link->attributes.lid);
	else
		printf("RDMA device %s port %u, GID %d (%s)\n", link->name,
		       link->port, link->gid_index,
		       inet_ntop(AF_INET6, link->gid.raw, gid, sizeof(gid)));
	fflush(stdout);
	if (link->hardware)
		complain(link->name, "caution: a hardware NIC reaches this memory without the kernel's PCI peer-to-peer checks (ACS, bus offsets, memory encryption); if a transfer fails, look at the PCIe topology and the IOMMU first");
}

static int test_steps(const struct test_request *request,
		      struct test_resources *resources, struct test_run *run)
{
	if (rdma_open(&run->link,
		      *request->device ? request->device : NULL,
		      request->port, request->gid_index) ||
	    test_allocate(request, resources, run) || test_host(run))
		return -1;
	test_describe(request, run);
	if (test_step("a fresh buffer holds zeroes",
		      test_fresh(run, &run->device)) ||
	    test_step("connect the RDMA device to itself",
		      rdma_connect(&run->link)) ||
	    test_step("register with ibv_reg_mr()",
		      test_register_all(request, run)))
		return -1;
	return test_transfers(run);
}

static void test_release(struct test_resources *resources,
			 struct test_run *run)
{
	struct rdma_memory *const all[] = {
		&run->source, &run->sink, &run->device, &run->second,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->mr)
			ibv_dereg_mr(all[i]->mr);
	rdma_close(&run->link);
	for (int i = 0; i < 2; i++)
		peermr_buffer_free(resources->buffers[i]);
	peermr_window_close(resources->window);
	if (run->source.address)
		munmap(run->source.address, run->length);
	if (run->sink.address)
		munmap(run->sink.address, run->length);
	if (run->pattern)
		munmap(run->pattern, run->length);
}

static int test_window(const struct test_request *request)
{
	const struct sigaction action = { .sa_handler = test_bus_error };
	struct test_resources resources = { 0 };
	struct test_run run = { 0 };
	int err;

	sigaction(SIGBUS, &action, NULL);
	err = test_steps(request, &resources, &run);
	test_release(&resources, &run);
	if (err)
		return STATUS_FAILED;
	printf("%llu bytes verified\n", (unsigned long long)run.verified);
	return STATUS_OK;
}

static int test_number(const char *text, int most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > most)
		return -1;
	return (int)value;
}

/* "NAME" or "NAME:PORT" */
static int test_device_parse(const char *text, struct test_request *request)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	if (!length || length >= sizeof(request->device))
		return -1;
	memcpy(request->device, text, length);
	request->device[length] = '\0';
	if (!colon)
		return 0;
	request->port = test_number(colon + 1, UINT8_MAX);
	return request->port < 1 ? -1 : 0;
}

static int test_find(const char *name, struct test_request *request)
{
	struct window *windows;
	int count = window_find(name, &windows);

	if (count < 0)
		return STATUS_FAILED;
	if (count == 1)
		request->window = windows[0];
	else
		complain(name, "means %d windows; name one, as 'peermr list' prints it",
			 count);
	free(windows);
	return count == 1 ? test_window(request) : STATUS_FAILED;
}

int command_test(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rdma-device", required_argument, NULL, 'd' },
		{ "gid-index", required_argument, NULL, 'g' },
		{ "size", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct test_request request = {
		.port = RDMA_ANY,
		.gid_index = RDMA_ANY,
	};
	int option;

	while ((option = getopt_long(argc, argv, ":d:g:s:h", options,
				     NULL)) != -1) {
		switch (option) {
		case 'd':
			if (test_device_parse(optarg, &request))
				return complain_usage(argv[0], "'%s' is not NAME or NAME:PORT",
						      optarg);
			break;
		case 'g':
			request.gid_index = test_number(optarg, UINT8_MAX);
			if (request.gid_index < 0)
				return complain_usage(argv[0], "'%s' is not the index of a GID, 0 to 255",
						      optarg);
			break;
		case 's':
			if (size_parse(optarg, &request.size) || !request.size)
				return complain_usage(argv[0], "'%s' is not a size; write it like 4096, 64K, 4M or 1G",
						      optarg);
			break;
		case 'h':
			fputs(test_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (argc - optind != 1)
		return complain_usage(argv[0], "takes the name of one window");
	return test_find(argv[optind], &request);
}
