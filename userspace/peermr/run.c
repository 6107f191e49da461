// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr run: a program with device memory in its plain ibv_reg_mr(). */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "tool.h"
#include "window.h"

/* As env(1): what the program cannot have said itself. */
enum {
	STATUS_RUN_FAILED = 125,
	STATUS_RUN_REFUSED = 126,	/* found, but it cannot be executed */
	STATUS_RUN_ABSENT = 127,
};

static const char run_help[] =
"Usage: peermr run [--debug] [--alloc WINDOW [--min SIZE]] [--]\n"
"                  PROGRAM [ARGUMENT...]\n"
"\n"
"Run a program whose ibv_reg_mr() takes memory of windows and of other devices,\n"
"as dma-bufs where the NIC takes them. What the program runs inherits it.\n"
"\n"
"  -a, --alloc WINDOW  take what the program allocates from WINDOW, if it is\n"
"                      large or aligned to a page\n"
"  -m, --min SIZE      with --alloc: the smallest allocation that is large; 64K\n"
"  -d, --debug         print a line on standard error for each registration,\n"
"                      and for what --alloc takes from the window\n"
"\n"
"Exit status: that of the program; 125 if peermr fails itself, 126 if the\n"
"program cannot be executed, 127 if there is none.\n";

/**
 * struct run_request - what to run a program with
 * @window: where its allocations come from, as the user wrote it, or NULL
 * @min: smallest one, as a number of bytes; empty for the default
 * @debug: tell what is done
 */
struct run_request {
	const char *window;
	char min[24];
	bool debug;
};

/* Beside the tool as it is installed, wherever that tree is now. */
static int run_library(const char *from_tool, char *path, size_t size)
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
	length = snprintf(path, size, "%s/%s", tool, from_tool);
	if (length < 0 || (size_t)length >= size)
		return -ENAMETOOLONG;
	return 0;
}

/* The name in LD_PRELOAD, without the dots: it is read by other programs. */
static char *run_library_find(const char *from_tool)
{
	char path[PATH_MAX], *found;
	int ret = run_library(from_tool, path, sizeof(path));

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

/* @value: NULL if there was no memory for it. */
static int run_setenv(const char *name, const char *value)
{
	int ret = value ? setenv(name, value, 1) : -1;

	if (ret)
		complain("run", "cannot set the environment: %m");
	return ret;
}

/*
 * Last in the list: another library that wraps ibv_reg_mr(), too, calls ours as
 * the next one, while we call that of libibverbs.
 */
static int run_preload(const char *from_tool)
{
	const char *before = getenv("LD_PRELOAD") ?: "";
	char *library = run_library_find(from_tool), *after;
	int ret = 0;

	if (!library)
		return -1;
	if (!run_has_word(before, library)) {
		if (asprintf(&after, "%s%s%s", before, *before ? ":" : "",
			     library) < 0)
			after = NULL;
		ret = run_setenv("LD_PRELOAD", after);
		free(after);
	}
	free(library);
	return ret;
}

/* Its full name goes to the program; one that cannot be opened is a mistake. */
static int run_window(const char *name)
{
	struct window *windows;
	int count, fd, ret = -1;

	count = window_find(name, &windows);
	if (count < 0)
		return -1;
	if (count != 1) {
		complain(name, "the device has several windows; name one of them");
		goto out;
	}
	fd = window_open(windows);
	if (fd < 0) {
		window_open_complain(windows, fd);
		goto out;
	}
	close(fd);
	ret = run_setenv("PEERMR_ALLOC_WINDOW", windows->name);
out:
	free(windows);
	return ret;
}

static int run_prepare(const struct run_request *request)
{
	if (run_preload(PEERMR_PRELOAD_FROM_TOOL))
		return -1;
	if (request->window && (run_window(request->window) ||
				run_preload(PEERMR_ALLOC_FROM_TOOL)))
		return -1;
	if (request->debug && run_setenv("PEERMR_DEBUG", "1"))
		return -1;
	if (request->min[0] && run_setenv("PEERMR_ALLOC_MIN", request->min))
		return -1;
	return 0;
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
		complain(argv[0], "%s, so the dynamic linker does not load peermr's libraries; device memory is not looked for",
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
		{ "alloc", required_argument, NULL, 'a' },
		{ "min", required_argument, NULL, 'm' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct run_request request = { 0 };
	uint64_t min;
	int option;

	/* The program's options are its own. */
	while ((option = getopt_long(argc, argv, "+:a:m:dh", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			request.window = optarg;
			break;
		case 'm':
			if (size_parse(optarg, &min)) {
				complain_usage(argv[0], "'%s' is not a size; write it like 4096, 64K, 4M or 1G",
					       optarg);
				return STATUS_RUN_FAILED;
			}
			snprintf(request.min, sizeof(request.min), "%" PRIu64,
				 min);
			break;
		case 'd':
			request.debug = true;
			break;
		case 'h':
			fputs(run_help, stdout);
			return STATUS_OK;
		default:
			complain_option(option, argv);
			return STATUS_RUN_FAILED;
		}
	}
	if (request.min[0] && !request.window) {
		complain_usage(argv[0], "--min is of use with --alloc only");
		return STATUS_RUN_FAILED;
	}
	if (optind == argc) {
		complain_usage(argv[0], "which program?");
		return STATUS_RUN_FAILED;
	}
	if (run_prepare(&request))
		return STATUS_RUN_FAILED;
	return run_program(argv + optind);
}
