// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* May one PCI device be expected to reach the memory of another? */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topology.h"

#define TOPOLOGY_VENDOR_INTEL	0x8086
#define TOPOLOGY_FAMILY_ZEN	0x17

/* What redirects a request that could turn round: PCIe 6.0, 6.12.3. */
#define TOPOLOGY_REDIRECT	(PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC)

static bool topology_path(const char *bdf, char path[PATH_MAX])
{
	char link[SYSFS_PATH_LEN];

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s", bdf);
	return realpath(link, path);
}

bool topology_common(const char *path_a, const char *path_b,
		     char common[PCI_NAME_LEN])
{
	char part[PCI_NAME_LEN];
	size_t length;

	common[0] = '\0';
	while (*path_a == '/' && *path_b == '/') {
		length = strcspn(path_a + 1, "/") + 1;
		if (length != strcspn(path_b + 1, "/") + 1 ||
		    strncmp(path_a, path_b, length))
			break;
		if (length <= sizeof(part)) {
			memcpy(part, path_a + 1, length - 1);
			part[length - 1] = '\0';
			if (!pci_bdf_parse(part, part))
				memcpy(common, part, sizeof(part));
		}
		path_a += length;
		path_b += length;
	}
	return *common;
}

bool topology_acs_redirects(const unsigned char *config, size_t length)
{
	unsigned int at = PCI_CFG_SPACE_SIZE, header, control;

	/* A broken list may be circular: no more than fit in the space. */
	for (int left = 480; left && at >= PCI_CFG_SPACE_SIZE &&
	     at + 8 <= length; left--) {
		header = config[at] | config[at + 1] << 8 |
			 config[at + 2] << 16 | (unsigned int)config[at + 3] << 24;
		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ACS) {
			control = config[at + PCI_ACS_CTRL] |
				  config[at + PCI_ACS_CTRL + 1] << 8;
			return control & TOPOLOGY_REDIRECT;
		}
		at = PCI_EXT_CAP_NEXT(header);
	}
	return false;
}

/* Looks at every device from the end of @path up to, without, @common. */
static void topology_read_acs(char *path, const char *common,
			      struct topology *topology)
{
	unsigned char config[PCI_CFG_SPACE_EXP_SIZE];
	char bdf[PCI_NAME_LEN], file[PATH_MAX + 8];
	ssize_t length;
	char *last;
	int fd;

	while ((last = strrchr(path, '/'))) {
		if (pci_bdf_parse(last + 1, bdf) || !strcmp(bdf, common))
			return;
		snprintf(file, sizeof(file), "%s/config", path);
		fd = open(file, O_RDONLY | O_CLOEXEC);
		length = fd < 0 ? -1 : read(fd, config, sizeof(config));
		if (fd >= 0)
			close(fd);
		/* Others than root get the first 64 bytes. */
		if (length < PCI_CFG_SPACE_SIZE)
			topology->acs_hidden = true;
		else if (topology_acs_redirects(config, (size_t)length))
			topology->redirected = true;
		*last = '\0';
	}
}

static bool topology_listed(unsigned int device, const unsigned short *list,
			    size_t count)
{
	while (count--)
		if (list[count] == device)
			return true;
	return false;
}

bool topology_intel_forwards(unsigned int device, bool same)
{
	static const unsigned short any_bridge[] = {
		0x2030, 0x2031, 0x2032, 0x2033, 0x2020, 0x09a2,
	};
	static const unsigned short same_bridge[] = {
		0x3c00, 0x3c01, 0x2f00, 0x2f01,
	};

	return topology_listed(device, any_bridge,
			       sizeof(any_bridge) / sizeof(any_bridge[0])) ||
	       (same && topology_listed(device, same_bridge,
					sizeof(same_bridge) /
					sizeof(same_bridge[0])));
}

static bool topology_device_forwards(const char *bdf, bool same)
{
	char directory[SYSFS_PATH_LEN / 2];
	uint64_t vendor, device;

	snprintf(directory, sizeof(directory), "/sys/bus/pci/devices/%s", bdf);
	return !sysfs_read_u64(directory, "vendor", &vendor) &&
	       vendor == TOPOLOGY_VENDOR_INTEL &&
	       !sysfs_read_u64(directory, "device", &device) &&
	       topology_intel_forwards((unsigned int)device, same);
}

/* A root complex is known by its device 00.0, or by the root port. */
static bool topology_root_forwards(const char *path, bool same)
{
	unsigned int domain, bus;
	char bdf[PCI_NAME_LEN], port[PCI_NAME_LEN];
	const char *root = strstr(path, "/pci");

	if (!root || sscanf(root, "/pci%x:%2x/%31[^/]", &domain, &bus, port) != 3)
		return false;
	snprintf(bdf, sizeof(bdf), "%04x:%02x:00.0", domain, bus);
	return topology_device_forwards(bdf, same) ||
	       topology_device_forwards(port, same);
}

static bool topology_cpu_forwards(void)
{
	char line[256], vendor[32] = "";
	unsigned int family = 0;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file && fgets(line, sizeof(line), file) && !family) {
		sscanf(line, "vendor_id : %31s", vendor);
		sscanf(line, "cpu family : %u", &family);
	}
	if (file)
		fclose(file);
	return !strcmp(vendor, "AuthenticAMD") && family >= TOPOLOGY_FAMILY_ZEN;
}

static bool topology_same_root(const char *path_a, const char *path_b)
{
	const char *root_a = strstr(path_a, "/pci");
	const char *root_b = strstr(path_b, "/pci");
	size_t length;

	if (!root_a || !root_b)
		return false;
	length = strcspn(root_a + 1, "/") + 2;
	return !strncmp(root_a, root_b, length);
}

void topology_find(const char *memory, const char *nic,
		   struct topology *topology)
{
	char path_a[PATH_MAX], path_b[PATH_MAX];
	bool same;

	memset(topology, 0, sizeof(*topology));
	topology->kind = TOPOLOGY_CPU;
	if (!*nic)
		return;
	topology->kind = TOPOLOGY_LOST;
	if (!topology_path(memory, path_a) || !topology_path(nic, path_b))
		return;

	same = topology_same_root(path_a, path_b);
	topology->kind = TOPOLOGY_UNKNOWN;
	if (topology_cpu_forwards() || (topology_root_forwards(path_a, same) &&
					topology_root_forwards(path_b, same)))
		topology->kind = TOPOLOGY_ROOT;
	if (!topology_common(path_a, path_b, topology->common))
		return;
	/* These shorten the paths. */
	topology_read_acs(path_a, topology->common, topology);
	topology_read_acs(path_b, topology->common, topology);
	/* What is good through the root, too, needs no look at ACS. */
	if (!topology->redirected &&
	    !(topology->acs_hidden && topology->kind == TOPOLOGY_ROOT))
		topology->kind = TOPOLOGY_SWITCH;
}

bool topology_good(const struct topology *topology)
{
	return topology->kind == TOPOLOGY_CPU ||
	       (topology->kind == TOPOLOGY_SWITCH && !topology->acs_hidden) ||
	       topology->kind == TOPOLOGY_ROOT;
}

const char *topology_text(const struct topology *topology, char text[160])
{
	const char *redirected = topology->redirected ?
		"sent to the root by ACS, " : "";

	switch (topology->kind) {
	case TOPOLOGY_CPU:
		return "not connected by PCIe: the CPU moves the data";
	case TOPOLOGY_SWITCH:
		snprintf(text, 160, "below the common bridge %s%s",
			 topology->common, topology->acs_hidden ?
			 ", where ACS may send their requests elsewhere, which only root can see" : "");
		break;
	case TOPOLOGY_ROOT:
		snprintf(text, 160, "%sconnected by a root complex that is known to forward",
			 redirected);
		break;
	case TOPOLOGY_UNKNOWN:
		snprintf(text, 160, "%sconnected by a root complex that is not known to forward",
			 redirected);
		break;
	default:
		return "not both in sysfs";
	}
	return text;
}
