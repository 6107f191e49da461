// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What steers which driver takes a device. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"
#include "module.h"

static int binding_save_options(const struct pci_device *device,
				char options[BINDING_OPTIONS_LEN])
{
	size_t length = strlen(device->bdf);
	char text[4096];
	char *line, *rest;
	int err;

	options[0] = '\0';
	err = sysfs_read(MODULE_DRIVER, "options", text, sizeof(text));
	if (err)
		return err;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, device->bdf, length) ||
		    (line[length] && line[length] != ' '))
			continue;
		if (strlen(line) >= BINDING_OPTIONS_LEN)
			return -E2BIG;
		strcpy(options, line);
	}
	return 0;
}

int binding_save(const struct pci_device *device, struct binding *binding)
{
	int err;

	err = sysfs_read(device->path, "driver_override", binding->override,
			 sizeof(binding->override));
	if (err)
		return err;
	if (!strcmp(binding->override, "(null)"))
		binding->override[0] = '\0';
	return binding_save_options(device, binding->options);
}

static int binding_override(const struct pci_device *device, const char *name)
{
	/* An empty line clears it; write(2) of nothing would do nothing. */
	return sysfs_write(device->path, "driver_override",
			   *name ? name : "\n");
}

int binding_restore(const struct pci_device *device,
		    const struct binding *binding)
{
	int err, err_options;

	err = binding_override(device, binding->override);
	/* An address without options makes the driver forget them. */
	err_options = sysfs_write(MODULE_DRIVER, "options",
				  *binding->options ? binding->options :
				  device->bdf);
	return err ? err : err_options;
}

int binding_set(const struct pci_device *device, const char *options)
{
	int err;

	err = sysfs_write(MODULE_DRIVER, "options", options);
	return err ? err : binding_override(device, "peermr");
}

int binding_clear(const struct pci_device *device)
{
	const struct binding none = { .override = "" };

	return binding_restore(device, &none);
}
