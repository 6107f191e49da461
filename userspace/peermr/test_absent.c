// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Stands in for test.c where libibverbs was not there to build with. */
#include "tool.h"

int command_test(int argc, char **argv)
{
	(void)argc;
	complain(argv[0], "this peermr was built without libibverbs; install libibverbs-dev and build it anew");
	return STATUS_FAILED;
}
