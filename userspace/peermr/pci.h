/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* PCI devices, as sysfs shows them. */
#ifndef PEERMR_TOOL_PCI_H
#define PEERMR_TOOL_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "sysfs.h"

#define PCI_BARS	6
#define PCI_NAME_LEN	32	/* driver names, too */

/**
 * struct pci_device - a PCI device that exists
 * @bdf: its full name, "0000:00:04.0"
 * @path: its directory in sysfs
 */
struct pci_device {
	char bdf[PCI_NAME_LEN];
	char path[SYSFS_PATH_LEN / 2];
};

/**
 * struct pci_bar - one base address register
 * @start: bus address as the CPU sees it
 * @size: 0 if the device has no such BAR, or the kernel could not place it
 * @memory: memory, as opposed to I/O ports
 * @unplaced: the device asks for it, but it has no address
 * @msix: holds the MSI-X table or pending bits
 */
struct pci_bar {
	uint64_t start;
	uint64_t size;
	bool memory;
	bool unplaced;
	bool msix;
};

/* "00:04.0" or "0000:00:04.0" in either case: 0, or -EINVAL. */
int pci_bdf_parse(const char *text, char bdf[PCI_NAME_LEN]);

/* Parses @text and finds the device; complains on failure. */
int pci_device_find(const char *text, struct pci_device *device);

/* The MSI-X BARs are known to root only; the kernel refuses them anyway. */
int pci_bars_read(const struct pci_device *device,
		  struct pci_bar bars[PCI_BARS]);

/* Name of the bound driver, "" if there is none: 0, or a negative errno. */
int pci_driver_name(const struct pci_device *device, char name[PCI_NAME_LEN]);

#endif /* PEERMR_TOOL_PCI_H */
