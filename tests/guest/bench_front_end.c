// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a front end costs where it has nothing to do: registration and
 * deregistration of 4 KiB of host memory, in two processes that take turns, one
 * of them started through the front end.
 * usage: bench_front_end DEVICE ROUNDS FRONT_END...
 *
 * FRONT_END is the start of a command, such as "peermr run --". DEVICE is an RDMA
 * device, or the path of libfake_verbs.so. Prints one line as bench_reg does: name,
 * unit, then median, lowest and highest with, without, and of the ratio.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <infiniband/verbs.h>

#include "fake_verbs/fake_verbs.h"

#define BYTES 4096UL
#define MAX_ROUNDS 9999
#define MAX_WORDS 64
/* Long enough for the clock, and short enough to be rarely interrupted. */
#define BATCH_SECONDS 0.002

/* A process that measures a batch when it is told how large it is to be. */
struct worker {
	pid_t pid;
	int orders, answers;
};

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fputs("bench_front_end: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* --- in a worker --- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

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

static struct ibv_pd *open_pd(const char *name)
{
	struct ibv_context *context = NULL;
	struct ibv_device **devices;
	struct ibv_pd *pd;
	int i;

	if (strchr(name, '/')) {
		context = fake_context(name);
	} else {
		devices = ibv_get_device_list(NULL);
		for (i = 0; devices && devices[i]; i++)
			if (!strcmp(ibv_get_device_name(devices[i]), name))
				context = ibv_open_device(devices[i]);
	}
	if (!context)
		die("cannot open RDMA device %s; see ibv_devices", name);
	pd = ibv_alloc_pd(context);
	if (!pd)
		die("%s: ibv_alloc_pd: %s", name, strerror(errno));
	return pd;
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
	struct ibv_pd *pd = open_pd(device);
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

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_spread(const double *values, unsigned int count)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	printf("\t%.6g\t%.6g\t%.6g",
	       (sorted[(count - 1) / 2] + sorted[count / 2]) / 2, sorted[0],
	       sorted[count - 1]);
}

static void bench(struct worker *with, struct worker *without,
		  unsigned int rounds)
{
	static double us[2][MAX_ROUNDS], ratio[MAX_ROUNDS];
	unsigned long count = 100;
	unsigned int i;
	double elapsed;

	worker_measure(with, count);
	elapsed = worker_measure(without, count);
	count = (unsigned long)(count * BATCH_SECONDS / elapsed) + 1;
	for (i = 0; i < rounds; i++) {
		/* Whoever comes second has a warmer machine. */
		if (i & 1)
			us[1][i] = worker_measure(without, count);
		us[0][i] = worker_measure(with, count);
		if (!(i & 1))
			us[1][i] = worker_measure(without, count);
		ratio[i] = us[0][i] / us[1][i];
		us[0][i] *= 1e6 / count;
		us[1][i] *= 1e6 / count;
	}
	printf("reg + dereg of 4 KiB\tus");
	print_spread(us[0], rounds);
	print_spread(us[1], rounds);
	print_spread(ratio, rounds);
	putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	char *words[MAX_WORDS + 4] = { NULL }, **self = words + MAX_WORDS;
	struct worker with, without;
	int prefix = argc - 3;

	if (argc == 3 && !strcmp(argv[1], "--work"))
		return work(argv[2]);
	if (!rounds || rounds > MAX_ROUNDS || prefix > MAX_WORDS)
		die("usage: bench_front_end DEVICE ROUNDS FRONT_END... (1 to %d rounds)",
		    MAX_ROUNDS);
	self[0] = realpath("/proc/self/exe", NULL);
	self[1] = "--work";
	self[2] = argv[1];
	memcpy(self - prefix, argv + 3, prefix * sizeof(*argv));
	worker_start(&without, self);
	worker_start(&with, self - prefix);
	bench(&with, &without, rounds);
	worker_end(&with);
	worker_end(&without);
	return 0;
}
