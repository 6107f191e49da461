// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What peermr paths reads off the machine. */
#include "platform.h"
#include "runtime.h"
#include "testing.h"

static void symbols_tell_what_the_kernel_has(void)
{
	struct platform platform = { 0 };

	platform_take_symbol(&platform, "0000000000000000 T pci_p2pdma_distance\n");
	CHECK_EQ(platform.p2pdma, KNOWN_NO);
	platform_take_symbol(&platform,
			     "0000000000000000 T pci_p2pdma_distance_many\n");
	CHECK_EQ(platform.p2pdma, KNOWN_YES);
	platform_take_symbol(&platform,
			     "0000000000000000 T pcim_p2pdma_provider\n");
	CHECK_EQ(platform.provider_api, KNOWN_YES);
	platform_take_symbol(&platform, "");
	platform_take_symbol(&platform, "0000000000000000 T \n");
	CHECK_EQ(platform.peer_api, KNOWN_NO);
}

static void the_module_of_the_peerdirect_interface_is_named(void)
{
	struct platform platform = { 0 };

	platform_take_symbol(&platform,
			     "0000000000000000 T ib_register_peer_memory_client\t[peerdirect]\n");
	CHECK_EQ(platform.peer_api, KNOWN_YES);
	CHECK(!strcmp(platform.peer_module, "peerdirect"));
	platform_take_symbol(&platform,
			     "0000000000000000 T ib_register_peer_memory_client\n");
	CHECK(!*platform.peer_module);
}

static void memory_encryption_is_what_kernel_and_firmware_agree_on(void)
{
	static const char sme[] = "flags\t\t: fpu vme sme sev\n";

	CHECK_EQ(platform_encryption("flags : fpu smep smx\n", "", KNOWN_YES),
		 KNOWN_NO);
	CHECK_EQ(platform_encryption(sme, "quiet mem_encrypt=on\n", KNOWN_NO),
		 KNOWN_YES);
	CHECK_EQ(platform_encryption(sme, "mem_encrypt=off", KNOWN_YES),
		 KNOWN_NO);
	CHECK_EQ(platform_encryption(sme, "quiet", KNOWN_NO), KNOWN_NO);
	CHECK_EQ(platform_encryption(sme, "quiet", KNOWN_NOT), KNOWN_NOT);
	CHECK_EQ(platform_encryption("flags : tdx_guest\n", "", KNOWN_NO),
		 KNOWN_YES);
}

static void clients_are_found_by_a_part_of_their_name(void)
{
	struct platform platform = {
		.clients = { { .name = "nv_mem" }, { .name = "peermr" } },
		.client_count = 2,
	};

	CHECK(platform_client(&platform, "nv") == &platform.clients[0]);
	CHECK(platform_client(&platform, "peermr") == &platform.clients[1]);
	CHECK(!platform_client(&platform, "amd"));
}

static void nvidia_drivers_are_told_apart(void)
{
	struct runtime runtime = { 0 };

	runtime_take_nvidia(&runtime,
			    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build\n");
	CHECK(runtime.open_source);
	CHECK(!strcmp(runtime.version, "550.54.14"));
	runtime_take_nvidia(&runtime,
			    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12\n");
	CHECK(!runtime.open_source);
	CHECK(!strcmp(runtime.version, "535.183.01"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(symbols_tell_what_the_kernel_has),
		TEST(the_module_of_the_peerdirect_interface_is_named),
		TEST(memory_encryption_is_what_kernel_and_firmware_agree_on),
		TEST(clients_are_found_by_a_part_of_their_name),
		TEST(nvidia_drivers_are_told_apart),
	};

	return TEST_MAIN_RUN(tests);
}
