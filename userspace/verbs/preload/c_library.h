/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_PRELOAD_C_LIBRARY_H
#define PEERMR_PRELOAD_C_LIBRARY_H

/* What our own dlsym() and dlvsym() stand in front of. */
struct peermr_c_library {
	void *(*dlsym)(void *restrict handle, const char *restrict name);
	void *(*dlvsym)(void *restrict handle, const char *restrict name,
			const char *restrict version);
};

/* Never fails: ends the process where there is no such function. */
const struct peermr_c_library *peermr_c_library(void);

#endif /* PEERMR_PRELOAD_C_LIBRARY_H */
