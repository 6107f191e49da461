// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The answer of peermr paths, for people. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "tool.h"

static const char *print_known(enum known known)
{
	switch (known) {
	case KNOWN_NO:
		return "no";
	case KNOWN_YES:
		return "yes";
	default:
		return "unknown";
	}
}

static void print_peer_api(const struct platform *platform)
{
	printf("  PeerDirect API     %s%s%s\n", print_known(platform->peer_api),
	       *platform->peer_module ? ", in module " : "",
	       platform->peer_module);
	for (int i = 0; i < platform->client_count; i++)
		printf("  PeerDirect client  %s %s\n", platform->clients[i].name,
		       platform->clients[i].version);
}

static void print_platform(const struct platform *platform)
{
	printf("machine\n");
	printf("  kernel             %s\n", platform->kernel);
	printf("  PCI_P2PDMA         %s\n", print_known(platform->p2pdma));
	print_peer_api(platform);
	printf("  IOMMU              %s\n", platform->iommu ? "yes" : "none");
	printf("  memory encryption  %s\n", print_known(platform->encryption));
	printf("  locked memory      %s\n",
	       platform->memlock == UINT64_MAX ? "no limit" :
	       size_format(platform->memlock).text);
	if (*platform->extension)
		printf("  verbs extension    %s\n", platform->extension);
	if (platform->any_host_bridge == KNOWN_YES)
		printf("  any_host_bridge    set: PCIe paths are not checked\n");
}

static const char *print_able(int result)
{
	switch (result) {
	case PROBE_NOT_TRIED:
		return "not tried";
	case -EOPNOTSUPP:
	case -EPROTONOSUPPORT:
		return "no";
	default:
		return "yes";
	}
}

static void print_nic(const struct nic *nic, const struct nic_probe *able)
{
	printf("%s\n", nic->name);
	printf("  device             %s%s%s\n",
	       *nic->pci ? nic->pci : "none, the CPU moves the data",
	       *nic->iommu ? ", IOMMU " : "", nic->iommu);
	if (*nic->driver)
		printf("  kernel driver      %s, registers dma-bufs: %s\n",
		       nic->driver, print_able(able->kernel));
	else
		printf("  kernel driver      registers dma-bufs: %s\n",
		       print_able(able->kernel));
	if (*able->library)
		printf("  provider library   %s, passes them on: %s\n",
		       able->library, print_able(able->provider));
}

static void print_runtime(const struct runtime *runtime)
{
	printf("%s\n", runtime->name);
	printf("  library            %s\n",
	       *runtime->library ? runtime->library : "not found");
	printf("  kernel driver      %s%s%s%s\n",
	       *runtime->driver ? runtime->driver : "not loaded",
	       *runtime->version ? " " : "", runtime->version,
	       runtime->open_source ? ", open kernel module" : "");
}

static const char *const print_paths[PATH_COUNT] = {
	[PATH_PAGE] = "page",
	[PATH_DMABUF] = "dma-buf",
	[PATH_PEERDIRECT] = "PeerDirect",
};

static const char *const print_answers[] = {
	[ANSWER_NO] = "no",
	[ANSWER_YES] = "yes",
	[ANSWER_UNKNOWN] = "unknown",
};

static int print_width(const struct paths *paths, size_t least, bool memory)
{
	size_t width = least;

	for (int i = 0; i < paths->row_count; i++) {
		const struct path_row *row = &paths->rows[i];
		size_t length = strlen(memory ? row->memory : row->nic);

		if (length > width)
			width = length;
	}
	return (int)width;
}

static void print_rows(const struct paths *paths)
{
	int nic_width = print_width(paths, strlen("RDMA DEVICE"), false);
	int memory_width = print_width(paths, strlen("MEMORY"), true);

	printf("\n%-*s  %-*s  %-10s  %-7s  %s\n", nic_width, "RDMA DEVICE",
	       memory_width, "MEMORY", "PATH", "WORKS", "WHY");
	for (int i = 0; i < paths->row_count; i++) {
		const struct path_row *row = &paths->rows[i];
		const struct verdict *verdict = &row->verdict;

		printf("%-*s  %-*s  %-10s  %-7s  %s%s%s\n", nic_width, row->nic,
		       memory_width, row->memory, print_paths[row->path],
		       print_answers[verdict->answer], verdict->reason,
		       *verdict->way_out ? "; " : "", verdict->way_out);
	}
}

void paths_print(const struct paths *paths)
{
	print_platform(&paths->platform);
	for (int i = 0; i < paths->nic_count; i++)
		print_nic(&paths->nics[i], &paths->able[i]);
	for (int i = 0; i < paths->window_count; i++)
		printf("%s\n  window             %s, mode %s, %s\n",
		       paths->windows[i].name,
		       size_format(paths->windows[i].size).text,
		       paths->windows[i].mode, paths->windows[i].state);
	for (int i = 0; i < paths->runtime_count; i++)
		print_runtime(&paths->runtimes[i]);
	if (paths->row_count) {
		print_rows(paths);
		return;
	}
	putchar('\n');
	if (!paths->nic_count)
		printf("no RDMA device; load the driver of a NIC, or make one of a network interface: 'rdma link add rxe0 type rxe netdev eth0'\n");
	if (!paths->window_count && !paths->runtime_count)
		printf("no window and no GPU runtime; take a device with 'peermr bind BDF'\n");
}
