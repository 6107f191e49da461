/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PEERMR_COMPAT_TOPOLOGY_H
#define _PEERMR_COMPAT_TOPOLOGY_H

struct pci_dev;

/* How requests of one device get to a BAR of another. */
enum peermr_path {
	PEERMR_PATH_NONE,	/* not, as far as is known */
	PEERMR_PATH_SWITCH,	/* they turn below the root complex */
	PEERMR_PATH_ROOT,	/* up to it and, past its IOMMU, down again */
};

enum peermr_path peermr_topology_path(struct pci_dev *provider,
				      struct pci_dev *client);

#endif /* _PEERMR_COMPAT_TOPOLOGY_H */
