/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What this machine and its kernel have that decides about paths. */
#ifndef PEERMR_TOOL_PLATFORM_H
#define PEERMR_TOOL_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>

/* A fact that cannot always be known. */
enum known {
	KNOWN_NO,
	KNOWN_YES,
	KNOWN_NOT,
};

#define PLATFORM_CLIENTS	8
#define PLATFORM_NAME_LEN	56

/**
 * struct peer_client - a registered client of the PeerDirect interface
 * @name: directory in /sys/kernel/mm/memory_peers
 * @version: what it says of itself, "" if nothing
 */
struct peer_client {
	char name[PLATFORM_NAME_LEN];
	char version[PLATFORM_NAME_LEN];
};

/**
 * struct platform - facts about the machine
 * @kernel: release of the kernel
 * @p2pdma: CONFIG_PCI_P2PDMA
 * @peer_api: ib_register_peer_memory_client()
 * @peer_module: the module that has it, "" for none or the kernel itself
 * @encryption: AMD SME, or the guest of a confidential VM
 * @any_host_bridge: module parameter of peermr
 * @provider_api: the kernel decides about PCIe paths itself (p2pdma providers)
 * @iommu: an IOMMU is in use
 * @extension: file name of the verbs extension in this process, "" for none
 * @memlock: RLIMIT_MEMLOCK in bytes, UINT64_MAX for none
 * @clients: of the PeerDirect interface
 * @client_count: how many, no more than PLATFORM_CLIENTS
 */
struct platform {
	char kernel[sizeof(((struct utsname *)0)->release)];
	enum known p2pdma;
	enum known peer_api;
	char peer_module[PLATFORM_NAME_LEN];
	enum known encryption;
	enum known any_host_bridge;
	enum known provider_api;
	bool iommu;
	char extension[PLATFORM_NAME_LEN];
	uint64_t memlock;
	struct peer_client clients[PLATFORM_CLIENTS];
	int client_count;
};

void platform_read(struct platform *platform);

/* A client whose name holds @name, or NULL. */
const struct peer_client *platform_client(const struct platform *platform,
					  const char *name);

/* Is the module loaded or built in, as far as /sys/module tells? */
bool platform_module(const char *name);

/* The rest is for tests. */

/* One line of /proc/kallsyms. */
void platform_take_symbol(struct platform *platform, const char *line);

/* From the words of /proc/cpuinfo's "flags" and of the command line. */
enum known platform_encryption(const char *flags, const char *cmdline,
			       enum known by_default);

#endif /* PEERMR_TOOL_PLATFORM_H */
