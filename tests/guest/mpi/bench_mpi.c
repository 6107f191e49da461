// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_mpi WINDOW ROUNDS: MPI on 1 MiB in the window against the same in host
 * memory, and against staging: in host memory, with a copy from the window before
 * and one into it after. For mpirun; rank 0 prints two lines of each comparison as
 * bench.h says.
 */
#include <mpi.h>
#include <peermr.h>

#define MAX_ROUNDS 999
#include "../bench.h"

#define MIB	(1UL << 20)
#define COUNT	(MIB / sizeof(int64_t))
#define CALLS	4

struct buffers {
	int64_t *send;
	int64_t *receive;
};

static struct buffers host, device;
static int rank, ranks;

static void allreduce(const struct buffers *buffers)
{
	MPI_Allreduce(buffers->send, buffers->receive, COUNT, MPI_INT64_T,
		      MPI_SUM, MPI_COMM_WORLD);
}

static void sendrecv(const struct buffers *buffers)
{
	MPI_Sendrecv(buffers->send, COUNT, MPI_INT64_T, (rank + 1) % ranks, 1,
		     buffers->receive, COUNT, MPI_INT64_T,
		     (rank + ranks - 1) % ranks, 1, MPI_COMM_WORLD,
		     MPI_STATUS_IGNORE);
}

typedef void (*operation_fn)(const struct buffers *buffers);

static void do_host(operation_fn operation)
{
	operation(&host);
}

static void do_direct(operation_fn operation)
{
	operation(&device);
}

static void do_staged(operation_fn operation)
{
	memcpy(host.send, device.send, MIB);
	operation(&host);
	memcpy(device.receive, host.receive, MIB);
}

/* MiB of results a second. */
static double rate(void (*way)(operation_fn), operation_fn operation)
{
	double start;

	MPI_Barrier(MPI_COMM_WORLD);
	start = seconds();
	for (int i = 0; i < CALLS; i++)
		way(operation);
	MPI_Barrier(MPI_COMM_WORLD);
	return CALLS / (seconds() - start);
}

static void bench(const char *name, operation_fn operation,
		  void (*other)(operation_fn), unsigned int rounds)
{
	static struct series series = { .unit = "MiB/s" };

	series.name = name;
	series.rounds = rounds;
	/* Connections and registrations are made once. */
	rate(do_direct, operation);
	rate(other, operation);
	SERIES_MEASURE(&series, rate(do_direct, operation),
		       rate(other, operation));
	if (!rank)
		series_print(&series);
}

static int64_t *in_window(struct peermr_window *window)
{
	struct peermr_buffer_attr attr = { .length = MIB };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);
	int64_t *memory = buffer ? peermr_buffer_map(buffer) : NULL;

	if (!memory)
		die("no memory of the window: %s", strerror(errno));
	return memory;
}

static int64_t *in_host_memory(void)
{
	int64_t *memory = aligned_alloc(MIB, MIB);

	if (!memory)
		die("no memory");
	return memory;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc == 3 ? strtoul(argv[2], NULL, 0) : 0;
	struct peermr_window *window;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		die("usage: bench_mpi WINDOW ROUNDS (1 to %d)", MAX_ROUNDS);
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	window = peermr_window_open(argv[1]);
	if (!window)
		die("%s: %s", argv[1], strerror(errno));
	device = (struct buffers){ in_window(window), in_window(window) };
	host = (struct buffers){ in_host_memory(), in_host_memory() };
	for (size_t i = 0; i < COUNT; i++) {
		host.send[i] = (int64_t)i + rank;
		device.send[i] = (int64_t)i + rank;
	}

	bench("MPI_Allreduce 1 MiB", allreduce, do_host, rounds);
	bench("MPI_Sendrecv 1 MiB", sendrecv, do_host, rounds);
	bench("MPI_Allreduce 1 MiB", allreduce, do_staged, rounds);
	bench("MPI_Sendrecv 1 MiB", sendrecv, do_staged, rounds);

	memset(host.receive, 0, MIB);
	memset(device.receive, 0, MIB);
	allreduce(&host);
	allreduce(&device);
	if (memcmp(host.receive, device.receive, MIB))
		die("the window has not received what host memory has");
	MPI_Finalize();
	return 0;
}
