// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr peerdirect: which RDMA devices PeerDirect's clients serve. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "module.h"
#include "sysfs.h"
#include "tool.h"

#define PEERDIRECT_MODULE	"/sys/module/peerdirect"
#define PEERDIRECT_DEVICES	"/sys/class/infiniband"
#define PEERDIRECT_CLIENTS	"/sys/kernel/mm/memory_peers"

static const char peerdirect_help[] =
"Usage: peermr peerdirect [--json]\n"
"       peermr peerdirect enable DEVICE\n"
"       peermr peerdirect disable DEVICE\n"
"\n"
"PeerDirect lets plain ibv_reg_mr() take the memory of drivers that are its\n"
"clients, those of some GPUs among them. Without an argument, list the RDMA\n"
"devices and the clients. enable loads peerdirect.ko and peermr_client.ko and\n"
"switches it on for an RDMA device, until disable or a reboot; both need root.\n"
"\n"
"  -j, --json   print JSON\n"
"  -h, --help   print this text\n";

/* Attributes of a device that are 0 or 1, as sysfs and JSON name them. */
static const char * const peerdirect_attributes[] = {
	"enabled", "supported", "revocable", "dma",
};

#define NR_ATTRIBUTES \
	(sizeof(peerdirect_attributes) / sizeof(peerdirect_attributes[0]))

static int peerdirect_sort(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int peerdirect_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Call @show for each name in a directory, which need not exist: how many. */
static int peerdirect_each(const char *directory,
			   void (*show)(const char *name, struct json *json),
			   struct json *json)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, peerdirect_visible,
			    peerdirect_sort);

	if (count < 0)
		return 0;
	for (int i = 0; i < count; i++) {
		show(entries[i]->d_name, json);
		free(entries[i]);
	}
	free(entries);
	return count;
}

/* A directory with attributes; what has too long a name has none. */
struct peerdirect_path {
	char text[SYSFS_PATH_LEN];
};

__attribute__((format(printf, 1, 2)))
static struct peerdirect_path peerdirect_path(const char *format, ...)
{
	struct peerdirect_path path;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(path.text, sizeof(path.text), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(path.text))
		path.text[0] = '\0';
	return path;
}

static struct peerdirect_path peerdirect_device_path(const char *device)
{
	return peerdirect_path(PEERDIRECT_DEVICES "/%s/peerdirect", device);
}

static struct peerdirect_path peerdirect_client_path(const char *client)
{
	return peerdirect_path(PEERDIRECT_CLIENTS "/%s", client);
}

static uint64_t peerdirect_attribute(struct peerdirect_path path,
				     const char *attribute)
{
	uint64_t value;

	return sysfs_read_u64(path.text, attribute, &value) ? 0 : value;
}

static uint64_t peerdirect_flag(const char *device, const char *attribute)
{
	return peerdirect_attribute(peerdirect_device_path(device), attribute);
}

static const char *peerdirect_hint(const char *device)
{
	if (!peerdirect_flag(device, "supported"))
		return "its driver has no dma-buf MRs: cannot be enabled";
	if (!peerdirect_flag(device, "dma"))
		return "no DMA: serves clients with CPU mappings only, as peermr's";
	if (!peerdirect_flag(device, "revocable"))
		return "cannot give memory back: no clients that may ask for it";
	return "";
}

static void peerdirect_show_device(const char *name, struct json *json)
{
	(void)json;
	printf("%-16s %-8s %s\n", name,
	       peerdirect_flag(name, "enabled") ? "enabled" : "disabled",
	       peerdirect_hint(name));
}

static void peerdirect_json_device(const char *name, struct json *json)
{
	json_object_begin(json, NULL);
	json_string(json, "name", name);
	for (size_t i = 0; i < NR_ATTRIBUTES; i++)
		json_unsigned(json, peerdirect_attributes[i],
			      peerdirect_flag(name, peerdirect_attributes[i]));
	json_object_end(json);
}

static uint64_t peerdirect_client_live(const char *name, const char *more,
				       const char *less)
{
	struct peerdirect_path path = peerdirect_client_path(name);

	return peerdirect_attribute(path, more) -
	       peerdirect_attribute(path, less);
}

static uint64_t peerdirect_client_mrs(const char *name)
{
	return peerdirect_client_live(name, "num_alloc_mrs",
				      "num_dealloc_mrs");
}

static uint64_t peerdirect_client_bytes(const char *name)
{
	return peerdirect_client_live(name, "num_reg_bytes", "num_dereg_bytes");
}

static void peerdirect_client_version(const char *name, char *version,
				      size_t size)
{
	if (sysfs_read(peerdirect_client_path(name).text, "version", version,
		       size))
		version[0] = '\0';
}

static void peerdirect_show_client(const char *name, struct json *json)
{
	char version[32];

	(void)json;
	peerdirect_client_version(name, version, sizeof(version));
	printf("%-16s %-8s %7" PRIu64 " %10s\n", name, version,
	       peerdirect_client_mrs(name),
	       size_format(peerdirect_client_bytes(name)).text);
}

static void peerdirect_json_client(const char *name, struct json *json)
{
	char version[32];

	peerdirect_client_version(name, version, sizeof(version));
	json_object_begin(json, NULL);
	json_string(json, "name", name);
	json_string(json, "version", version);
	json_unsigned(json, "mrs", peerdirect_client_mrs(name));
	json_unsigned(json, "bytes", peerdirect_client_bytes(name));
	json_object_end(json);
}

static bool peerdirect_is_loaded(void)
{
	return !access(PEERDIRECT_MODULE, F_OK);
}

/* The vendor's: for all devices, and nothing to switch. */
static bool peerdirect_is_built_in(void)
{
	return !peerdirect_is_loaded() && !access(PEERDIRECT_CLIENTS, F_OK);
}

static const char *peerdirect_provider(void)
{
	if (peerdirect_is_loaded())
		return "peerdirect.ko";
	return peerdirect_is_built_in() ? "kernel" : "none";
}

static void peerdirect_json(void)
{
	struct json json = { .out = stdout };

	json_object_begin(&json, NULL);
	json_string(&json, "provider", peerdirect_provider());
	json_array_begin(&json, "devices");
	if (peerdirect_is_loaded())
		peerdirect_each(PEERDIRECT_DEVICES, peerdirect_json_device,
				&json);
	json_array_end(&json);
	json_array_begin(&json, "clients");
	peerdirect_each(PEERDIRECT_CLIENTS, peerdirect_json_client, &json);
	json_array_end(&json);
	json_object_end(&json);
}

static void peerdirect_table(void)
{
	if (peerdirect_is_built_in()) {
		puts("The kernel has PeerDirect itself, for all its RDMA devices.");
	} else if (!peerdirect_is_loaded()) {
		complain("peerdirect", "not loaded; 'peermr peerdirect enable DEVICE' does that");
		return;
	} else {
		printf("%-16s %-8s %s\n", "DEVICE", "STATE", "NOTE");
		peerdirect_each(PEERDIRECT_DEVICES, peerdirect_show_device,
				NULL);
		putchar('\n');
	}
	printf("%-16s %-8s %7s %10s\n", "CLIENT", "VERSION", "MRS",
	       "REGISTERED");
	if (!peerdirect_each(PEERDIRECT_CLIENTS, peerdirect_show_client, NULL))
		puts("(none)");
}

static int peerdirect_complain(const char *device, bool enable, int err)
{
	switch (err) {
	case -ENOENT:
		complain(device, "no such RDMA device; 'peermr peerdirect' lists them");
		break;
	case -EACCES:
	case -EPERM:
		complain(device, "no permission; run as root");
		break;
	case -EOPNOTSUPP:
		complain(device, "its driver has no dma-buf MRs, which PeerDirect needs; use a kernel with a newer driver");
		break;
	case -EBUSY:
		complain(device, "another kernel module has hooked its registrations; unload that first");
		break;
	default:
		complain(device, "cannot be %s: %s",
			 enable ? "enabled" : "disabled", strerror(-err));
	}
	return STATUS_FAILED;
}

static int peerdirect_switch(const char *device, bool enable)
{
	int err;

	if (peerdirect_is_built_in()) {
		complain(device, "the kernel has PeerDirect itself, for all its RDMA devices: nothing to switch");
		return STATUS_FAILED;
	}
	if (enable && (module_load("peerdirect", PEERDIRECT_MODULE) ||
		       module_load("peermr_client", PEERDIRECT_CLIENTS "/peermr")))
		return STATUS_FAILED;
	if (!enable && !peerdirect_is_loaded())
		return STATUS_OK;
	if (strchr(device, '/'))
		return peerdirect_complain(device, enable, -ENOENT);
	err = sysfs_write(peerdirect_device_path(device).text, "enabled",
			  enable ? "1" : "0");
	return err ? peerdirect_complain(device, enable, err) : STATUS_OK;
}

int command_peerdirect(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool as_json = false, enable;
	int option;

	while ((option = getopt_long(argc, argv, ":jh", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			as_json = true;
			break;
		case 'h':
			fputs(peerdirect_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (optind == argc) {
		if (as_json)
			peerdirect_json();
		else
			peerdirect_table();
		return STATUS_OK;
	}

	enable = !strcmp(argv[optind], "enable");
	if (as_json || (!enable && strcmp(argv[optind], "disable")))
		return complain_usage(argv[0], "'%s' is neither enable nor disable, or --json does not go with it",
				      argv[optind]);
	if (argc - optind != 2)
		return complain_usage(argv[0], "%s takes one RDMA device",
				      argv[optind]);
	return peerdirect_switch(argv[optind + 1], enable);
}
