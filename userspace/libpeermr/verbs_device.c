// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Which NICs take dma-bufs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "verbs_abi.h"
#include "verbs_device.h"

/* More devices than this are asked again now and then. */
#define DEVICES 32

struct peermr_verbs_device {
	const struct peermr_abi_device *device;
	char name[PEERMR_ABI_DEVICE_NAME_LEN];
	bool takes_dmabuf;
};

/* Under the lock; a device without a name is an empty place. */
static struct peermr_verbs_device devices[DEVICES];
static unsigned int next_place;

const char *peermr_verbs_device_name(const struct ibv_pd *pd)
{
	return peermr_abi_pd_context(pd)->device->name;
}

/*
 * No descriptor is -1: whoever looks at it says EBADF. EPROTONOSUPPORT comes
 * from kernels before 5.12, which do not know the request.
 */
static bool peermr_verbs_device_ask(struct ibv_pd *pd,
				    peermr_reg_dmabuf_fn reg_dmabuf)
{
	if (reg_dmabuf(pd, 0, 4096, 0, -1, PEERMR_ABI_ACCESS_LOCAL_WRITE))
		return true;
	return errno != EOPNOTSUPP && errno != EPROTONOSUPPORT;
}

static const struct peermr_verbs_device *
peermr_verbs_device_find(const struct peermr_abi_device *device)
{
	int i;

	for (i = 0; i < DEVICES; i++)
		if (devices[i].device == device &&
		    !strcmp(devices[i].name, device->name))
			return &devices[i];
	return NULL;
}

bool peermr_verbs_device_takes_dmabuf(struct ibv_pd *pd,
				      peermr_reg_dmabuf_fn reg_dmabuf)
{
	const struct peermr_abi_device *device =
		peermr_abi_pd_context(pd)->device;
	const struct peermr_verbs_device *known;
	struct peermr_verbs_device *place;
	bool takes_dmabuf = false;

	peermr_lock();
	known = peermr_verbs_device_find(device);
	if (known)
		takes_dmabuf = known->takes_dmabuf;
	peermr_unlock();
	if (known)
		return takes_dmabuf;

	takes_dmabuf = peermr_verbs_device_ask(pd, reg_dmabuf);
	peermr_lock();
	if (!peermr_verbs_device_find(device)) {
		place = &devices[next_place++ % DEVICES];
		place->device = device;
		snprintf(place->name, sizeof(place->name), "%s", device->name);
		place->takes_dmabuf = takes_dmabuf;
	}
	peermr_unlock();
	return takes_dmabuf;
}
