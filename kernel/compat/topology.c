// SPDX-License-Identifier: GPL-2.0
/*
 * Which PCI devices reach each other, and how: by a common switch, or through a
 * root complex that is known to forward between its ports. These are the rules
 * of drivers/pci/p2pdma.c, which also has the list of root complexes; Debian's
 * 6.1 and 6.12 are without it (CONFIG_PCI_P2PDMA), and where it is there, it
 * tells modules how far two devices are apart but not which way.
 */

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#ifdef CONFIG_X86
#include <asm/processor.h>
#endif

#include "topology.h"

/* Does a port from @dev to @common send requests up to the root? */
static bool peermr_topology_redirects(struct pci_dev *dev,
				      struct pci_dev *common)
{
	u16 ctrl;

	for (;; dev = pci_upstream_bridge(dev)) {
		if (dev->acs_cap &&
		    (pci_read_config_word(dev, dev->acs_cap + PCI_ACS_CTRL,
					  &ctrl) ||
		     ctrl & (PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)))
			return true;
		if (dev == common)
			return false;
	}
}

static bool peermr_topology_common_switch(struct pci_dev *a, struct pci_dev *b)
{
	struct pci_dev *up_a, *up_b;

	for (up_a = a; up_a; up_a = pci_upstream_bridge(up_a))
		for (up_b = b; up_b; up_b = pci_upstream_bridge(up_b))
			if (up_a == up_b)
				return !peermr_topology_redirects(a, up_a) &&
				       !peermr_topology_redirects(b, up_a);
	return false;
}

#ifdef CONFIG_PCI_P2PDMA
static bool peermr_topology_root_forwards(struct pci_dev *provider,
					  struct pci_dev *client)
{
	/* Who asks says it if not, and is asked for each registration. */
	return pci_p2pdma_distance(provider, &client->dev, false) >= 0;
}
#else
#ifdef CONFIG_X86
/* AMD from Zen on. */
static bool peermr_topology_cpu_forwards(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD &&
	       boot_cpu_data.x86 >= 0x17;
}
#else
static bool peermr_topology_cpu_forwards(void)
{
	return false;
}
#endif

/* Intel root complexes; the second half also between host bridges. */
static const u16 peermr_intel_same_bridge[] = {
	0x3c00, 0x3c01, 0x2f00, 0x2f01,
};

static const u16 peermr_intel_any_bridge[] = {
	0x2030, 0x2031, 0x2032, 0x2033, 0x2020, 0x09a2,
};

static bool peermr_topology_listed(u16 device, const u16 *list, size_t n)
{
	while (n--)
		if (list[n] == device)
			return true;
	return false;
}

static bool peermr_topology_device_listed(struct pci_dev *dev, bool same)
{
	if (!dev || dev->vendor != PCI_VENDOR_ID_INTEL)
		return false;
	return peermr_topology_listed(dev->device, peermr_intel_any_bridge,
				      ARRAY_SIZE(peermr_intel_any_bridge)) ||
	       (same &&
		peermr_topology_listed(dev->device, peermr_intel_same_bridge,
				       ARRAY_SIZE(peermr_intel_same_bridge)));
}

/* A root complex is known by its device 00.0, or by its root ports. */
static bool peermr_topology_root_listed(struct pci_dev *dev, bool same)
{
	struct pci_host_bridge *bridge = pci_find_host_bridge(dev->bus);
	struct pci_dev *root = pci_get_slot(bridge->bus, PCI_DEVFN(0, 0));
	bool ret;

	ret = peermr_topology_device_listed(root, same) ||
	      peermr_topology_device_listed(pcie_find_root_port(dev), same);
	pci_dev_put(root);
	return ret;
}

static bool peermr_topology_root_forwards(struct pci_dev *provider,
					  struct pci_dev *client)
{
	bool same = pci_find_host_bridge(provider->bus) ==
		    pci_find_host_bridge(client->bus);

	return peermr_topology_cpu_forwards() ||
	       (peermr_topology_root_listed(provider, same) &&
		peermr_topology_root_listed(client, same));
}
#endif

enum peermr_path peermr_topology_path(struct pci_dev *provider,
				      struct pci_dev *client)
{
	if (peermr_topology_common_switch(provider, client))
		return PEERMR_PATH_SWITCH;
	if (peermr_topology_root_forwards(provider, client))
		return PEERMR_PATH_ROOT;
	return PEERMR_PATH_NONE;
}
