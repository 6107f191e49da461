// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Messages on stderr, all in the form "peermr: THING: REASON; WAY OUT". */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

static void message_print(const char *thing, const char *format, va_list args)
{
	/* What went to stdout before must not appear behind the error. */
	fflush(stdout);
	fprintf(stderr, "peermr: %s: ", thing);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *thing, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message_print(thing, format, args);
	va_end(args);
}

int complain_usage(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message_print(command, format, args);
	va_end(args);
	fprintf(stderr, "Try 'peermr %s --help'.\n", command);
	return STATUS_USAGE;
}

int complain_option(int result, char **argv)
{
	const char *option = argv[optind - 1];
	const char letter[] = { '-', (char)optopt, '\0' };

	/*
	 * getopt is not done with a word of several letters, so @option may be
	 * the word before. A long option has no optopt, or "=", or is the last.
	 */
	if (optopt && (strncmp(option, "--", 2) ||
		       (argv[optind] && !strchr(option, '='))))
		option = letter;
	if (result == ':')
		return complain_usage(argv[0], "%s needs a value", option);
	return complain_usage(argv[0], "%s is not an option of this command",
			      option);
}
