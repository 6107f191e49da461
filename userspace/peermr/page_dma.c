// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Where DMA to the pages of a window ends up. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "page_dma.h"
#include "sysfs.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"

/* include/linux/pci_ids.h: base classes, and InfiniBand of the serial buses. */
#define CLASS_STORAGE		0x01
#define CLASS_NETWORK		0x02
#define CLASS_INFINIBAND	0x0c06

/* Types of IOMMU groups: "DMA" and "DMA-FQ" translate, "identity" does not. */
static bool page_dma_translated(const char *iommu)
{
	return !strncmp(iommu, "DMA", strlen("DMA"));
}

enum page_dma page_dma_of(const struct window *window, unsigned int mask_bits,
			  const char *iommu)
{
	if (!strcmp(window->mode, "pfn") || page_dma_translated(iommu))
		return PAGE_DMA_DIRECT;
	if (!strcmp(window->page_dma, "bounced"))
		return PAGE_DMA_BOUNCED;
	if (mask_bits && mask_bits < window->address_bits)
		return PAGE_DMA_NARROW;
	return PAGE_DMA_DIRECT;
}

const char *page_dma_text(const struct window *window)
{
	static const char *const texts[][2] = {
		{ "direct", "direct" },
		{ "bounced",
		  "bounced (swiotlb=force): for devices without a translating IOMMU the kernel copies through host memory; boot without it" },
		{ "encrypted",
		  "wrong addresses (memory encryption): bind the device with --mode pfn, or boot with mem_encrypt=off" },
		{ "none", "none, as mode pfn has no pages" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(window->page_dma, texts[i][0]))
			return texts[i][1];
	return "unknown";
}

unsigned int page_dma_mask_bits(const char *bdf)
{
	char directory[SYSFS_PATH_LEN / 2];
	uint64_t bits;

	snprintf(directory, sizeof(directory), PCI_DEVICES "/%.31s", bdf);
	if (sysfs_read_u64(directory, "dma_mask_bits", &bits) || bits > 64)
		return 0;
	return (unsigned int)bits;
}

/* Others have masks that say nothing: drivers that do no DMA leave the default. */
static bool narrow_is_of_interest(const char *directory)
{
	char text[16];
	unsigned long class;

	if (sysfs_read(directory, "class", text, sizeof(text)))
		return false;
	class = strtoul(text, NULL, 16) >> 8;
	return class >> 8 == CLASS_STORAGE || class >> 8 == CLASS_NETWORK ||
	       class == CLASS_INFINIBAND;
}

static bool narrow_device_read(const struct window *window, const char *bdf,
			       struct narrow_device *device)
{
	char directory[SYSFS_PATH_LEN / 2], iommu[PCI_NAME_LEN] = "";

	snprintf(directory, sizeof(directory), PCI_DEVICES "/%.31s", bdf);
	if (!narrow_is_of_interest(directory) ||
	    sysfs_link_name(directory, "driver", device->driver,
			    sizeof(device->driver)))
		return false;
	sysfs_read(directory, "iommu_group/type", iommu, sizeof(iommu));
	snprintf(device->bdf, sizeof(device->bdf), "%.31s", bdf);
	device->bits = page_dma_mask_bits(bdf);
	return page_dma_of(window, device->bits, iommu) == PAGE_DMA_NARROW;
}

static int narrow_select(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strlen(entry->d_name) < PCI_NAME_LEN;
}

void narrow_list_read(const struct window *window, struct narrow_list *narrow)
{
	struct dirent **entries;
	int count;

	memset(narrow, 0, sizeof(*narrow));
	count = scandir(PCI_DEVICES, &entries, narrow_select, alphasort);
	if (count < 0)
		return;
	narrow->devices = calloc((size_t)count + 1, sizeof(*narrow->devices));
	for (int i = 0; i < count; i++) {
		if (narrow->devices &&
		    narrow_device_read(window, entries[i]->d_name,
				       &narrow->devices[narrow->count]))
			narrow->count++;
		free(entries[i]);
	}
	free(entries);
}
