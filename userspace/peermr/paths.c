// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr paths: how RDMA devices reach memory here, and why not. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "tool.h"

static const char paths_help[] =
"Usage: peermr paths [WINDOW] [--rdma-device NAME] [--json]\n"
"\n"
"For each RDMA device and each window, or WINDOW only, and each GPU runtime on\n"
"this machine: which paths work here, and for each that does not the reason and\n"
"the way out. A window is tried: a granule of it is allocated, registered by\n"
"each path, and given back. Runtimes are not started. Works without root, but\n"
"tries only what it may open.\n"
"\n"
"  page        ibv_reg_mr() on memory with struct pages\n"
"  dma-buf     ibv_reg_dmabuf_mr()\n"
"  PeerDirect  ibv_reg_mr() through a client of ib_register_peer_memory_client()\n"
"\n"
"  -d, --rdma-device NAME  this RDMA device only\n"
"  -j, --json              print JSON\n"
"  -h, --help              print this text\n";

struct paths_request {
	const char *window;
	const char *nic;
	bool as_json;
};

/* The window can be revoked while a granule of it is mapped. */
static void paths_bus_error(int number)
{
	static const char text[] =
		"peermr: paths: SIGBUS, a window went away meanwhile; try again\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_USAGE + 1);
	_exit(STATUS_FAILED);
}

static int paths_find_nics(const struct paths_request *request,
			   struct paths *paths)
{
	paths->nic_count = nic_list(&paths->nics);
	if (paths->nic_count < 0) {
		complain("paths", "out of memory");
		return -1;
	}
	if (!request->nic)
		return 0;
	for (int i = 0; i < paths->nic_count; i++) {
		if (strcmp(paths->nics[i].name, request->nic))
			continue;
		paths->nics[0] = paths->nics[i];
		paths->nic_count = 1;
		return 0;
	}
	complain(request->nic, "no such RDMA device; 'rdma link' lists those of this machine");
	return -1;
}

static int paths_find_windows(const struct paths_request *request,
			      struct paths *paths)
{
	if (request->window) {
		paths->window_count = window_find(request->window,
						  &paths->windows);
		return paths->window_count < 0 ? -1 : 0;
	}
	/* No module, no windows: the rest of the answer stands. */
	paths->window_count = window_find_device(NULL, &paths->windows);
	if (paths->window_count == -ENODEV)
		paths->window_count = 0;
	if (paths->window_count < 0)
		complain("paths", "cannot list the windows: %s",
			 strerror(-paths->window_count));
	return paths->window_count < 0 ? -1 : 0;
}

static void paths_add(struct paths *paths, const struct path_facts *facts,
		      enum path path)
{
	static void (*const of_window[PATH_COUNT])(const struct path_facts *,
						   struct verdict *) = {
		[PATH_PAGE] = verdict_page,
		[PATH_DMABUF] = verdict_dmabuf,
		[PATH_PEERDIRECT] = verdict_peerdirect,
	};
	struct path_row *row = &paths->rows[paths->row_count++];

	row->nic = facts->nic->name;
	row->path = path;
	if (facts->window) {
		row->memory = facts->window->name;
		of_window[path](facts, &row->verdict);
	} else {
		row->memory = facts->runtime->name;
		verdict_runtime(facts, path, &row->verdict);
	}
}

static void paths_add_all(struct paths *paths, const struct path_facts *facts)
{
	for (int path = 0; path < PATH_COUNT; path++)
		paths_add(paths, facts, (enum path)path);
}

/* The device whose BAR a window is: its name up to "-bar". */
static void paths_window_pci(const struct window *window,
			     char bdf[PCI_NAME_LEN])
{
	size_t length = strcspn(window->name, "-");

	bdf[0] = '\0';
	if (length >= PCI_NAME_LEN)
		return;
	memcpy(bdf, window->name, length);
	bdf[length] = '\0';
}

static void paths_try_nic(struct paths *paths, int index)
{
	struct path_facts facts = {
		.platform = &paths->platform,
		.nic = &paths->nics[index],
		.able = &paths->able[index],
	};
	struct window_probe tried;
	char bdf[PCI_NAME_LEN];
	struct probe *probe;

	probe = probe_open(facts.nic, &paths->able[index]);
	for (int i = 0; i < paths->window_count; i++) {
		facts.window = &paths->windows[i];
		facts.tried = &tried;
		paths_window_pci(facts.window, bdf);
		topology_find(bdf, facts.nic->pci, &facts.topology);
		probe_window(probe, facts.window, &tried);
		paths_add_all(paths, &facts);
	}
	probe_close(probe);
	facts.window = NULL;
	for (int i = 0; i < paths->runtime_count; i++) {
		facts.runtime = &paths->runtimes[i];
		paths_add_all(paths, &facts);
	}
}

static int paths_try(struct paths *paths)
{
	size_t memories = (size_t)(paths->window_count + paths->runtime_count);
	size_t rows = (size_t)paths->nic_count * memories * PATH_COUNT;

	paths->able = calloc((size_t)paths->nic_count + 1,
			     sizeof(*paths->able));
	paths->rows = calloc(rows + 1, sizeof(*paths->rows));
	if (!paths->able || !paths->rows) {
		complain("paths", "out of memory");
		return -1;
	}
	for (int i = 0; i < paths->nic_count; i++)
		paths_try_nic(paths, i);
	return 0;
}

static int paths_answer(const struct paths_request *request,
			struct paths *paths)
{
	const struct sigaction action = { .sa_handler = paths_bus_error };

	if (paths_find_nics(request, paths) ||
	    paths_find_windows(request, paths))
		return STATUS_FAILED;
	sigaction(SIGBUS, &action, NULL);
	probe_prepare();
	platform_read(&paths->platform);
	paths->runtime_count = runtime_find(paths->runtimes);
	if (paths_try(paths))
		return STATUS_FAILED;
	if (request->as_json)
		paths_json(paths);
	else
		paths_print(paths);
	return STATUS_OK;
}

int command_paths(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rdma-device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct paths_request request = { 0 };
	struct paths paths = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, ":d:jh", options,
				     NULL)) != -1) {
		switch (option) {
		case 'd':
			request.nic = optarg;
			break;
		case 'j':
			request.as_json = true;
			break;
		case 'h':
			fputs(paths_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (argc - optind > 1)
		return complain_usage(argv[0], "takes one window, not '%s' as well",
				      argv[optind + 1]);
	request.window = argv[optind];
	status = paths_answer(&request, &paths);
	free(paths.rows);
	free(paths.able);
	free(paths.windows);
	free(paths.nics);
	return status;
}
