// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What an RDMA device does with memory, found out by trying. */
#include <dlfcn.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <peermr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"
#include "uverbs.h"

#define PROBE_ACCESS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ)

struct probe {
	struct ibv_context *context;
	struct ibv_pd *pd;
};

void probe_prepare(void)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);

	if (devices)
		ibv_free_device_list(devices);
}

/*
 * When libibverbs may not open the node it looks for it elsewhere, and ends
 * with ENOENT.
 */
static int probe_open_error(const struct nic *nic, int err)
{
	char path[NIC_NAME_LEN + sizeof("/dev/infiniband/")];

	snprintf(path, sizeof(path), "/dev/infiniband/%s", nic->uverbs);
	if (*nic->uverbs && access(path, R_OK | W_OK) && errno == EACCES)
		return EACCES;
	return err;
}

static struct ibv_context *probe_context(const char *name)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;
	int err = ENODEV;

	for (int i = 0; devices && devices[i]; i++) {
		if (strcmp(ibv_get_device_name(devices[i]), name))
			continue;
		context = ibv_open_device(devices[i]);
		err = errno;
	}
	if (devices)
		ibv_free_device_list(devices);
	errno = err;
	return context;
}

/* The operations that verbs.h calls directly are the provider's own. */
static void probe_library(const struct ibv_context *context,
			  char name[PROBE_LIBRARY_LEN])
{
	union {
		int (*function)(struct ibv_cq *cq, int count, struct ibv_wc *wc);
		void *address;
	} poll = { .function = context->ops.poll_cq };
	const char *base;
	Dl_info info;

	name[0] = '\0';
	if (!dladdr(poll.address, &info) || !info.dli_fname)
		return;
	base = strrchr(info.dli_fname, '/');
	base = base ? base + 1 : info.dli_fname;
	if (strlen(base) < PROBE_LIBRARY_LEN)
		strcpy(name, base);
}

/* No dma-buf has this number: whoever looks at it says EBADF. */
static int probe_provider(struct ibv_pd *pd)
{
	struct ibv_mr *mr = ibv_reg_dmabuf_mr(pd, 0, 4096, 0, -1,
					      IBV_ACCESS_LOCAL_WRITE);

	if (!mr)
		return -errno;
	ibv_dereg_mr(mr);
	return 0;
}

struct probe *probe_open(const struct nic *nic, struct nic_probe *result)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	*result = (struct nic_probe){
		.opened = -ENOMEM,
		.kernel = PROBE_NOT_TRIED,
		.provider = PROBE_NOT_TRIED,
	};
	if (!probe)
		return NULL;
	probe->context = probe_context(nic->name);
	if (!probe->context)
		goto err_free;
	probe_library(probe->context, result->library);
	probe->pd = ibv_alloc_pd(probe->context);
	if (!probe->pd)
		goto err_close;
	result->opened = 0;
	result->kernel = uverbs_probe_dmabuf(probe->context->cmd_fd,
					     probe->pd->handle);
	result->provider = probe_provider(probe->pd);
	return probe;

err_close:
	result->opened = -errno;
	ibv_close_device(probe->context);
	free(probe);
	return NULL;
err_free:
	result->opened = -probe_open_error(nic, errno);
	free(probe);
	return NULL;
}

void probe_close(struct probe *probe)
{
	if (!probe)
		return;
	ibv_dealloc_pd(probe->pd);
	ibv_close_device(probe->context);
	free(probe);
}

/* Whether the kernel holds pages of the buffer at @placement. */
static bool probe_pinned(int fd, uint64_t placement)
{
	struct peermr_holder *holders;
	bool pinned = false;
	int count = holder_list(fd, &holders);

	for (int i = 0; i < count; i++)
		if (holders[i].placement == placement)
			pinned = holders[i].pinned;
	if (count >= 0)
		free(holders);
	return pinned;
}

static void probe_plain(struct probe *probe, struct peermr_window *window,
			struct peermr_buffer *buffer,
			struct window_probe *result)
{
	struct peermr_buffer_info info;
	struct ibv_mr *mr;

	peermr_buffer_query(buffer, &info);
	mr = ibv_reg_mr(probe->pd, peermr_buffer_map(buffer), info.length,
			PROBE_ACCESS);
	if (!mr) {
		result->plain = -errno;
		return;
	}
	result->plain = 0;
	result->pinned = probe_pinned(peermr_window_fd(window), info.placement);
	ibv_dereg_mr(mr);
}

static void probe_dmabuf(struct probe *probe, struct peermr_buffer *buffer,
			 struct window_probe *result)
{
	struct peermr_buffer_info info;
	struct ibv_mr *mr;
	int fd;

	fd = peermr_buffer_export(buffer);
	if (fd < 0) {
		result->exported = fd;
		return;
	}
	result->exported = 0;
	peermr_buffer_query(buffer, &info);
	mr = ibv_reg_dmabuf_mr(probe->pd, 0, info.length, 0, fd, PROBE_ACCESS);
	result->dmabuf = mr ? 0 : -errno;
	if (mr)
		ibv_dereg_mr(mr);
	close(fd);
}

void probe_window(struct probe *probe, const struct window *window,
		  struct window_probe *result)
{
	const struct peermr_buffer_attr attributes = {
		.length = window->granule,
	};
	struct peermr_window *opened;
	struct peermr_buffer *buffer;

	*result = (struct window_probe){
		.opened = PROBE_NOT_TRIED,
		.allocated = PROBE_NOT_TRIED,
		.plain = PROBE_NOT_TRIED,
		.exported = PROBE_NOT_TRIED,
		.dmabuf = PROBE_NOT_TRIED,
	};
	opened = peermr_window_open(window->name);
	if (!opened) {
		result->opened = -errno;
		return;
	}
	result->opened = 0;
	buffer = peermr_buffer_alloc(opened, &attributes);
	if (buffer && peermr_buffer_map(buffer))
		result->allocated = 0;
	else
		result->allocated = -errno;
	if (probe && !result->allocated) {
		probe_plain(probe, opened, buffer, result);
		probe_dmabuf(probe, buffer, result);
	}
	peermr_buffer_free(buffer);
	peermr_window_close(opened);
}
