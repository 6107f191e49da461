/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which BARs of a device peermr can take. */
#ifndef PEERMR_TOOL_BAR_H
#define PEERMR_TOOL_BAR_H

#include <stdbool.h>

#include "pci.h"

#define BAR_ANY	(-1)

/*
 * Would the driver take @bar (BAR_ANY: at least one) of @device in this mode?
 * Complains if not. Asks before anything is touched; the kernel has the last
 * word.
 */
bool bar_suits(const struct pci_device *device, int bar, bool pages);

#endif /* PEERMR_TOOL_BAR_H */
