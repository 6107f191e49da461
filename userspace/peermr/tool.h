/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * peermr(8): what every command of the tool shares: exit statuses, messages
 * and the parsing and printing of sizes.
 */
#ifndef PEERMR_TOOL_H
#define PEERMR_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_INTERRUPTED = 130,	/* 128 + SIGINT, as a shell reports it */
};

/* Each gets its own name as argv[0] and returns a STATUS_*. */
int command_list(int argc, char **argv);
int command_show(int argc, char **argv);
int command_bind(int argc, char **argv);
int command_unbind(int argc, char **argv);
int command_test(int argc, char **argv);
int command_run(int argc, char **argv);
int command_peerdirect(int argc, char **argv);
int command_paths(int argc, char **argv);

/*
 * Print "peermr: THING: MESSAGE" on stderr. The message gives the reason and,
 * behind a semicolon, the way out.
 */
__attribute__((format(printf, 2, 3)))
void complain(const char *thing, const char *format, ...);

/* The same for a mistake on the command line of @command: STATUS_USAGE. */
__attribute__((format(printf, 2, 3)))
int complain_usage(const char *command, const char *format, ...);

/* What getopt_long() returned '?' or ':' for: STATUS_USAGE. */
int complain_option(int result, char **argv);

/* "4096", "64K", "4M", "1G", "2T": 0, -EINVAL or -ERANGE. */
int size_parse(const char *text, uint64_t *size);

/* "4 MiB", "1.5 GiB", "0": rounded down to a tenth where it is not exact. */
#define SIZE_TEXT_LEN	40
struct size_text {
	char text[SIZE_TEXT_LEN];
};
struct size_text size_format(uint64_t size);

#endif /* PEERMR_TOOL_H */
