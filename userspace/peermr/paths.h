/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * peermr paths: facts first (platform.h, nic.h, topology.h, probe.h), then a
 * verdict on each path, which depends on nothing but the facts, then output.
 */
#ifndef PEERMR_TOOL_PATHS_H
#define PEERMR_TOOL_PATHS_H

#include "nic.h"
#include "platform.h"
#include "probe.h"
#include "runtime.h"
#include "topology.h"
#include "window.h"

enum path {
	PATH_PAGE,
	PATH_DMABUF,
	PATH_PEERDIRECT,
	PATH_COUNT,
};

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_UNKNOWN,
};

/**
 * struct verdict - does a path work, why, and what to do if not
 * @answer: whether it does
 * @reason: a clause without a full stop
 * @way_out: another one; "" if there is nothing to do
 */
struct verdict {
	enum answer answer;
	char reason[384];
	char way_out[256];
};

/**
 * struct path_facts - all that verdicts about a device and a memory rest on
 * @platform: of the machine
 * @nic: the RDMA device
 * @able: what it was found able to do
 * @window: the memory, or NULL
 * @tried: what became of a granule of @window
 * @runtime: the memory if @window is NULL
 * @topology: between the RDMA device and @window
 */
struct path_facts {
	const struct platform *platform;
	const struct nic *nic;
	const struct nic_probe *able;
	const struct window *window;
	const struct window_probe *tried;
	const struct runtime *runtime;
	struct topology topology;
};

/* For a window (verdict.c, verdict_peerdirect.c). */
void verdict_page(const struct path_facts *facts, struct verdict *verdict);
void verdict_dmabuf(const struct path_facts *facts, struct verdict *verdict);
void verdict_peerdirect(const struct path_facts *facts,
			struct verdict *verdict);

/* For a runtime (verdict_runtime.c). */
void verdict_runtime(const struct path_facts *facts, enum path path,
		     struct verdict *verdict);

/* Set the answer and the reason; there is no way out so far. */
__attribute__((format(printf, 3, 4)))
void verdict_say(struct verdict *verdict, enum answer answer,
		 const char *format, ...);
__attribute__((format(printf, 2, 3)))
void verdict_way_out(struct verdict *verdict, const char *format, ...);

/* True, and a verdict, if nothing could be tried with the window. */
bool verdict_untried(const struct path_facts *facts, struct verdict *verdict);

/* True, and a verdict, if the device takes no dma-bufs or is not known to. */
bool verdict_no_dmabufs(const struct path_facts *facts,
			struct verdict *verdict);

/* True, and a verdict, if no PeerDirect client can serve the device. */
bool verdict_no_peer_api(const struct path_facts *facts,
			 struct verdict *verdict);

/* One row of the answer. */
struct path_row {
	const char *nic;
	const char *memory;
	enum path path;
	struct verdict verdict;
};

/**
 * struct paths - the whole answer
 * @platform: of the machine
 * @nics: @nic_count RDMA devices
 * @able: what each is able to do
 * @windows: @window_count windows
 * @runtimes: @runtime_count of them
 * @rows: @row_count verdicts
 */
struct paths {
	struct platform platform;
	struct nic *nics;
	struct nic_probe *able;
	int nic_count;
	struct window *windows;
	int window_count;
	struct runtime runtimes[RUNTIME_COUNT];
	int runtime_count;
	struct path_row *rows;
	int row_count;
};

void paths_print(const struct paths *paths);
void paths_json(const struct paths *paths);

#endif /* PEERMR_TOOL_PATHS_H */
