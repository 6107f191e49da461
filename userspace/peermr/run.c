// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr run: a program whose ibv_reg_mr() takes device memory. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "tool.h"

static const char run_help[] =
"Usage: peermr run [--debug] [--] PROGRAM [ARGUMENT...]\n"
"\n"
"Run PROGRAM with registrations of device memory: its ibv_reg_mr() takes memory\n"
"of a window without struct pages and of a GPU's runtime, as a dma-buf, where\n"
"the RDMA device does. Preloads " PRELOAD_LIBRARY ".\n"
"\n"
"  -d, --debug  explain each registration in a line on stderr\n"
"  -h, --help   print this text\n"
"\n"
"Exit status: that of PROGRAM; 126 if it cannot be executed, 127 if not found.\n";

/* Whether @list, separated as LD_PRELOAD is, has our library. */
static bool run_is_preloaded(const char *list)
{
	size_t length = strlen(PRELOAD_LIBRARY);
	const char *found = list;

	while ((found = strstr(found, PRELOAD_LIBRARY))) {
		if ((found == list || strchr(": ", found[-1])) &&
		    (!found[length] || strchr(": ", found[length])))
			return true;
		found += length;
	}
	return false;
}

/* In front of what is there, as the first one wins. 0, or -1 with a complaint. */
static int run_set_environment(bool debug)
{
	const char *before = getenv("LD_PRELOAD");
	char *list = NULL;
	int ret = 0;

	if (debug && setenv("PEERMR_DEBUG", "1", 1))
		ret = -1;
	if (!before || !*before)
		ret |= setenv("LD_PRELOAD", PRELOAD_LIBRARY, 1);
	else if (run_is_preloaded(before))
		return ret;
	else if (asprintf(&list, "%s:%s", PRELOAD_LIBRARY, before) < 0)
		ret = -1;
	else
		ret |= setenv("LD_PRELOAD", list, 1);
	free(list);
	if (ret)
		complain("run", "cannot set the environment: %m");
	return ret;
}

static int run_execute(char **argv)
{
	const char *why = program_ignores_preload(argv[0]);
	int error;

	if (why)
		complain(argv[0], "%s; its registrations stay as they are", why);
	execvp(argv[0], argv);
	error = errno;
	complain(argv[0], "cannot be executed: %s", strerror(error));
	return error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTED;
}

int command_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool debug = false;
	int option;

	/* +: the options behind PROGRAM are its own. */
	while ((option = getopt_long(argc, argv, "+:dh", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			debug = true;
			break;
		case 'h':
			fputs(run_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (optind == argc)
		return complain_usage(argv[0], "which program?");

	if (access(PRELOAD_LIBRARY, R_OK)) {
		complain(PRELOAD_LIBRARY,
			 "%m; it comes with the tool, install peermr again");
		return STATUS_FAILED;
	}
	if (run_set_environment(debug))
		return STATUS_FAILED;
	return run_execute(argv + optind);
}
