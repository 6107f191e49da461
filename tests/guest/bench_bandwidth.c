// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_bandwidth WINDOW TURNS: RDMA WRITE and READ between host memory at one
 * RDMA device and memory at another, a buffer in the window and one of host
 * memory in turns.
 *
 * One process and one connection for all, and short turns: Soft-RoCE in a guest
 * is now twice as quick and now half, as the threads that move the data come to
 * share a CPU or not, which lasts for seconds. Prints a line for each operation and
 * size, see bench.h.
 */
#include <infiniband/verbs.h>

#define MAX_ROUNDS 999
#include "bench.h"
#include "rdma.h"
#include "window_under_test.h"

#define TURN_BYTES	(8 * MIB)
/* In flight: with more Soft-RoCE times out and tries again. */
#define FLIGHT_BYTES	(4 * MIB)
#define FLIGHT_DEPTH	16U

struct operation {
	const char *name;
	enum ibv_wr_opcode opcode;
	size_t size;
};

static const struct operation operations[] = {
	{ "RDMA WRITE 64 KiB", IBV_WR_RDMA_WRITE, 64 << 10 },
	{ "RDMA WRITE 1 MiB", IBV_WR_RDMA_WRITE, 1 << 20 },
	{ "RDMA READ 64 KiB", IBV_WR_RDMA_READ, 64 << 10 },
	{ "RDMA READ 1 MiB", IBV_WR_RDMA_READ, 1 << 20 },
};

/* MiB/s. */
static double rate(struct rdma_end *end, const struct operation *operation,
		   struct ibv_mr *local_mr, struct ibv_mr *remote_mr)
{
	unsigned int count = TURN_BYTES / operation->size;
	unsigned int depth = FLIGHT_BYTES / operation->size;
	unsigned int posted = 0, done;
	double start = seconds();

	if (depth > FLIGHT_DEPTH)
		depth = FLIGHT_DEPTH;
	for (done = 0; done < count; done++) {
		for (; posted < count && posted - done < depth; posted++) {
			size_t offset = posted % depth * operation->size;
			struct rdma_range local = { local_mr, offset,
						    operation->size };
			struct rdma_range remote = { remote_mr, offset,
						     operation->size };

			CHECK(!rdma_post(end, operation->opcode, &local,
					 &remote));
		}
		CHECK_EQ(rdma_complete(end).status, IBV_WC_SUCCESS);
	}
	return TURN_BYTES / (seconds() - start) / MIB;
}

static void bench(struct rdma_end *end, const struct operation *operation,
		  struct ibv_mr *local, struct ibv_mr *device,
		  struct ibv_mr *host, unsigned int turns)
{
	static struct series series = { .unit = "MiB/s" };

	rate(end, operation, local, device);
	rate(end, operation, local, host);
	series.name = operation->name;
	series.rounds = turns;
	SERIES_MEASURE(&series, rate(end, operation, local, device),
		       rate(end, operation, local, host));
	series_print(&series);
}

static void *host_memory(void)
{
	void *memory = aligned_alloc(2 * MIB, FLIGHT_BYTES);

	if (!memory)
		die("no memory");
	memset(memory, 1, FLIGHT_BYTES);
	return memory;
}

int main(int argc, char **argv)
{
	static const struct test this_program = { "bench_bandwidth", NULL };
	unsigned int turns = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct ibv_mr *local, *device, *host;
	struct rdma_link link;

	if (!turns || turns > MAX_ROUNDS)
		die("usage: bench_bandwidth WINDOW TURNS (1 to %d)", MAX_ROUNDS);
	current_test = &this_program;
	window_name = argv[1];
	rdma_link_open(&link);
	local = rdma_register(&link.ends[0], host_memory(), FLIGHT_BYTES);
	host = rdma_register(&link.ends[1], host_memory(), FLIGHT_BYTES);
	device = rdma_register(&link.ends[1],
			       buffer_map(buffer_alloc(window_open(),
						       FLIGHT_BYTES)),
			       FLIGHT_BYTES);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		bench(&link.ends[0], &operations[i], local, device, host, turns);
	return 0;
}
