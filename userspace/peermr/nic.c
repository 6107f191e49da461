// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* RDMA devices, as sysfs shows them. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rdma/siw-abi.h>

#include "nic.h"
#include "page_dma.h"

#define NIC_CLASS	"/sys/class/infiniband"
#define NIC_NODES	"/sys/class/infiniband_verbs"

static int nic_select(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strlen(entry->d_name) < NIC_NAME_LEN;
}

/* The last PCI address on the way from the root to the device. */
static void nic_find_pci(struct nic *nic, const char *directory)
{
	char link[SYSFS_PATH_LEN], path[PATH_MAX], *part, *rest;

	snprintf(link, sizeof(link), "%s/device", directory);
	if (!realpath(link, path))
		return;
	for (part = strtok_r(path, "/", &rest); part;
	     part = strtok_r(NULL, "/", &rest)) {
		char bdf[PCI_NAME_LEN];

		if (!pci_bdf_parse(part, bdf))
			memcpy(nic->pci, bdf, sizeof(bdf));
	}
}

/* "uverbs0" has the name of its RDMA device in the attribute "ibdev". */
static void nic_find_uverbs(struct nic *nic)
{
	char directory[SYSFS_PATH_LEN / 2], name[NIC_NAME_LEN];
	struct dirent **entries;
	int count;

	count = scandir(NIC_NODES, &entries, nic_select, NULL);
	for (int i = 0; i < count; i++) {
		snprintf(directory, sizeof(directory), NIC_NODES "/%.63s",
			 entries[i]->d_name);
		if (!sysfs_read(directory, "ibdev", name, sizeof(name)) &&
		    !strcmp(name, nic->name))
			snprintf(nic->uverbs, sizeof(nic->uverbs), "%.63s",
				 entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* An attribute that peerdirect.ko adds to each device. */
static enum known nic_peer(const char *directory, const char *attribute)
{
	char path[SYSFS_PATH_LEN];
	uint64_t value;

	snprintf(path, sizeof(path), "%s/peerdirect", directory);
	if (sysfs_read_u64(path, attribute, &value))
		return KNOWN_NOT;
	return value ? KNOWN_YES : KNOWN_NO;
}

/* The kernel driver of a device that the CPU drives, or NULL. */
static const char *nic_software_driver(const char *directory)
{
	char value[64];

	/* Soft-RoCE names its network interface there; nobody else does. */
	if (!sysfs_read(directory, "parent", value, sizeof(value)))
		return "rdma_rxe";
	/* Its "device" may be the one of its network interface. */
	if (!sysfs_read(directory, "node_desc", value, sizeof(value)) &&
	    !strcmp(value, SIW_NODE_DESC_COMMON))
		return "siw";
	return NULL;
}

static void nic_read(struct nic *nic, const char *name)
{
	char directory[SYSFS_PATH_LEN / 2];
	const char *software;

	memset(nic, 0, sizeof(*nic));
	snprintf(nic->name, sizeof(nic->name), "%.63s", name);
	snprintf(directory, sizeof(directory), NIC_CLASS "/%.63s", name);
	nic_find_uverbs(nic);
	nic->peer_offered = nic_peer(directory, "supported");
	nic->peer_enabled = nic_peer(directory, "enabled");
	software = nic_software_driver(directory);
	if (software) {
		strcpy(nic->driver, software);
		return;
	}
	nic_find_pci(nic, directory);
	if (!*nic->pci)
		return;
	snprintf(directory, sizeof(directory), "/sys/bus/pci/devices/%s",
		 nic->pci);
	sysfs_link_name(directory, "driver", nic->driver, sizeof(nic->driver));
	nic->dma_bits = page_dma_mask_bits(nic->pci);
	sysfs_read(directory, "iommu_group/type", nic->iommu,
		   sizeof(nic->iommu));
}

int nic_list(struct nic **nics)
{
	struct dirent **entries;
	int count;

	*nics = NULL;
	count = scandir(NIC_CLASS, &entries, nic_select, versionsort);
	/* Without the RDMA stack there is no such directory. */
	if (count < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	*nics = calloc((size_t)count + 1, sizeof(**nics));
	for (int i = 0; i < count; i++) {
		if (*nics)
			nic_read(&(*nics)[i], entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return *nics ? count : -ENOMEM;
}
