// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * MPI on buffers in the memory of a PCIe device: point to point, Bcast,
 * Allgather, Alltoall, Allreduce and Reduce_scatter, every result checked. MPI is
 * given the pointers as any others.
 *
 *	mpicc mpi_collectives.c $(pkg-config --cflags --libs libpeermr)
 *	mpirun -n 4 ./a.out [-n BYTES] [-w WINDOW] [-f FILE]
 *
 * BYTES is what each rank sends, 64 KiB if not given. With -f rank 0 broadcasts
 * FILE from host memory into the windows of the others, and they keep it until
 * standard input ends. peermr(7) has the settings that Open MPI and UCX need.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>
#include <peermr.h>

struct job {
	int rank;
	int ranks;
	size_t count;		/* numbers that each rank sends */
	int64_t *send;		/* in the window: count */
	int64_t *receive;	/* in the window: count for each rank */
};

struct collective {
	const char *name;
	void (*run)(struct job *job);
	/* What @run leaves in receive[i], and how many numbers it leaves. */
	int64_t (*expected)(const struct job *job, size_t i);
	size_t (*received)(const struct job *job);
};

static void die(const char *what)
{
	fprintf(stderr, "mpi_collectives: %s: %s\n", what, strerror(errno));
	MPI_Abort(MPI_COMM_WORLD, 1);
	exit(1);
}

/* Number @i of what @rank sends. */
static int64_t number(int rank, size_t i)
{
	return (int64_t)rank * 1000003 + (int64_t)i * 7 + 1;
}

static int previous(const struct job *job)
{
	return (job->rank + job->ranks - 1) % job->ranks;
}

static void run_ring(struct job *job)
{
	MPI_Sendrecv(job->send, job->count, MPI_INT64_T,
		     (job->rank + 1) % job->ranks, 1, job->receive, job->count,
		     MPI_INT64_T, previous(job), 1, MPI_COMM_WORLD,
		     MPI_STATUS_IGNORE);
}

static int64_t expect_ring(const struct job *job, size_t i)
{
	return number(previous(job), i);
}

/* The last rank's. */
static void run_bcast(struct job *job)
{
	if (job->rank == job->ranks - 1)
		memcpy(job->receive, job->send, job->count * sizeof(int64_t));
	MPI_Bcast(job->receive, job->count, MPI_INT64_T, job->ranks - 1,
		  MPI_COMM_WORLD);
}

static int64_t expect_bcast(const struct job *job, size_t i)
{
	return number(job->ranks - 1, i);
}

static void run_allgather(struct job *job)
{
	MPI_Allgather(job->send, job->count, MPI_INT64_T, job->receive,
		      job->count, MPI_INT64_T, MPI_COMM_WORLD);
}

static int64_t expect_allgather(const struct job *job, size_t i)
{
	return number(i / job->count, i % job->count);
}

static void run_alltoall(struct job *job)
{
	size_t part = job->count / job->ranks;

	MPI_Alltoall(job->send, part, MPI_INT64_T, job->receive, part,
		     MPI_INT64_T, MPI_COMM_WORLD);
}

static int64_t expect_alltoall(const struct job *job, size_t i)
{
	size_t part = job->count / job->ranks;

	return number(i / part, job->rank * part + i % part);
}

static int64_t sum(const struct job *job, size_t i)
{
	int64_t total = 0;
	int rank;

	for (rank = 0; rank < job->ranks; rank++)
		total += number(rank, i);
	return total;
}

static void run_allreduce(struct job *job)
{
	MPI_Allreduce(job->send, job->receive, job->count, MPI_INT64_T, MPI_SUM,
		      MPI_COMM_WORLD);
}

static void run_reduce_scatter(struct job *job)
{
	MPI_Reduce_scatter_block(job->send, job->receive,
				 job->count / job->ranks, MPI_INT64_T, MPI_SUM,
				 MPI_COMM_WORLD);
}

static int64_t expect_reduce_scatter(const struct job *job, size_t i)
{
	return sum(job, job->rank * (job->count / job->ranks) + i);
}

static size_t receive_one(const struct job *job)
{
	return job->count;
}

static size_t receive_all(const struct job *job)
{
	return job->count * job->ranks;
}

static size_t receive_part(const struct job *job)
{
	return job->count / job->ranks;
}

static const struct collective collectives[] = {
	{ "Sendrecv", run_ring, expect_ring, receive_one },
	{ "Bcast", run_bcast, expect_bcast, receive_one },
	{ "Allgather", run_allgather, expect_allgather, receive_all },
	{ "Alltoall", run_alltoall, expect_alltoall, receive_one },
	{ "Allreduce", run_allreduce, sum, receive_one },
	{ "Reduce_scatter", run_reduce_scatter, expect_reduce_scatter,
	  receive_part },
};

/* How many numbers are wrong, on all ranks. */
static long run_collective(struct job *job, const struct collective *collective)
{
	long wrong = 0, wrong_anywhere = 0;
	size_t i;

	for (i = 0; i < job->count; i++)
		job->send[i] = number(job->rank, i);
	memset(job->receive, 0xff, receive_all(job) * sizeof(int64_t));
	MPI_Barrier(MPI_COMM_WORLD);
	collective->run(job);
	for (i = 0; i < collective->received(job); i++)
		wrong += job->receive[i] != collective->expected(job, i);
	MPI_Allreduce(&wrong, &wrong_anywhere, 1, MPI_LONG, MPI_SUM,
		      MPI_COMM_WORLD);
	return wrong_anywhere;
}

static void broadcast_file(struct job *job, const char *name)
{
	size_t room = receive_all(job) * sizeof(int64_t);
	void *content = job->receive;
	size_t length = 0;
	FILE *file;
	char c;

	if (!job->rank) {
		content = malloc(room);
		file = fopen(name, "r");
		if (!content || !file)
			die(name);
		length = fread(content, 1, room, file);
		fclose(file);
	}
	MPI_Bcast(&length, sizeof(length), MPI_BYTE, 0, MPI_COMM_WORLD);
	MPI_Bcast(content, length, MPI_BYTE, 0, MPI_COMM_WORLD);
	MPI_Barrier(MPI_COMM_WORLD);
	if (!job->rank) {
		free(content);
		printf("%zu bytes are there\n", length);
		fflush(stdout);
		while (read(STDIN_FILENO, &c, 1) > 0)
			;
	}
	MPI_Barrier(MPI_COMM_WORLD);
}

static struct peermr_buffer *new_buffer(struct peermr_window *window,
					size_t length, int64_t **address)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);

	if (!buffer)
		die("cannot allocate in the window");
	*address = peermr_buffer_map(buffer);
	if (!*address)
		die("cannot map the buffer");
	return buffer;
}

int main(int argc, char **argv)
{
	const char *window_name = NULL, *file = NULL;
	struct peermr_buffer *send, *receive;
	struct peermr_window *window;
	size_t i, bytes = 65536;
	struct job job = { 0 };
	bool failed = false;
	int option;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &job.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &job.ranks);
	while ((option = getopt(argc, argv, "n:w:f:")) != -1) {
		switch (option) {
		case 'n':
			bytes = strtoul(optarg, NULL, 0);
			break;
		case 'w':
			window_name = optarg;
			break;
		case 'f':
			file = optarg;
			break;
		default:
			MPI_Abort(MPI_COMM_WORLD, 2);
		}
	}
	/* Each rank gets the same share, and MPI counts with int. */
	job.count = bytes / sizeof(int64_t) / job.ranks * job.ranks;
	if (!job.count || job.count > INT32_MAX / (size_t)job.ranks) {
		errno = ERANGE;
		die("BYTES");
	}

	window = peermr_window_open(window_name);
	if (!window)
		die("cannot open the window");
	send = new_buffer(window, job.count * sizeof(int64_t), &job.send);
	receive = new_buffer(window, receive_all(&job) * sizeof(int64_t),
			     &job.receive);

	for (i = 0; i < sizeof(collectives) / sizeof(collectives[0]); i++) {
		long wrong = run_collective(&job, &collectives[i]);

		failed |= wrong != 0;
		if (!job.rank)
			printf("%s: %zu bytes on %d ranks: %ld wrong\n",
			       collectives[i].name, job.count * sizeof(int64_t),
			       job.ranks, wrong);
	}
	if (file)
		broadcast_file(&job, file);

	/* MPI may hold registrations of them until it ends. */
	MPI_Finalize();
	peermr_buffer_free(receive);
	peermr_buffer_free(send);
	peermr_window_close(window);
	return failed;
}
