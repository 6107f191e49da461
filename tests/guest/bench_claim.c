// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_claim RDMA-DEVICE ROUNDS: what it costs host memory that device memory
 * is looked for first: ibv_reg_mr() of 4 KiB, the same behind
 * peermr_verbs_claim() as in the front ends, and peermr_reg_mr().
 *
 * The three take turns. Prints a line for each, tab-separated: name, median time
 * of a call in ns, ratio of that to the bare call's.
 */
#include <stdint.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "bench.h"
#include "verbs.h"

#define LENGTH 4096
#define MAX_CALLS 100000

typedef struct ibv_mr *(*register_fn)(struct ibv_pd *pd, void *address);

static struct ibv_mr *bare(struct ibv_pd *pd, void *address)
{
	return ibv_reg_mr(pd, address, LENGTH, IBV_ACCESS_LOCAL_WRITE);
}

static struct ibv_mr *behind_claim(struct ibv_pd *pd, void *address)
{
	struct peermr_verbs_request request = {
		.pd = pd,
		.address = address,
		.length = LENGTH,
		.iova = (uintptr_t)address,
		.access = IBV_ACCESS_LOCAL_WRITE,
	};
	struct ibv_mr *mr;

	if (peermr_verbs_claim(&request, 0, ibv_reg_dmabuf_mr, &mr))
		return NULL;
	return bare(pd, address);
}

static struct ibv_mr *by_library(struct ibv_pd *pd, void *address)
{
	return peermr_reg_mr(pd, address, LENGTH, IBV_ACCESS_LOCAL_WRITE);
}

static const struct {
	const char *name;
	register_fn function;
} ways[] = {
	{ "ibv_reg_mr", bare },
	{ "claim, then ibv_reg_mr", behind_claim },
	{ "peermr_reg_mr", by_library },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double times[WAYS][MAX_CALLS];

static double register_once(register_fn function, struct ibv_pd *pd,
			    void *address)
{
	double start = seconds(), end;
	struct ibv_mr *mr = function(pd, address);

	end = seconds();
	if (!mr || ibv_dereg_mr(mr))
		die("cannot register: %s", strerror(errno));
	return (end - start) * 1e9;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, i;
	void *address = aligned_alloc(LENGTH, LENGTH);
	struct ibv_pd *pd;
	double median;
	size_t way;

	if (!rounds || rounds > MAX_CALLS)
		die("usage: bench_claim RDMA-DEVICE ROUNDS (1 to %d)", MAX_CALLS);
	pd = open_pd(argv[1]);
	if (!address)
		die("no memory");
	memset(address, 1, LENGTH);
	for (way = 0; way < WAYS; way++)
		register_once(ways[way].function, pd, address);
	for (i = 0; i < rounds; i++)
		for (way = 0; way < WAYS; way++)
			times[way][i] = register_once(ways[way].function, pd,
						      address);
	for (way = 0; way < WAYS; way++) {
		qsort(times[way], rounds, sizeof(times[way][0]),
		      series_compare);
		median = times[way][rounds / 2];
		printf("%s\t%.0f\t%.3f\n", ways[way].name, median,
		       median / times[0][rounds / 2]);
	}
	return 0;
}
