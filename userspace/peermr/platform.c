// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What this machine and its kernel have that decides about paths. */
#include <dirent.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform.h"
#include "sysfs.h"

#define PLATFORM_PEERS	"/sys/kernel/mm/memory_peers"

bool platform_module(const char *name)
{
	char path[SYSFS_PATH_LEN];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

/* "ffffffff81000000 T name", and a tab and "[module]" if it is not built in. */
void platform_take_symbol(struct platform *platform, const char *line)
{
	char name[64], module[PLATFORM_NAME_LEN] = "";

	if (sscanf(line, "%*s %*s %63s [%55[^]]", name, module) < 1)
		return;
	if (!strcmp(name, "ib_register_peer_memory_client")) {
		platform->peer_api = KNOWN_YES;
		memcpy(platform->peer_module, module, sizeof(module));
	} else if (!strcmp(name, "pci_p2pdma_distance_many")) {
		platform->p2pdma = KNOWN_YES;
	} else if (!strcmp(name, "pcim_p2pdma_provider")) {
		platform->provider_api = KNOWN_YES;
	}
}

/*
 * The list of symbols tells more surely than a configuration file, which may
 * not be there, how the kernel that runs was built.
 */
static void platform_read_symbols(struct platform *platform)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char *line = NULL;
	size_t size = 0;
	bool any = false;

	platform->p2pdma = KNOWN_NOT;
	platform->peer_api = KNOWN_NOT;
	platform->provider_api = KNOWN_NOT;
	while (file && getline(&line, &size, file) > 0) {
		if (!any) {
			platform->p2pdma = KNOWN_NO;
			platform->peer_api = KNOWN_NO;
			platform->provider_api = KNOWN_NO;
			any = true;
		}
		platform_take_symbol(platform, line);
	}
	free(line);
	if (file)
		fclose(file);
}

static bool platform_has_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *at = text;

	while ((at = strstr(at, word))) {
		if ((at == text || strchr(" \t\n", at[-1])) &&
		    (!at[length] || strchr(" \t\n", at[length])))
			return true;
		at += length;
	}
	return false;
}

/*
 * The kernel drops the flag "sme" if the firmware left the feature off, but
 * keeps it whether or not it uses the feature itself.
 */
enum known platform_encryption(const char *flags, const char *cmdline,
			       enum known by_default)
{
	if (platform_has_word(flags, "tdx_guest"))
		return KNOWN_YES;
	if (!platform_has_word(flags, "sme") ||
	    platform_has_word(cmdline, "mem_encrypt=off"))
		return KNOWN_NO;
	return platform_has_word(cmdline, "mem_encrypt=on") ? KNOWN_YES :
							      by_default;
}

/* CONFIG_AMD_MEM_ENCRYPT_ACTIVE_BY_DEFAULT */
static enum known platform_encrypts_by_default(const char *release)
{
	char line[160], path[128];
	enum known found = KNOWN_NOT;
	FILE *file;

	snprintf(path, sizeof(path), "/boot/config-%s", release);
	file = fopen(path, "re");
	if (!file)
		return KNOWN_NOT;
	found = KNOWN_NO;
	while (fgets(line, sizeof(line), file))
		if (!strcmp(line, "CONFIG_AMD_MEM_ENCRYPT_ACTIVE_BY_DEFAULT=y\n"))
			found = KNOWN_YES;
	fclose(file);
	return found;
}

static void platform_read_encryption(struct platform *platform)
{
	char cmdline[4096] = "", *line = NULL;
	FILE *file = fopen("/proc/cpuinfo", "re");
	enum known found = KNOWN_NO;
	size_t size = 0;

	sysfs_read("/proc", "cmdline", cmdline, sizeof(cmdline));
	while (file && getline(&line, &size, file) > 0) {
		if (strncmp(line, "flags", strlen("flags")))
			continue;
		found = platform_encryption(line, cmdline,
					    platform_encrypts_by_default(platform->kernel));
		break;
	}
	free(line);
	if (file)
		fclose(file);
	/* The guest of an encrypted VM talks to the firmware through this. */
	if (!access("/dev/sev-guest", F_OK))
		found = KNOWN_YES;
	platform->encryption = found;
}

static int platform_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void platform_read_clients(struct platform *platform)
{
	struct dirent **entries;
	int count = scandir(PLATFORM_PEERS, &entries, platform_visible,
			    alphasort);

	for (int i = 0; i < count; i++) {
		struct peer_client *client =
			&platform->clients[platform->client_count];
		const char *name = entries[i]->d_name;
		char directory[SYSFS_PATH_LEN / 2];

		if (platform->client_count < PLATFORM_CLIENTS &&
		    strlen(name) < sizeof(client->name)) {
			strcpy(client->name, name);
			snprintf(directory, sizeof(directory),
				 PLATFORM_PEERS "/%s", client->name);
			sysfs_read(directory, "version", client->version,
				   sizeof(client->version));
			platform->client_count++;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

const struct peer_client *platform_client(const struct platform *platform,
					  const char *name)
{
	for (int i = 0; i < platform->client_count; i++)
		if (strstr(platform->clients[i].name, name))
			return &platform->clients[i];
	return NULL;
}

static bool platform_has_iommu(void)
{
	struct dirent **entries;
	int count = scandir("/sys/class/iommu", &entries, platform_visible,
			    NULL);

	for (int i = 0; i < count; i++)
		free(entries[i]);
	if (count >= 0)
		free(entries);
	return count > 0;
}

/* A front end of the verbs extension changes what ibv_reg_mr() does here. */
static int platform_take_object(struct dl_phdr_info *info, size_t size,
				void *data)
{
	const char *name = strrchr(info->dlpi_name, '/');
	struct platform *platform = data;

	(void)size;
	name = name ? name + 1 : info->dlpi_name;
	if (!strncmp(name, "libpeermr-", strlen("libpeermr-")))
		snprintf(platform->extension, sizeof(platform->extension),
			 "%s", name);
	return 0;
}

void platform_read(struct platform *platform)
{
	struct utsname name;
	struct rlimit limit;
	char value[8];

	memset(platform, 0, sizeof(*platform));
	uname(&name);
	memcpy(platform->kernel, name.release, sizeof(platform->kernel));
	platform_read_symbols(platform);
	platform_read_encryption(platform);
	platform_read_clients(platform);
	platform->iommu = platform_has_iommu();
	platform->any_host_bridge = KNOWN_NOT;
	if (!sysfs_read("/sys/module/peermr/parameters", "any_host_bridge",
			value, sizeof(value)))
		platform->any_host_bridge = *value == 'Y' ? KNOWN_YES : KNOWN_NO;
	platform->memlock = UINT64_MAX;
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) &&
	    limit.rlim_cur != RLIM_INFINITY)
		platform->memlock = limit.rlim_cur;
	/* The plug-in is loaded with the first look at the devices. */
	dl_iterate_phdr(platform_take_object, platform);
}
