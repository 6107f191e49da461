/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _PEERMR_COMPAT_TOPOLOGY_H
#define _PEERMR_COMPAT_TOPOLOGY_H

#include <linux/types.h>

struct pci_dev;

/* May @client's DMA be expected to arrive in a BAR of @provider? */
bool peermr_topology_reachable(struct pci_dev *provider,
			       struct pci_dev *client);

#endif /* _PEERMR_COMPAT_TOPOLOGY_H */
