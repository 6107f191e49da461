// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* PCI devices, as sysfs shows them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "tool.h"

/* include/linux/ioport.h: the third column of a device's "resource" file. */
#define RESOURCE_IO	0x00000100
#define RESOURCE_MEM	0x00000200
#define RESOURCE_UNSET	0x20000000

int pci_bdf_parse(const char *text, char bdf[PCI_NAME_LEN])
{
	unsigned int domain = 0, bus, slot, function;
	int end = -1;

	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text))
		return -EINVAL;
	/* Widths keep the numbers in range; VMD domains have five digits. */
	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function,
		   &end) != 4 || end < 0 || text[end]) {
		domain = 0;
		end = -1;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &slot, &function,
			   &end) != 3 || end < 0 || text[end])
			return -EINVAL;
	}
	if (slot > 0x1f || function > 7)
		return -EINVAL;
	snprintf(bdf, PCI_NAME_LEN, "%04x:%02x:%02x.%x", domain, bus, slot,
		 function);
	return 0;
}

int pci_device_find(const char *text, struct pci_device *device)
{
	if (pci_bdf_parse(text, device->bdf)) {
		complain(text, "not a PCI address; write it like 0000:00:04.0 or 00:04.0, as 'lspci -D' does");
		return -EINVAL;
	}
	snprintf(device->path, sizeof(device->path),
		 "/sys/bus/pci/devices/%s", device->bdf);
	if (access(device->path, F_OK)) {
		complain(device->bdf, "no such PCI device; 'lspci -D' lists those of this machine");
		return -ENODEV;
	}
	return 0;
}

/* Bits of the BARs that hold the MSI-X table and the pending bit array. */
static unsigned int pci_msix_bars(const struct pci_device *device)
{
	unsigned char config[PCI_CFG_SPACE_SIZE] = { 0 };
	char path[SYSFS_PATH_LEN];
	unsigned int at, bars = 0;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%s/config", device->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, config, sizeof(config));
	close(fd);
	if (length < (ssize_t)sizeof(config) ||
	    !(config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return 0;

	at = config[PCI_CAPABILITY_LIST] & ~3U;
	/* A broken list may be circular: no more than fit in the space. */
	for (int left = 48; at >= PCI_STD_HEADER_SIZEOF && left; left--) {
		if (config[at + PCI_CAP_LIST_ID] == PCI_CAP_ID_MSIX &&
		    at + PCI_CAP_MSIX_SIZEOF <= sizeof(config)) {
			bars |= 1U << (config[at + PCI_MSIX_TABLE] &
				       PCI_MSIX_TABLE_BIR);
			bars |= 1U << (config[at + PCI_MSIX_PBA] &
				       PCI_MSIX_PBA_BIR);
		}
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
	return bars;
}

int pci_bars_read(const struct pci_device *device,
		  struct pci_bar bars[PCI_BARS])
{
	unsigned int msix = pci_msix_bars(device);
	uint64_t start, end, flags;
	char text[2048];
	const char *line = text;
	int err, length;

	err = sysfs_read(device->path, "resource", text, sizeof(text));
	if (err)
		return err;
	for (int i = 0; i < PCI_BARS; i++, line += length) {
		struct pci_bar *bar = &bars[i];

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 "%n",
			   &start, &end, &flags, &length) != 3)
			return -EIO;
		memset(bar, 0, sizeof(*bar));
		if (!(flags & (RESOURCE_MEM | RESOURCE_IO)))
			continue;
		bar->memory = flags & RESOURCE_MEM;
		bar->unplaced = flags & RESOURCE_UNSET;
		bar->msix = msix & (1U << i);
		bar->start = start;
		if (!bar->unplaced)
			bar->size = end - start + 1;
	}
	return 0;
}

int pci_driver_name(const struct pci_device *device, char name[PCI_NAME_LEN])
{
	int err;

	err = sysfs_link_name(device->path, "driver", name, PCI_NAME_LEN);
	if (err != -ENOENT)
		return err;
	name[0] = '\0';
	return 0;
}
