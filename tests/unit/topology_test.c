// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The way between two PCI devices, from what sysfs and their registers say. */
#include <linux/pci_regs.h>

#include "testing.h"
#include "topology.h"

#define ROOT "/sys/devices/pci0000:00"

static void devices_below_one_switch_have_its_port_in_common(void)
{
	static const char nic[] =
		ROOT "/0000:00:01.0/0000:01:00.0/0000:02:00.0/0000:03:00.0";
	static const char gpu[] =
		ROOT "/0000:00:01.0/0000:01:00.0/0000:02:01.0/0000:04:00.0";
	char common[PCI_NAME_LEN];

	CHECK(topology_common(nic, gpu, common));
	CHECK(!strcmp(common, "0000:01:00.0"));
}

static void functions_of_one_slot_have_the_port_in_common(void)
{
	char common[PCI_NAME_LEN];

	CHECK(topology_common(ROOT "/0000:00:01.0/0000:01:00.0",
			      ROOT "/0000:00:01.0/0000:01:00.1", common));
	CHECK(!strcmp(common, "0000:00:01.0"));
}

static void devices_below_different_root_ports_have_nothing_in_common(void)
{
	char common[PCI_NAME_LEN] = "x";

	CHECK(!topology_common(ROOT "/0000:00:01.0/0000:01:00.0",
			       ROOT "/0000:00:02.0/0000:02:00.0", common));
	CHECK(!*common);
	/* A name that begins like another is another. */
	CHECK(!topology_common(ROOT "/0000:00:01.0/0000:01:00.0",
			       ROOT "/0000:00:01.01/0000:01:00.0", common));
	CHECK(!topology_common(ROOT "/0000:00:01.0",
			       "/sys/devices/pci0000:80/0000:80:01.0", common));
}

static void known_root_complexes_forward(void)
{
	CHECK(topology_intel_forwards(0x09a2, false));
	CHECK(topology_intel_forwards(0x2f01, true));
	CHECK(!topology_intel_forwards(0x2f01, false));
	CHECK(!topology_intel_forwards(0x29c0, true));
}

static void put32(unsigned char *config, unsigned int at, unsigned int value)
{
	for (int i = 0; i < 4; i++)
		config[at + i] = (unsigned char)(value >> 8 * i);
}

static void acs_redirection_is_found_wherever_the_capability_is(void)
{
	unsigned char config[PCI_CFG_SPACE_EXP_SIZE] = { 0 };

	CHECK(!topology_acs_redirects(config, sizeof(config)));
	/* AER first, then ACS at 0x148. */
	put32(config, 0x100, PCI_EXT_CAP_ID_ERR | 1 << 16 | 0x148U << 20);
	put32(config, 0x148, PCI_EXT_CAP_ID_ACS | 1 << 16);
	CHECK(!topology_acs_redirects(config, sizeof(config)));
	config[0x148 + PCI_ACS_CTRL] = PCI_ACS_SV | PCI_ACS_UF;
	CHECK(!topology_acs_redirects(config, sizeof(config)));
	config[0x148 + PCI_ACS_CTRL] |= PCI_ACS_RR;
	CHECK(topology_acs_redirects(config, sizeof(config)));
	/* What was not read is not looked at. */
	CHECK(!topology_acs_redirects(config, PCI_CFG_SPACE_SIZE));
	CHECK(!topology_acs_redirects(config, 0x148));
}

static void a_circular_list_of_capabilities_ends(void)
{
	unsigned char config[PCI_CFG_SPACE_EXP_SIZE] = { 0 };

	put32(config, 0x100, PCI_EXT_CAP_ID_ERR | 1 << 16 | 0x148U << 20);
	put32(config, 0x148, PCI_EXT_CAP_ID_VC | 1 << 16 | 0x100U << 20);
	CHECK(!topology_acs_redirects(config, sizeof(config)));
}

static void a_device_that_the_cpu_drives_has_no_way_to_check(void)
{
	struct topology topology;

	topology_find("0000:01:00.0", "", &topology);
	CHECK_EQ(topology.kind, TOPOLOGY_CPU);
	CHECK(topology_good(&topology));
}

static void a_device_that_is_not_there_is_not_good(void)
{
	struct topology topology;

	topology_find("ffff:ff:1f.7", "ffff:ff:1f.6", &topology);
	CHECK_EQ(topology.kind, TOPOLOGY_LOST);
	CHECK(!topology_good(&topology));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(devices_below_one_switch_have_its_port_in_common),
		TEST(functions_of_one_slot_have_the_port_in_common),
		TEST(devices_below_different_root_ports_have_nothing_in_common),
		TEST(known_root_complexes_forward),
		TEST(acs_redirection_is_found_wherever_the_capability_is),
		TEST(a_circular_list_of_capabilities_ends),
		TEST(a_device_that_the_cpu_drives_has_no_way_to_check),
		TEST(a_device_that_is_not_there_is_not_good),
	};

	return TEST_MAIN_RUN(tests);
}
