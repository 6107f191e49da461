/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the benchmarks are written with: two things measured in turns, so that a
 * slow moment of the machine hits both, and the line for each measurement that
 * tests/bench/run makes a row of a table of.
 */
#ifndef PEERMR_BENCH_H
#define PEERMR_BENCH_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <infiniband/verbs.h>

#ifndef MAX_ROUNDS
#define MAX_ROUNDS	99
#endif

/**
 * struct series - what was measured
 * @name: name of the row
 * @unit: of all values
 * @rounds: how many turns
 * @device: the values of device memory, or of whatever is in question
 * @host: the values of what it is compared with
 */
struct series {
	const char *name;
	const char *unit;
	unsigned int rounds;
	double device[MAX_ROUNDS];
	double host[MAX_ROUNDS];
};

static inline void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static inline struct ibv_pd *alloc_pd(struct ibv_context *context,
				      const char *name)
{
	struct ibv_pd *pd = ibv_alloc_pd(context);

	if (!pd)
		die("%s: ibv_alloc_pd: %s", name, strerror(errno));
	return pd;
}

static inline struct ibv_pd *open_pd(const char *name)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;

	for (int i = 0; devices && devices[i]; i++)
		if (!strcmp(ibv_get_device_name(devices[i]), name))
			context = ibv_open_device(devices[i]);
	if (!context)
		die("cannot open RDMA device %s; see ibv_devices", name);
	ibv_free_device_list(devices);
	return alloc_pd(context, name);
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * As many turns as @results has rounds of two expressions. Who is first changes with
 * each: whoever comes second has a warmer machine.
 */
#define SERIES_MEASURE(results, device_value, host_value)                      \
	do {                                                                   \
		struct series *series_ = (results);                            \
		unsigned int i_;                                               \
									       \
		for (i_ = 0; i_ < series_->rounds; i_++) {                     \
			if (i_ % 2)                                            \
				series_->device[i_] = (device_value);          \
			series_->host[i_] = (host_value);                      \
			if (!(i_ % 2))                                         \
				series_->device[i_] = (device_value);          \
		}                                                              \
	} while (0)

static inline int series_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of @count @values, which it sorts. */
static inline double series_median(double *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), series_compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static inline void series_print_spread(const double *values, unsigned int count)
{
	double sorted[MAX_ROUNDS], median;

	memcpy(sorted, values, count * sizeof(*values));
	median = series_median(sorted, count);
	printf("\t%.6g\t%.6g\t%.6g", median, sorted[0], sorted[count - 1]);
}

/*
 * Name, unit, then median, lowest and highest of both, and of the ratio of each
 * turn; separated by tabs.
 */
static inline void series_print(const struct series *series)
{
	double ratio[MAX_ROUNDS] = { 0 };

	for (unsigned int i = 0; i < series->rounds; i++)
		ratio[i] = series->device[i] / series->host[i];
	printf("%s\t%s", series->name, series->unit);
	series_print_spread(series->device, series->rounds);
	series_print_spread(series->host, series->rounds);
	series_print_spread(ratio, series->rounds);
	putchar('\n');
	fflush(stdout);
}

#endif /* PEERMR_BENCH_H */
