// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Which BARs of a device peermr can take, and why not the others. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bar.h"
#include "tool.h"

/* One folio of the page path; memremap_pages() takes no less. */
#define BAR_PAGES_UNIT	(2ULL << 20)

/* Below it the driver takes a BAR for registers unless it is named. */
#define BAR_UNNAMED_MIN	(2ULL << 20)

#define BAR_REASON_LEN	192

/*
 * True, and the reason with the way out, if the driver would refuse BAR
 * @number, which the user did (@named) or did not name.
 */
static bool bar_refused(const struct pci_bar *bar, int number, bool named,
			bool pages, char reason[BAR_REASON_LEN])
{
	uint64_t unit = pages ? BAR_PAGES_UNIT :
				(uint64_t)sysconf(_SC_PAGESIZE);
	char name[16] = "";

	if (!named)
		snprintf(name, sizeof(name), " --bar %d", number);

	if (bar->unplaced)
		snprintf(reason, BAR_REASON_LEN,
			 "has no address, the firmware had no room for it; allow 64-bit BARs ('Above 4G Decoding') in the firmware set-up");
	else if (!bar->size)
		snprintf(reason, BAR_REASON_LEN,
			 "the device has no such BAR; 'lspci -vs' shows those it has (a 64-bit BAR occupies two numbers)");
	else if (!bar->memory)
		snprintf(reason, BAR_REASON_LEN,
			 "holds I/O ports, not memory; choose a memory BAR");
	else if (bar->msix)
		snprintf(reason, BAR_REASON_LEN,
			 "holds the MSI-X interrupt table, which must not be mapped; choose another BAR");
	else if (bar->size < unit && pages)
		snprintf(reason, BAR_REASON_LEN,
			 "%s is below the %s the page path needs; use --mode pfn%s",
			 size_format(bar->size).text, size_format(unit).text,
			 name);
	else if (bar->size < unit)
		snprintf(reason, BAR_REASON_LEN,
			 "%s is below the %s of a page; choose another BAR",
			 size_format(bar->size).text, size_format(unit).text);
	else if (bar->size < BAR_UNNAMED_MIN && !named)
		snprintf(reason, BAR_REASON_LEN,
			 "%s may be registers, not memory, so it is taken only if it is named; use%s",
			 size_format(bar->size).text, name);
	else if (bar->start % unit)
		snprintf(reason, BAR_REASON_LEN,
			 "its address %#llx is no multiple of %s; %s",
			 (unsigned long long)bar->start, size_format(unit).text,
			 pages ? "use --mode pfn" : "choose another BAR");
	else
		return false;
	return true;
}

static void bar_complain(const struct pci_device *device, int bar,
			 const char *reason)
{
	char thing[PCI_NAME_LEN + 8];

	snprintf(thing, sizeof(thing), "%s BAR%d", device->bdf, bar);
	complain(thing, "%s", reason);
}

/* The largest memory BAR is the one that people mean. */
static int bar_largest(const struct pci_bar bars[PCI_BARS])
{
	int largest = BAR_ANY;

	for (int i = 0; i < PCI_BARS; i++)
		if (bars[i].memory &&
		    (largest == BAR_ANY || bars[i].size > bars[largest].size))
			largest = i;
	return largest;
}

bool bar_suits(const struct pci_device *device, int bar, bool pages)
{
	struct pci_bar bars[PCI_BARS];
	char reason[BAR_REASON_LEN];
	bool named = bar != BAR_ANY;
	int err;

	err = pci_bars_read(device, bars);
	if (err) {
		complain(device->bdf, "cannot read its BARs: %s",
			 strerror(-err));
		return false;
	}
	if (!named) {
		for (int i = 0; i < PCI_BARS; i++)
			if (!bar_refused(&bars[i], i, named, pages, reason))
				return true;
		bar = bar_largest(bars);
		if (bar == BAR_ANY) {
			complain(device->bdf, "has no memory BAR, so there is nothing to take; choose another device");
			return false;
		}
	}
	if (!bar_refused(&bars[bar], bar, named, pages, reason))
		return true;
	bar_complain(device, bar, reason);
	return false;
}
