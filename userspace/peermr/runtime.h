/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Runtimes for GPUs that are on this machine. None of them is started. */
#ifndef PEERMR_TOOL_RUNTIME_H
#define PEERMR_TOOL_RUNTIME_H

#include <stdbool.h>

enum runtime_kind {
	RUNTIME_CUDA,
	RUNTIME_ROCM,
	RUNTIME_LEVEL_ZERO,
	RUNTIME_COUNT,
};

/**
 * struct runtime - one that has a library or a kernel driver here
 * @kind: which
 * @name: "CUDA"
 * @library: path of its library, "" if the dynamic linker knows none
 * @driver: its kernel driver, "" if that is not loaded
 * @version: of the driver, "" if unknown
 * @open_source: CUDA: the driver is NVIDIA's open kernel module
 */
struct runtime {
	enum runtime_kind kind;
	const char *name;
	char library[128];
	char driver[32];
	char version[64];
	bool open_source;
};

/* Fills in those that are here, and returns how many. */
int runtime_find(struct runtime runtimes[RUNTIME_COUNT]);

/* The rest is for tests. */

/* From the text of /proc/driver/nvidia/version. */
void runtime_take_nvidia(struct runtime *runtime, const char *text);

#endif /* PEERMR_TOOL_RUNTIME_H */
