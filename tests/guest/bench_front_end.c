// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a front end costs where it has nothing to do: registration and
 * deregistration of 4 KiB of host memory, in two processes that take turns, one
 * of them started through the front end. Two others come after each TURNS turns:
 * where the kernel puts a process's code and memory is worth a few per cent.
 * usage: bench_front_end DEVICE PAIRS FRONT_END...
 *
 * FRONT_END is the start of a command, such as "peermr run --". DEVICE is an RDMA
 * device, or the path of libfake_verbs.so. Prints one line, see bench.h, of with and
 * without.
 */
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <infiniband/verbs.h>

#define MAX_ROUNDS 999
#include "bench.h"
#include "fake_verbs/fake_verbs.h"

#define BYTES 4096UL
#define MAX_WORDS 64
#define TURNS 25
/* Long enough for the clock, and short enough to be rarely interrupted. */
#define BATCH_SECONDS 0.002

/* A process that measures a batch when it is told how large it is to be. */
struct worker {
	pid_t pid;
	int orders, answers;
};

/* --- in a worker --- */

static struct ibv_context *fake_context(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	fake_verbs_open_fn open_fake;
	struct fake_verbs *fake;

	if (!library)
		die("%s", dlerror());
	open_fake = (fake_verbs_open_fn)dlsym(library, FAKE_VERBS_OPEN);
	fake = open_fake ? open_fake() : NULL;
	if (!fake)
		die("%s: no fake device: %s", path, strerror(errno));
	return fake->context;
}

/* Seconds for @count registrations and deregistrations. */
static double batch(struct ibv_pd *pd, void *memory, unsigned long count)
{
	double start = seconds();
	unsigned long i;

	for (i = 0; i < count; i++) {
		struct ibv_mr *mr = ibv_reg_mr(pd, memory, BYTES,
					       IBV_ACCESS_LOCAL_WRITE);

		if (!mr || ibv_dereg_mr(mr))
			die("registration of host memory: %s", strerror(errno));
	}
	return seconds() - start;
}

static int work(const char *device)
{
	struct ibv_pd *pd = strchr(device, '/') ?
		alloc_pd(fake_context(device), device) : open_pd(device);
	unsigned long count;
	double elapsed;
	void *memory;

	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	while (read(STDIN_FILENO, &count, sizeof(count)) == sizeof(count)) {
		elapsed = batch(pd, memory, count);
		if (write(STDOUT_FILENO, &elapsed, sizeof(elapsed)) !=
		    sizeof(elapsed))
			return 1;
	}
	return 0;
}

/* --- in the bench --- */

static void worker_start(struct worker *worker, char *const *argv)
{
	int orders[2], answers[2];

	if (pipe(orders) || pipe(answers))
		die("pipe: %s", strerror(errno));
	worker->pid = fork();
	if (worker->pid < 0)
		die("fork: %s", strerror(errno));
	if (!worker->pid) {
		dup2(orders[0], STDIN_FILENO);
		dup2(answers[1], STDOUT_FILENO);
		close(orders[1]);
		close(answers[0]);
		execvp(argv[0], argv);
		die("%s: %s", argv[0], strerror(errno));
	}
	close(orders[0]);
	close(answers[1]);
	worker->orders = orders[1];
	worker->answers = answers[0];
}

static double worker_measure(const struct worker *worker, unsigned long count)
{
	double elapsed;

	if (write(worker->orders, &count, sizeof(count)) != sizeof(count) ||
	    read(worker->answers, &elapsed, sizeof(elapsed)) != sizeof(elapsed))
		die("a worker ended; its message is above");
	return elapsed;
}

static void worker_end(struct worker *worker)
{
	close(worker->orders);
	close(worker->answers);
	waitpid(worker->pid, NULL, 0);
}

/* The medians of a pair's turns, in microseconds. */
static void bench_pair(const struct worker *with, const struct worker *without,
		       double *us_with, double *us_without)
{
	static struct series turns = { .rounds = TURNS };
	unsigned long count = 100;
	double elapsed;

	worker_measure(with, count);
	elapsed = worker_measure(without, count);
	count = (unsigned long)(count * BATCH_SECONDS / elapsed) + 1;
	SERIES_MEASURE(&turns, worker_measure(with, count),
		       worker_measure(without, count));
	*us_with = series_median(turns.device, TURNS) * 1e6 / count;
	*us_without = series_median(turns.host, TURNS) * 1e6 / count;
}

int main(int argc, char **argv)
{
	static struct series series = {
		.name = "reg + dereg of 4 KiB",
		.unit = "us",
	};
	unsigned int pairs = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	char *words[MAX_WORDS + 4] = { NULL }, **self = words + MAX_WORDS;
	struct worker with, without;
	int prefix = argc - 3;

	if (argc == 3 && !strcmp(argv[1], "--work"))
		return work(argv[2]);
	if (!pairs || pairs > MAX_ROUNDS || prefix > MAX_WORDS)
		die("usage: bench_front_end DEVICE PAIRS FRONT_END... (1 to %d pairs)",
		    MAX_ROUNDS);
	self[0] = realpath("/proc/self/exe", NULL);
	self[1] = "--work";
	self[2] = argv[1];
	memcpy(self - prefix, argv + 3, prefix * sizeof(*argv));
	for (; series.rounds < pairs; series.rounds++) {
		worker_start(&without, self);
		worker_start(&with, self - prefix);
		bench_pair(&with, &without, &series.device[series.rounds],
			   &series.host[series.rounds]);
		worker_end(&with);
		worker_end(&without);
	}
	series_print(&series);
	return 0;
}
