// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Choose an RDMA device, one of its ports and a GID. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdma.h"
#include "tool.h"

static bool rdma_is_hardware(const struct ibv_device *device)
{
	char path[IBV_SYSFS_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/device", device->ibdev_path);
	if (access(path, F_OK))
		return false;
	/* Soft-RoCE names its network interface there; nobody else does. */
	snprintf(path, sizeof(path), "%s/parent", device->ibdev_path);
	return access(path, F_OK) != 0;
}

static int rdma_device_open(struct rdma_link *link, struct ibv_device *device)
{
	snprintf(link->name, sizeof(link->name), "%s",
		 ibv_get_device_name(device));
	link->hardware = rdma_is_hardware(device);
	if (device->transport_type == IBV_TRANSPORT_IWARP) {
		complain(link->name, "iWARP connects through its own connection manager only; choose an InfiniBand or RoCE device with --rdma-device");
		return -1;
	}
	link->context = ibv_open_device(device);
	if (link->context)
		return 0;
	if (errno == EACCES || errno == EPERM)
		complain(link->name, "no permission to open /dev/infiniband/%s; run as root, or join the group that owns it",
			 device->dev_name);
	else
		complain(link->name, "cannot be opened: %m; is the module ib_uverbs loaded?");
	return -1;
}

/* The first active port: 0, or -1 if none is. Says nothing. */
static int rdma_port_find(struct rdma_link *link)
{
	struct ibv_device_attr device;

	if (ibv_query_device(link->context, &device))
		return -1;
	for (int port = 1; port <= device.phys_port_cnt; port++) {
		if (ibv_query_port(link->context, (uint8_t)port,
				   &link->attributes) ||
		    link->attributes.state != IBV_PORT_ACTIVE)
			continue;
		link->port = (uint8_t)port;
		return 0;
	}
	return -1;
}

static int rdma_port_check(struct rdma_link *link, int port)
{
	if (ibv_query_port(link->context, (uint8_t)port, &link->attributes)) {
		complain(link->name, "has no port %d; 'ibv_devinfo' shows its ports",
			 port);
		return -1;
	}
	if (link->attributes.state != IBV_PORT_ACTIVE) {
		complain(link->name, "port %d is down (%s); bring its link or network interface up",
			 port, ibv_port_state_str(link->attributes.state));
		return -1;
	}
	link->port = (uint8_t)port;
	return 0;
}

static bool gid_is_ipv4(const union ibv_gid *gid)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(gid->raw, prefix, sizeof(prefix));
}

static bool gid_is_link_local(const union ibv_gid *gid)
{
	return gid->raw[0] == 0xfe && (gid->raw[1] & 0xc0) == 0x80;
}

/* RoCE v2 before v1, and an address that is routed before a link-local one. */
static int gid_rank(const struct ibv_gid_entry *entry)
{
	int rank = entry->gid_type == IBV_GID_TYPE_ROCE_V2 ? 4 : 1;

	if (gid_is_ipv4(&entry->gid))
		return rank + 2;
	return gid_is_link_local(&entry->gid) ? rank : rank + 1;
}

static int rdma_gid_find(struct rdma_link *link)
{
	struct ibv_gid_entry *entries;
	ssize_t count;
	int best = 0;

	entries = calloc((size_t)link->attributes.gid_tbl_len + 1,
			 sizeof(*entries));
	if (!entries) {
		complain(link->name, "out of memory");
		return -1;
	}
	count = ibv_query_gid_table(link->context, entries,
				    (size_t)link->attributes.gid_tbl_len, 0);
	for (ssize_t i = 0; i < count; i++) {
		if (entries[i].port_num != link->port ||
		    gid_rank(&entries[i]) <= best)
			continue;
		best = gid_rank(&entries[i]);
		link->gid_index = (int)entries[i].gid_index;
		link->gid = entries[i].gid;
	}
	free(entries);
	if (best)
		return 0;
	complain(link->name, "port %u has no GID; give its network interface an address",
		 link->port);
	return -1;
}

static int rdma_gid_choose(struct rdma_link *link, int gid_index)
{
	static const union ibv_gid unused;

	if (gid_index != RDMA_ANY) {
		/* An index that is not in use reads as zeroes. */
		if (ibv_query_gid(link->context, link->port, gid_index,
				  &link->gid) ||
		    !memcmp(&link->gid, &unused, sizeof(unused))) {
			complain(link->name, "port %u has no GID %d; 'ibv_devinfo -v' lists them",
				 link->port, gid_index);
			return -1;
		}
		link->gid_index = gid_index;
		return 0;
	}
	link->gid_index = RDMA_ANY;
	if (link->attributes.link_layer != IBV_LINK_LAYER_ETHERNET &&
	    !(link->attributes.flags & IBV_QPF_GRH_REQUIRED))
		return 0;
	return rdma_gid_find(link);
}

static int rdma_open_named(struct rdma_link *link, struct ibv_device **devices,
			   const char *name)
{
	for (; *devices; devices++)
		if (!strcmp(ibv_get_device_name(*devices), name))
			return rdma_device_open(link, *devices);
	complain(name, "no such RDMA device; 'ibv_devices' lists those of this machine");
	return -1;
}

static int rdma_open_first(struct rdma_link *link, struct ibv_device **devices)
{
	for (; *devices; devices++) {
		if ((*devices)->transport_type == IBV_TRANSPORT_IWARP)
			continue;
		if (rdma_device_open(link, *devices))
			return -1;
		if (!rdma_port_find(link))
			return 0;
		rdma_close(link);
	}
	complain("RDMA", "no InfiniBand or RoCE device has an active port; bring a link or network interface up");
	return -1;
}

int rdma_open(struct rdma_link *link, const char *name, int port,
	      int gid_index)
{
	struct ibv_device **devices;
	int count, err;

	memset(link, 0, sizeof(*link));
	devices = ibv_get_device_list(&count);
	if (!devices || !count) {
		complain("RDMA", "no RDMA device; load the driver of a NIC, or make one of a network interface: 'rdma link add rxe0 type rxe netdev eth0'");
		if (devices)
			ibv_free_device_list(devices);
		return -1;
	}
	if (name)
		err = rdma_open_named(link, devices, name);
	else
		err = rdma_open_first(link, devices);
	ibv_free_device_list(devices);
	if (err)
		return -1;

	if (port != RDMA_ANY)
		err = rdma_port_check(link, port);
	else if (name && rdma_port_find(link))
		err = rdma_port_check(link, 1);
	return err ? -1 : rdma_gid_choose(link, gid_index);
}

void rdma_close(struct rdma_link *link)
{
	if (link->initiator)
		ibv_destroy_qp(link->initiator);
	if (link->target)
		ibv_destroy_qp(link->target);
	if (link->cq)
		ibv_destroy_cq(link->cq);
	if (link->pd)
		ibv_dealloc_pd(link->pd);
	if (link->context)
		ibv_close_device(link->context);
	memset(link, 0, sizeof(*link));
}
