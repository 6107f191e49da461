// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench_dmabuf WINDOW RDMA-DEVICE ROUNDS: what registering a large buffer as a
 * dma-buf costs, against a small one. Prints a line for each measurement, see
 * bench.h.
 */
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <infiniband/verbs.h>
#include <linux/peermr.h>
#include <peermr.h>

#include "bench.h"

#define LARGE_BYTES	(1UL << 30)
#define SMALL_BYTES	(2UL << 20)
/* One is too short to be measured. */
#define REGISTRATIONS	50

static int export(struct peermr_window *window, size_t length)
{
	struct peermr_buffer_attr attr = { .length = length };
	struct peermr_export request = { .size = sizeof(request) };
	struct peermr_buffer *buffer = peermr_buffer_alloc(window, &attr);
	struct peermr_buffer_info info;

	if (!buffer)
		die("cannot allocate %zu bytes of the window: %s; give the guest a larger --bar-size",
		    length, strerror(errno));
	peermr_buffer_query(buffer, &info);
	request.mmap_offset = info.mmap_offset;
	if (ioctl(peermr_window_fd(window), PEERMR_IOC_EXPORT, &request))
		die("cannot export a buffer: %s", strerror(errno));
	return request.fd;
}

/* Mean times of one registration and of one deregistration. */
static void register_some(struct ibv_pd *pd, int fd, size_t length,
			  double *reg_us, double *dereg_us)
{
	struct ibv_mr *mrs[REGISTRATIONS];
	double start = seconds(), registered;
	int i;

	for (i = 0; i < REGISTRATIONS; i++) {
		mrs[i] = ibv_reg_dmabuf_mr(pd, 0, length, 0, fd,
					   IBV_ACCESS_LOCAL_WRITE |
					   IBV_ACCESS_REMOTE_WRITE);
		if (!mrs[i])
			die("ibv_reg_dmabuf_mr of %zu bytes: %s", length,
			    strerror(errno));
	}
	registered = seconds();
	for (i = 0; i < REGISTRATIONS; i++)
		if (ibv_dereg_mr(mrs[i]))
			die("ibv_dereg_mr: %s", strerror(errno));
	*reg_us = (registered - start) / REGISTRATIONS * 1e6;
	*dereg_us = (seconds() - registered) / REGISTRATIONS * 1e6;
}

int main(int argc, char **argv)
{
	static struct series reg = { .name = "ibv_reg_dmabuf_mr", .unit = "us" };
	static struct series dereg = { .name = "ibv_dereg_mr of it", .unit = "us" };
	struct peermr_window *window;
	struct ibv_pd *pd;
	double warm_up;
	int large, small;
	unsigned int i;

	reg.rounds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (!reg.rounds || reg.rounds > MAX_ROUNDS)
		die("usage: bench_dmabuf WINDOW RDMA-DEVICE ROUNDS (1 to %d)",
		    MAX_ROUNDS);
	dereg.rounds = reg.rounds;
	window = peermr_window_open(argv[1]);
	if (!window)
		die("cannot open window %s: %s", argv[1], strerror(errno));
	pd = open_pd(argv[2]);
	large = export(window, LARGE_BYTES);
	small = export(window, SMALL_BYTES);
	register_some(pd, large, LARGE_BYTES, &warm_up, &warm_up);
	register_some(pd, small, SMALL_BYTES, &warm_up, &warm_up);
	for (i = 0; i < reg.rounds; i++) {
		register_some(pd, large, LARGE_BYTES, &reg.device[i],
			      &dereg.device[i]);
		register_some(pd, small, SMALL_BYTES, &reg.host[i],
			      &dereg.host[i]);
	}
	series_print(&reg);
	series_print(&dereg);
	close(large);
	close(small);
	peermr_window_close(window);
	return 0;
}
