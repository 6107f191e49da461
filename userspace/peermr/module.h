/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_TOOL_MODULE_H
#define PEERMR_TOOL_MODULE_H

/* Directory of the PCI driver in sysfs. */
#define MODULE_DRIVER	"/sys/bus/pci/drivers/peermr"

/*
 * Load a kernel module unless @trace, the path of something that only it makes,
 * is there: 0, or -1 with a complaint.
 */
int module_load(const char *name, const char *trace);

#endif /* PEERMR_TOOL_MODULE_H */
