// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr list: the windows of this machine, one line each. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "tool.h"
#include "window.h"

static const char list_help[] =
"Usage: peermr list [--json]\n"
"\n"
"List the windows of this machine, one line each. Needs no permission.\n"
"\n"
"  -j, --json   print JSON, sizes in bytes\n"
"  -h, --help   print this text\n";

static void list_table(const struct window *windows, int count)
{
	char node[16];

	printf("%-24s %-8s %-6s %10s %10s %10s %5s %7s %10s %11s\n", "WINDOW",
	       "STATE", "MODE", "SIZE", "FREE", "GRANULE", "NUMA", "BUFFERS",
	       "PINNED", "QUARANTINED");
	for (int i = 0; i < count; i++) {
		const struct window *window = &windows[i];

		snprintf(node, sizeof(node), "%d", window->numa_node);
		printf("%-24s %-8s %-6s %10s %10s %10s %5s %7" PRIu64
		       " %10s %11s\n",
		       window->name, window->state, window->mode,
		       size_format(window->size).text,
		       size_format(window->free).text,
		       size_format(window->granule).text,
		       window->numa_node < 0 ? "-" : node, window->buffers,
		       size_format(window->pinned).text,
		       size_format(window->quarantined).text);
	}
}

static void list_json(const struct window *windows, int count)
{
	struct json json = { .out = stdout };

	json_object_begin(&json, NULL);
	json_array_begin(&json, "windows");
	for (int i = 0; i < count; i++) {
		json_object_begin(&json, NULL);
		window_json(&json, &windows[i]);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
}

int command_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct window *windows;
	bool as_json = false;
	int option, count;

	while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(list_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (optind < argc)
		return complain_usage(argv[0], "takes no argument '%s'; 'peermr show' describes one window",
				      argv[optind]);

	count = window_find(NULL, &windows);
	if (count < 0)
		return STATUS_FAILED;
	if (as_json)
		list_json(windows, count);
	else if (count)
		list_table(windows, count);
	else
		complain("list", "no windows; take a device with 'peermr bind BDF'");
	free(windows);
	return STATUS_OK;
}
