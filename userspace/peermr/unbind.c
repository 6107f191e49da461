// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* peermr unbind: give a device back, but not from under its users. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"
#include "module.h"
#include "revoke.h"
#include "tool.h"
#include "window.h"

static const char unbind_help[] =
"Usage: peermr unbind BDF [--force]\n"
"\n"
"Give the PCI device BDF back and let no driver hold it. Refuses while buffers\n"
"exist, and names who holds them. Needs root.\n"
"\n"
"  -f, --force  take the memory away: mappings give SIGBUS from now on. Then\n"
"               wait until RDMA devices have let go of it, which only the\n"
"               processes that registered it can cause; Ctrl-C ends the wait\n"
"  -h, --help   print this text\n";

struct unbind_window {
	const struct window *window;
	int fd;
};

static void unbind_close(struct unbind_window *targets, int count)
{
	for (int i = 0; i < count; i++)
		close(targets[i].fd);
	free(targets);
}

static struct unbind_window *unbind_open(const struct window *windows,
					 int count)
{
	struct unbind_window *targets = calloc((size_t)count, sizeof(*targets));

	if (!targets) {
		complain("unbind", "out of memory");
		return NULL;
	}
	for (int i = 0; i < count; i++) {
		targets[i].window = &windows[i];
		targets[i].fd = window_open(&windows[i]);
		if (targets[i].fd < 0) {
			window_open_complain(&windows[i], targets[i].fd);
			unbind_close(targets, i);
			return NULL;
		}
	}
	return targets;
}

/* Name whoever holds a buffer of the window: how many there are. */
static int unbind_holders(const struct unbind_window *target)
{
	struct peermr_holder *holders;
	int count = holder_list(target->fd, &holders);

	if (count < 0) {
		complain(target->window->name, "cannot list its buffers: %s",
			 strerror(-count));
		return count;
	}
	holder_complain(target->window, holders, count);
	free(holders);
	return count;
}

static void unbind_revoke_complain(const struct unbind_window *target, int err)
{
	const char *name = target->window->name;

	if (err == -EPERM || err == -EACCES)
		complain(name, "no permission to revoke it; run as root");
	else
		complain(name, "cannot be revoked: %s", strerror(-err));
}

static void unbind_busy_complain(const char *bdf)
{
	complain(bdf, "in use, not unbound; end these processes, or take the memory away from them with --force");
}

static int unbind_revoke_unused(const char *bdf,
				const struct unbind_window *targets, int count)
{
	int err, held, busy = 0;

	/* All are looked at before the first is changed. */
	for (int i = 0; i < count; i++) {
		held = unbind_holders(&targets[i]);
		if (held < 0)
			return STATUS_FAILED;
		busy += held;
	}
	if (busy) {
		unbind_busy_complain(bdf);
		return STATUS_FAILED;
	}
	for (int i = 0; i < count; i++) {
		err = revoke_unused(targets[i].fd);
		if (!err)
			continue;
		if (err == -EBUSY) {
			unbind_holders(&targets[i]);
			unbind_busy_complain(bdf);
		} else {
			unbind_revoke_complain(&targets[i], err);
		}
		/* Somebody came between the look and the revocation. */
		for (int done = 0; done < i; done++)
			complain(targets[done].window->name, "revoked already; repeat the command to finish");
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int unbind_revoke_force(const char *bdf,
			       const struct unbind_window *targets, int count)
{
	int err;

	for (int i = 0; i < count; i++) {
		err = revoke_force(targets[i].window, targets[i].fd);
		if (err == -EINTR) {
			unbind_holders(&targets[i]);
			complain(bdf, "interrupted; %s is revoked but still pinned, so the device stays bound; end its holders and repeat 'peermr unbind --force %s'",
				 targets[i].window->name, bdf);
			return STATUS_INTERRUPTED;
		}
		if (err) {
			unbind_revoke_complain(&targets[i], err);
			return STATUS_FAILED;
		}
	}
	return STATUS_OK;
}

static int unbind_finish(const struct pci_device *device)
{
	int err;

	/* An override that stays would give peermr the device at once. */
	err = binding_clear(device);
	if (err) {
		complain(device->bdf, "revoked, but its driver_override cannot be cleared: %s",
			 strerror(-err));
		return STATUS_FAILED;
	}
	err = sysfs_write(MODULE_DRIVER, "unbind", device->bdf);
	if (err) {
		complain(device->bdf, "revoked, but the driver does not let go: %s",
			 strerror(-err));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int unbind_windows(const struct pci_device *device, bool force)
{
	struct unbind_window *targets = NULL;
	struct window *windows;
	int count, status = STATUS_OK;

	count = window_find_device(device->bdf, &windows);
	if (count < 0) {
		complain(device->bdf, "cannot list its windows: %s",
			 strerror(-count));
		return STATUS_FAILED;
	}
	if (count) {
		targets = unbind_open(windows, count);
		if (!targets)
			status = STATUS_FAILED;
		else if (force)
			status = unbind_revoke_force(device->bdf, targets,
						     count);
		else
			status = unbind_revoke_unused(device->bdf, targets,
						      count);
	}
	/* Open files of ours must not be what the driver waits for. */
	if (targets)
		unbind_close(targets, count);
	free(windows);
	return status ? status : unbind_finish(device);
}

static int unbind_device(const struct pci_device *device, bool force)
{
	char driver[PCI_NAME_LEN];
	int err;

	err = pci_driver_name(device, driver);
	if (err) {
		complain(device->bdf, "cannot tell its driver: %s",
			 strerror(-err));
		return STATUS_FAILED;
	}
	if (!strcmp(driver, "peermr"))
		return unbind_windows(device, force);
	if (*driver)
		complain(device->bdf, "not bound to peermr but to %s; nothing to unbind",
			 driver);
	else
		complain(device->bdf, "not bound to peermr, nor to any driver; nothing to unbind");
	return STATUS_FAILED;
}

int command_unbind(int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pci_device device;
	bool force = false;
	int option;

	while ((option = getopt_long(argc, argv, ":fh", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			force = true;
			break;
		case 'h':
			fputs(unbind_help, stdout);
			return STATUS_OK;
		default:
			return complain_option(option, argv);
		}
	}
	if (argc - optind != 1)
		return complain_usage(argv[0], "takes the address of one PCI device");
	if (pci_device_find(argv[optind], &device))
		return STATUS_FAILED;
	return unbind_device(&device, force);
}
