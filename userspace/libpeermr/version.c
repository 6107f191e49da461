// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <peermr.h>

#define PEERMR_STRING(x) #x
#define PEERMR_DOTTED(major, minor, patch)                                     \
	PEERMR_STRING(major) "." PEERMR_STRING(minor) "." PEERMR_STRING(patch)

const char *peermr_version(void)
{
	return PEERMR_DOTTED(PEERMR_VERSION_MAJOR, PEERMR_VERSION_MINOR,
			     PEERMR_VERSION_PATCH);
}
