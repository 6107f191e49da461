// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr bind: take a PCI device and make windows of its memory BARs. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bar.h"
#include "binding.h"
#include "kernel_log.h"
#include "module.h"
#include "tool.h"
#include "window.h"

/* udev may rename or chmod a node; devtmpfs makes it at once. */
#define BIND_NODE_TRIES		250
#define BIND_NODE_INTERVAL_NS	20000000

static const char bind_help[] =
"Usage: peermr bind BDF [--bar N] [--mode pages|pfn]\n"
"\n"
"Take the PCI device BDF (0000:00:04.0 or 00:04.0), which no other driver may\n"
"hold, and make a window of each memory BAR of 2 MiB and more. Loads the kernel\n"
"module if need be. Needs root.\n"
"\n"
"  -b, --bar N      only this BAR, 0 to 5; in mode pfn, of any size\n"
"  -m, --mode MODE  pages: plain ibv_reg_mr() works; the default\n"
"                   pfn: CPU mappings only\n"
"  -h, --help       print this text\n";

/* mode is NULL where the user leaves it to the driver. */
struct bind_request {
	struct pci_device device;
	int bar;
	const char *mode;
};

static void bind_windows_print(const struct window *windows, int count)
{
	for (int i = 0; i < count; i++)
		printf(WINDOW_DEVICES "/%s  %s, mode %s\n", windows[i].name,
		       size_format(windows[i].size).text, windows[i].mode);
}

/* The device is ours already: fine if it is what was asked for. */
static int bind_compare(const struct bind_request *request)
{
	const char *bdf = request->device.bdf;
	struct window *windows;
	int count, status = STATUS_OK;
	bool found = false;

	count = window_find_device(bdf, &windows);
	if (count < 0) {
		complain(bdf, "cannot list its windows: %s", strerror(-count));
		return STATUS_FAILED;
	}
	for (int i = 0; i < count; i++) {
		found |= window_bar(&windows[i]) == request->bar;
		if (request->mode && strcmp(windows[i].mode, request->mode)) {
			complain(windows[i].name, "already bound in mode %s; 'peermr unbind %s' first",
				 windows[i].mode, bdf);
			status = STATUS_FAILED;
		}
	}
	if (!status && request->bar != BAR_ANY && (!found || count > 1)) {
		complain(bdf, "already bound, with other BARs than BAR%d alone; 'peermr unbind %s' first",
			 request->bar, bdf);
		status = STATUS_FAILED;
	}
	if (!status) {
		printf("%s is already bound:\n", bdf);
		bind_windows_print(windows, count);
	}
	free(windows);
	return status;
}

static bool bind_nodes_exist(const struct window *windows, int count)
{
	char path[SYSFS_PATH_LEN];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), WINDOW_DEVICES "/%s",
			 windows[i].name);
		if (access(path, F_OK))
			return false;
	}
	return true;
}

static int bind_report(const struct bind_request *request)
{
	const struct timespec interval = { .tv_nsec = BIND_NODE_INTERVAL_NS };
	const char *bdf = request->device.bdf;
	struct window *windows;
	int count, tries = BIND_NODE_TRIES;

	count = window_find_device(bdf, &windows);
	if (count <= 0) {
		complain(bdf, "bound, but it has no window: %s",
			 count ? strerror(-count) : "dmesg may say why");
		free(windows);
		return STATUS_FAILED;
	}
	while (!bind_nodes_exist(windows, count) && tries--)
		nanosleep(&interval, NULL);
	if (tries < 0)
		complain(bdf, "bound, but its nodes below " WINDOW_DEVICES " do not appear; is /dev a devtmpfs?");
	else
		bind_windows_print(windows, count);
	free(windows);
	return tries < 0 ? STATUS_FAILED : STATUS_OK;
}

static void bind_settings_complain(const char *bdf, int err)
{
	if (err == -EACCES || err == -EPERM)
		complain(bdf, "no permission to change its driver; run as root");
	else
		complain(bdf, "cannot choose its driver: %s", strerror(-err));
}

/* The settings are in place: probe, and put them back on failure. */
static int bind_probe(const struct bind_request *request,
		      const struct binding *before)
{
	const struct pci_device *device = &request->device;
	char reason[256];
	int log, err;

	log = kernel_log_open();
	/* Unlike drivers_probe, this returns what the probe returned. */
	err = sysfs_write(MODULE_DRIVER, "bind", device->bdf);
	kernel_log_close(log, device->bdf, reason, sizeof(reason));
	if (!err)
		return bind_report(request);

	complain(device->bdf, "the driver refused it: %s; %s", strerror(-err),
		 *reason ? reason : "dmesg may say why");
	err = binding_restore(device, before);
	if (err)
		complain(device->bdf, "its driver_override could not be put back: %s",
			 strerror(-err));
	return STATUS_FAILED;
}

static int bind_device(const struct bind_request *request)
{
	const struct pci_device *device = &request->device;
	char options[BINDING_OPTIONS_LEN];
	struct binding before;
	int used, err;

	if (module_load("peermr", MODULE_DRIVER))
		return STATUS_FAILED;
	err = binding_save(device, &before);
	if (err) {
		bind_settings_complain(device->bdf, err);
		return STATUS_FAILED;
	}
	used = snprintf(options, sizeof(options), "%s", device->bdf);
	if (request->bar != BAR_ANY)
		used += snprintf(options + used, sizeof(options) - (size_t)used,
				 " bar=%d", request->bar);
	if (request->mode)
		snprintf(options + used, sizeof(options) - (size_t)used,
			 " mode=%s", request->mode);
	err = binding_set(device, options);
	if (err) {
		bind_settings_complain(device->bdf, err);
		binding_restore(device, &before);
		return STATUS_FAILED;
	}
	return bind_probe(request, &before);
}

/* All that can be known without touching anything. */
static int bind_check(const struct bind_request *request)
{
	const struct pci_device *device = &request->device;
	char driver[PCI_NAME_LEN], path[SYSFS_PATH_LEN];
	int err;

	if (!bar_suits(device, request->bar,
		       !request->mode || strcmp(request->mode, "pfn")))
		return STATUS_FAILED;
	err = pci_driver_name(device, driver);
	if (err) {
		complain(device->bdf, "cannot tell its driver: %s",
			 strerror(-err));
		return STATUS_FAILED;
	}
	if (!strcmp(driver, "peermr"))
		return bind_compare(request);
	if (*driver) {
		complain(device->bdf, "busy, driver %s has it; if nothing uses it, first 'echo %s > /sys/bus/pci/drivers/%s/unbind'",
			 driver, device->bdf, driver);
		return STATUS_FAILED;
	}
	snprintf(path, sizeof(path), "%s/driver_override", device->path);
	if (access(path, W_OK)) {
		bind_settings_complain(device->bdf, -errno);
		return STATUS_FAILED;
	}
	return bind_device(request);
}

static int bind_bar_parse(const char *text, int *bar)
{
	if (text[0] < '0' || text[0] >= '0' + PCI_BARS || text[1])
		return -EINVAL;
	*bar = text[0] - '0';
	return 0;
}

int command_bind(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bar", required_argument, NULL, 'b' },
		{ "mode", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct bind_request request = { .bar = BAR_ANY };
	int option;

	while ((option = getopt_long(argc, argv, ":b:m:h", options,
				     NULL)) != -1) {
		switch (option) {
		case 'b':
			if (bind_bar_parse(optarg, &request.bar))
				return complain_usage(argv[0], "'%s' is not the number of a BAR, 0 to 5",
						      optarg);
			break;
		case 'm':
			if (strcmp(optarg, "pages") && strcmp(optarg, "pfn"))
				return complain_usage(argv[0], "'%s' is not a mode; there are pages and pfn",
						      optarg);
			request.mode = optarg;
			break;
		case 'h':
			fputs(bind_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (argc - optind != 1)
		return complain_usage(argv[0], "takes the address of one PCI device");
	if (pci_device_find(argv[optind], &request.device))
		return STATUS_FAILED;
	return bind_check(&request);
}
