/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * May one PCI device be expected to reach the memory of another? The rules are
 * those of drivers/pci/p2pdma.c, and of peermr where the kernel lacks that.
 */
#ifndef PEERMR_TOOL_TOPOLOGY_H
#define PEERMR_TOOL_TOPOLOGY_H

#include <stdbool.h>

#include "pci.h"

enum topology_kind {
	TOPOLOGY_CPU,		/* the CPU moves the data: no PCIe between */
	TOPOLOGY_SWITCH,	/* below a common switch or port */
	TOPOLOGY_ROOT,		/* through a root complex known to forward */
	TOPOLOGY_UNKNOWN,	/* through one that is not known */
	TOPOLOGY_LOST,		/* sysfs does not show one of the devices */
};

/**
 * struct topology - the way between two PCI devices
 * @kind: the way
 * @common: the common bridge, "" for none
 * @redirected: ACS sends what could turn round in the switch up to the root
 * @acs_hidden: not known, as only root may read ACS
 */
struct topology {
	enum topology_kind kind;
	char common[PCI_NAME_LEN];
	bool redirected;
	bool acs_hidden;
};

/* @nic is "" for an RDMA device that the CPU drives. */
void topology_find(const char *memory, const char *nic,
		   struct topology *topology);

/* Whether DMA is expected to arrive. */
bool topology_good(const struct topology *topology);

/* "below the common switch 0000:01:00.0": fits behind "the two devices are". */
const char *topology_text(const struct topology *topology, char text[160]);

/* The rest is for tests. Paths are those of devices below /sys/devices. */

/* The lowest bridge that both paths go through: false, or true and @common. */
bool topology_common(const char *path_a, const char *path_b,
		     char common[PCI_NAME_LEN]);

/* An Intel root complex that forwards between its ports (@same), or to others. */
bool topology_intel_forwards(unsigned int device, bool same);

/* The control register of ACS sends peer requests upstream. */
bool topology_acs_redirects(const unsigned char *config, size_t length);

#endif /* PEERMR_TOOL_TOPOLOGY_H */
