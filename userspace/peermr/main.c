// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr: look after windows of PCIe device memory. See peermr(8). */
#include <peermr.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const char main_help[] =
"Usage: peermr COMMAND [ARGUMENT...]\n"
"\n"
"  list                 list the windows of this machine\n"
"  show [WINDOW]        describe windows and who holds their buffers\n"
"  bind BDF             take a PCI device and make windows of its memory\n"
"  unbind BDF           give the device back\n"
"  test WINDOW          move data by RDMA through a window and verify it\n"
"  run PROGRAM          run a program whose ibv_reg_mr() takes device memory\n"
"  peerdirect           list or switch the RDMA devices that PeerDirect serves\n"
"  paths [WINDOW]       tell how RDMA devices reach memory here, and why not\n"
"\n"
"  --help               print this text; 'peermr COMMAND --help' explains one\n"
"  --version            print the versions of the tool and of libpeermr\n"
"\n"
"Exit status: 0 success, 1 failure, 2 mistake on the command line; of run, that\n"
"of the program.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "list", command_list },
	{ "show", command_show },
	{ "bind", command_bind },
	{ "unbind", command_unbind },
	{ "test", command_test },
	{ "run", command_run },
	{ "peerdirect", command_peerdirect },
	{ "paths", command_paths },
};

static int main_dispatch(int argc, char **argv)
{
	const char *name = argv[1];

	if (argc < 2) {
		fputs(main_help, stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		fputs(main_help, stdout);
		return STATUS_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("peermr %d.%d.%d (libpeermr %s)\n", PEERMR_VERSION_MAJOR,
		       PEERMR_VERSION_MINOR, PEERMR_VERSION_PATCH,
		       peermr_version());
		return STATUS_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	complain(name, "no such command; 'peermr --help' lists them");
	return STATUS_USAGE;
}

int main(int argc, char **argv)
{
	int status = main_dispatch(argc, argv);

	/* A full disk or closed pipe must not pass for success. */
	if (fflush(stdout) || ferror(stdout)) {
		if (status == STATUS_OK)
			status = STATUS_FAILED;
		complain("standard output", "cannot write: %m");
	}
	return status;
}
