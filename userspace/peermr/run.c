// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr run: a program with device memory in its plain ibv_reg_mr(). */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "tool.h"

/* As env(1): what the program cannot have said itself. */
enum {
	STATUS_RUN_FAILED = 125,
	STATUS_RUN_REFUSED = 126,	/* found, but it cannot be executed */
	STATUS_RUN_ABSENT = 127,
};

static const char run_help[] =
"Usage: peermr run [--debug] [--] PROGRAM [ARGUMENT...]\n"
"\n"
"Run a program whose ibv_reg_mr() takes memory of windows and of other devices,\n"
"as dma-bufs where the NIC takes them. What the program runs inherits it.\n"
"\n"
"  -d, --debug  print a line on standard error for each registration\n"
"\n"
"Exit status: that of the program; 125 if peermr fails itself, 126 if the\n"
"program cannot be executed, 127 if there is none.\n";

/* Beside the tool as it is installed, wherever that tree is now. */
static int run_library(char *path, size_t size)
{
	char tool[PATH_MAX], *slash;
	ssize_t length;

	length = readlink("/proc/self/exe", tool, sizeof(tool) - 1);
	if (length < 0)
		return -errno;
	tool[length] = '\0';
	slash = strrchr(tool, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	length = snprintf(path, size, "%s/" PEERMR_PRELOAD_FROM_TOOL, tool);
	if (length < 0 || (size_t)length >= size)
		return -ENAMETOOLONG;
	return 0;
}

/* The name in LD_PRELOAD, without the dots: it is read by other programs. */
static char *run_library_find(void)
{
	char path[PATH_MAX], *found;
	int ret = run_library(path, sizeof(path));

	if (ret) {
		complain("run", "cannot tell where the tool is installed: %s",
			 strerror(-ret));
		return NULL;
	}
	found = realpath(path, NULL);
	if (!found || access(found, R_OK)) {
		complain(path, "%m; it is installed with the tool, reinstall peermr");
		free(found);
		return NULL;
	}
	if (strpbrk(found, ": ")) {
		complain(found, "LD_PRELOAD takes no path with a colon or a blank; install peermr elsewhere");
		free(found);
		return NULL;
	}
	return found;
}

static bool run_has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t here = strcspn(list, ": ");

		if (here == length && !strncmp(list, word, length))
			return true;
		list += here + (list[here] != '\0');
	}
	return false;
}

/*
 * Last in the list: another library that wraps ibv_reg_mr(), too, calls ours as
 * the next one, while we call that of libibverbs.
 */
static int run_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *after;
	int ret;

	if (!before || !*before)
		return setenv("LD_PRELOAD", library, 1);
	if (run_has_word(before, library))
		return 0;
	if (asprintf(&after, "%s:%s", before, library) < 0)
		return -1;
	ret = setenv("LD_PRELOAD", after, 1);
	free(after);
	return ret;
}

static int run_program(char **argv)
{
	char *path = program_find(argv[0]);
	const char *reason;
	int error;

	if (!path) {
		error = errno;
		complain(argv[0], "cannot run it: %m");
		return error == ENOENT ? STATUS_RUN_ABSENT : STATUS_RUN_REFUSED;
	}
	reason = program_ignores_preload(path);
	if (reason)
		complain(argv[0], "%s, so the dynamic linker does not load libpeermr-preload.so; device memory is not looked for",
			 reason);
	fflush(NULL);
	/* It is also the one for a script without an interpreter's name. */
	execvp(path, argv);
	error = errno;
	complain(argv[0], "cannot run it: %m");
	free(path);
	return error == ENOENT ? STATUS_RUN_ABSENT : STATUS_RUN_REFUSED;
}

int command_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	bool debug = false;
	char *library;
	int option;

	/* The program's options are its own. */
	while ((option = getopt_long(argc, argv, "+:dh", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			debug = true;
			break;
		case 'h':
			fputs(run_help, stdout);
			return STATUS_OK;
		default:
			complain_option(option, argv);
			return STATUS_RUN_FAILED;
		}
	}
	if (optind == argc) {
		complain_usage(argv[0], "which program?");
		return STATUS_RUN_FAILED;
	}

	library = run_library_find();
	if (!library)
		return STATUS_RUN_FAILED;
	if (run_preload(library) || (debug && setenv("PEERMR_DEBUG", "1", 1))) {
		complain("run", "cannot set the environment: %m");
		free(library);
		return STATUS_RUN_FAILED;
	}
	free(library);
	return run_program(argv + optind);
}
