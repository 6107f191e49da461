// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr show: everything about a window, and who holds its buffers. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "page_dma.h"
#include "tool.h"
#include "window.h"

static const char show_help[] =
"Usage: peermr show [WINDOW] [--json]\n"
"\n"
"Describe WINDOW, or every window: its memory, and each buffer with the process\n"
"that holds it. WINDOW is a name as 'peermr list' prints it, a path below\n"
"/dev/peermr, or the PCI address of a device for all of its windows.\n"
"Needs permission to open the window; only root sees other users' buffers.\n"
"\n"
"  -j, --json   print JSON, sizes in bytes\n"
"  -h, --help   print this text\n";

static void show_buffers(const struct peermr_holder *holders, int count)
{
	char owner[HOLDER_OWNER_LEN];

	for (int i = 0; i < count; i++) {
		if (!i)
			printf("  %-14s %10s %10s %8s %-11s %6s %s\n",
			       "PLACEMENT", "LENGTH", "PINNED", "MAPPINGS",
			       "STATE", "UID", "HOLDER");
		holder_owner(&holders[i], owner);
		printf("  0x%-12" PRIx64 " %10s %10s %8u %-11s %6u %s\n",
		       (uint64_t)holders[i].placement,
		       size_format(holders[i].length).text,
		       size_format(holders[i].pinned).text,
		       holders[i].mappings, holder_state(&holders[i]),
		       holders[i].uid, owner);
	}
}

static void show_text(const struct window *window,
		      const struct narrow_list *narrow,
		      const struct peermr_holder *holders, int count)
{
	printf("%s\n", window->name);
	printf("  state        %s\n", window->state);
	printf("  mode         %s\n", window->mode);
	printf("  page DMA     %s\n", page_dma_text(window));
	for (int i = 0; i < narrow->count; i++)
		printf("               not from %s (%s): its DMA mask of %u bits does not reach the window, so the kernel copies through host memory\n",
		       narrow->devices[i].bdf, narrow->devices[i].driver,
		       narrow->devices[i].bits);
	printf("  size         %s\n", size_format(window->size).text);
	printf("  free         %s\n", size_format(window->free).text);
	printf("  granule      %s\n", size_format(window->granule).text);
	if (window->numa_node < 0)
		printf("  NUMA node    unknown\n");
	else
		printf("  NUMA node    %d\n", window->numa_node);
	printf("  quota        %s\n", window->quota ?
	       size_format(window->quota).text : "none");
	printf("  pinned       %s\n", size_format(window->pinned).text);
	printf("  quarantined  %s\n", size_format(window->quarantined).text);
	printf("  buffers      %" PRIu64 "\n", window->buffers);
	show_buffers(holders, count);
}

static void show_json_buffer(struct json *json,
			     const struct peermr_holder *holder)
{
	char comm[PEERMR_COMM_LEN + 1] = "";

	memcpy(comm, holder->comm, PEERMR_COMM_LEN);
	json_object_begin(json, NULL);
	json_unsigned(json, "placement", holder->placement);
	json_unsigned(json, "length", holder->length);
	json_unsigned(json, "pinned", holder->pinned);
	json_unsigned(json, "mappings", holder->mappings);
	json_string(json, "state", holder_state(holder));
	if (holder->pid)
		json_signed(json, "pid", holder->pid);
	else
		json_null(json, "pid");
	json_unsigned(json, "uid", holder->uid);
	json_string(json, "comm", comm);
	json_object_end(json);
}

static void show_json_narrow(struct json *json, const struct narrow_list *narrow)
{
	json_array_begin(json, "narrow_devices");
	for (int i = 0; i < narrow->count; i++) {
		json_object_begin(json, NULL);
		json_string(json, "pci_device", narrow->devices[i].bdf);
		json_string(json, "kernel_driver", narrow->devices[i].driver);
		json_unsigned(json, "dma_mask_bits", narrow->devices[i].bits);
		json_object_end(json);
	}
	json_array_end(json);
}

static void show_json(struct json *json, const struct window *window,
		      const struct narrow_list *narrow,
		      const struct peermr_holder *holders, int count)
{
	json_object_begin(json, NULL);
	window_json(json, window);
	show_json_narrow(json, narrow);
	json_array_begin(json, "buffers");
	for (int i = 0; i < count; i++)
		show_json_buffer(json, &holders[i]);
	json_array_end(json);
	json_object_end(json);
}

/* @json is NULL for text. */
static int show_window(struct json *json, const struct window *window)
{
	struct peermr_holder *holders;
	struct narrow_list narrow;
	int fd, count;

	fd = window_open(window);
	if (fd < 0) {
		window_open_complain(window, fd);
		return STATUS_FAILED;
	}
	count = holder_list(fd, &holders);
	close(fd);
	if (count < 0) {
		complain(window->name, "cannot list its buffers: %s",
			 strerror(-count));
		return STATUS_FAILED;
	}
	narrow_list_read(window, &narrow);
	if (json)
		show_json(json, window, &narrow, holders, count);
	else
		show_text(window, &narrow, holders, count);
	free(narrow.devices);
	free(holders);
	return STATUS_OK;
}

static int show_windows(const char *name, bool as_json)
{
	struct json json = { .out = stdout };
	struct window *windows;
	int count, status = STATUS_OK;

	count = window_find(name, &windows);
	if (count < 0)
		return STATUS_FAILED;
	if (as_json) {
		json_object_begin(&json, NULL);
		json_array_begin(&json, "windows");
	} else if (!count) {
		complain("show", "no windows; take a device with 'peermr bind BDF'");
	}
	for (int i = 0; i < count; i++) {
		if (i && !as_json)
			putchar('\n');
		if (show_window(as_json ? &json : NULL, &windows[i]))
			status = STATUS_FAILED;
	}
	if (as_json) {
		json_array_end(&json);
		json_object_end(&json);
	}
	free(windows);
	return status;
}

int command_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool as_json = false;
	int option;

	while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(show_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (argc - optind > 1)
		return complain_usage(argv[0], "takes one window, not '%s' as well",
				      argv[optind + 1]);
	return show_windows(argv[optind], as_json);
}
