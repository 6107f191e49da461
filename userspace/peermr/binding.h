/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What steers which driver takes a device: its driver_override, and the
 * options that the peermr driver keeps for its next probe.
 */
#ifndef PEERMR_TOOL_BINDING_H
#define PEERMR_TOOL_BINDING_H

#include "pci.h"

#define BINDING_OPTIONS_LEN	96

/**
 * struct binding - the settings of a device, to be put back on failure
 * @override: driver_override, "" for none
 * @options: line of the driver's "options", "" for none
 */
struct binding {
	char override[PCI_NAME_LEN];
	char options[BINDING_OPTIONS_LEN];
};

/* Each returns 0 or a negative errno. */
int binding_save(const struct pci_device *device, struct binding *binding);
int binding_restore(const struct pci_device *device,
		    const struct binding *binding);

/* Let the peermr driver take the device, with @options ("BDF bar=N ..."). */
int binding_set(const struct pci_device *device, const char *options);

/* Forget all settings, as if peermr had never seen the device. */
int binding_clear(const struct pci_device *device);

#endif /* PEERMR_TOOL_BINDING_H */
