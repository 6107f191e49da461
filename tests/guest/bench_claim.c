// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_claim RDMA-DEVICE ROUNDS: what it costs host memory that device memory
 * is looked for first: ibv_reg_mr() of 4 KiB, the same behind
 * peermr_verbs_claim() as in the front ends, and peermr_reg_mr().
 *
 * The three take turns. Prints a line for each, tab-separated: name, median time
 * of a call in ns, ratio of that to the bare call's.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <infiniband/verbs.h>
#include <peermr.h>

#include "verbs.h"

#define LENGTH 4096
#define MAX_ROUNDS 100000

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

static double times[WAYS][MAX_ROUNDS];

static double nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static double register_once(register_fn function, struct ibv_pd *pd,
			    void *address)
{
	double start = nanoseconds(), end;
	struct ibv_mr *mr = function(pd, address);

	end = nanoseconds();
	if (!mr || ibv_dereg_mr(mr)) {
		fprintf(stderr, "bench_claim: cannot register: %s\n",
			strerror(errno));
		exit(1);
	}
	return end - start;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct ibv_pd *open_pd(const char *name)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;
	int i;

	for (i = 0; devices && devices[i]; i++)
		if (!strcmp(ibv_get_device_name(devices[i]), name))
			context = ibv_open_device(devices[i]);
	return context ? ibv_alloc_pd(context) : NULL;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, i;
	struct ibv_pd *pd = rounds ? open_pd(argv[1]) : NULL;
	void *address = aligned_alloc(LENGTH, LENGTH);
	double median;
	size_t way;

	if (!pd || !address || rounds > MAX_ROUNDS) {
		fprintf(stderr,
			"usage: bench_claim RDMA-DEVICE ROUNDS (1 to %d)\n",
			MAX_ROUNDS);
		return 1;
	}
	memset(address, 1, LENGTH);
	for (way = 0; way < WAYS; way++)
		register_once(ways[way].function, pd, address);
	for (i = 0; i < rounds; i++)
		for (way = 0; way < WAYS; way++)
			times[way][i] = register_once(ways[way].function, pd,
						      address);
	for (way = 0; way < WAYS; way++) {
		qsort(times[way], rounds, sizeof(times[way][0]), compare);
		median = times[way][rounds / 2];
		printf("%s\t%.0f\t%.3f\n", ways[way].name, median,
		       median / times[0][rounds / 2]);
	}
	return 0;
}
