// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/bus/pci/drivers/peermr/options: what the next probe of a device does.
 * driver_override carries no arguments, so they wait here:
 *   "0000:01:00.0 bar=2 mode=pages" remembers, "0000:01:00.0" forgets.
 */

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "peermr.h"

#define PEERMR_BDF_LEN		24

/* Nobody has this many devices; a loop in a script must not fill memory. */
#define PEERMR_OPTIONS_MAX	256

struct peermr_pci_entry {
	struct list_head node;
	char bdf[PEERMR_BDF_LEN];
	struct peermr_pci_options options;
};

static LIST_HEAD(peermr_pci_entries);
static DEFINE_MUTEX(peermr_pci_lock);
static unsigned int peermr_pci_nr_entries;

static struct peermr_pci_entry *peermr_pci_find(const char *bdf)
{
	struct peermr_pci_entry *entry;

	lockdep_assert_held(&peermr_pci_lock);
	list_for_each_entry(entry, &peermr_pci_entries, node)
		if (!strcmp(entry->bdf, bdf))
			return entry;
	return NULL;
}

static void peermr_pci_forget(struct peermr_pci_entry *entry)
{
	lockdep_assert_held(&peermr_pci_lock);
	list_del(&entry->node);
	peermr_pci_nr_entries--;
	kfree(entry);
}

struct peermr_pci_options peermr_pci_options_get(struct pci_dev *pdev)
{
	struct peermr_pci_options options = { .bar = -1 };
	struct peermr_pci_entry *entry;

	mutex_lock(&peermr_pci_lock);
	entry = peermr_pci_find(pci_name(pdev));
	if (entry)
		options = entry->options;
	mutex_unlock(&peermr_pci_lock);
	return options;
}

void peermr_pci_options_clear(void)
{
	struct peermr_pci_entry *entry, *next;

	mutex_lock(&peermr_pci_lock);
	list_for_each_entry_safe(entry, next, &peermr_pci_entries, node)
		peermr_pci_forget(entry);
	mutex_unlock(&peermr_pci_lock);
}

/* Parse one word after the address. */
static int peermr_pci_parse(const char *word,
			    struct peermr_pci_options *options)
{
	unsigned int bar;

	if (!strcmp(word, "mode=pages")) {
		options->mode = PEERMR_MODE_PAGES;
		return 0;
	}
	if (!strcmp(word, "mode=pfn")) {
		options->mode = PEERMR_MODE_PFN;
		return 0;
	}
	if (str_has_prefix(word, "bar=") &&
	    !kstrtouint(word + strlen("bar="), 10, &bar) &&
	    bar < PCI_STD_NUM_BARS) {
		options->bar = bar;
		return 0;
	}
	return -EINVAL;
}

/* Bring an address into the form of pci_name(). */
static int peermr_pci_parse_bdf(const char *word, char *bdf)
{
	unsigned int domain, bus, dev, fn;
	char end;

	if (sscanf(word, "%x:%x:%x.%u%c", &domain, &bus, &dev, &fn, &end) != 4)
		return -EINVAL;
	if (bus > 0xff || dev > 0x1f || fn > 7)
		return -EINVAL;
	snprintf(bdf, PEERMR_BDF_LEN, "%04x:%02x:%02x.%u", domain, bus, dev,
		 fn);
	return 0;
}

static int peermr_pci_remember(const char *bdf,
			       const struct peermr_pci_options *options)
{
	struct peermr_pci_entry *entry;

	lockdep_assert_held(&peermr_pci_lock);
	entry = peermr_pci_find(bdf);
	if (!entry) {
		if (peermr_pci_nr_entries >= PEERMR_OPTIONS_MAX)
			return -ENOSPC;
		entry = kzalloc(sizeof(*entry), GFP_KERNEL);
		if (!entry)
			return -ENOMEM;
		strscpy(entry->bdf, bdf, sizeof(entry->bdf));
		list_add_tail(&entry->node, &peermr_pci_entries);
		peermr_pci_nr_entries++;
	}
	entry->options = *options;
	return 0;
}

static ssize_t options_store(struct device_driver *driver, const char *buf,
			     size_t count)
{
	struct peermr_pci_options options = { .bar = -1 };
	char *copy, *rest, *word;
	char bdf[PEERMR_BDF_LEN];
	struct peermr_pci_entry *entry;
	bool words = false;
	int ret = -EINVAL;

	copy = kstrndup(buf, count, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = strim(copy);
	word = strsep(&rest, " \t");
	if (!word || peermr_pci_parse_bdf(word, bdf))
		goto out_free;

	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		ret = peermr_pci_parse(word, &options);
		if (ret)
			goto out_free;
		words = true;
	}

	mutex_lock(&peermr_pci_lock);
	if (words) {
		ret = peermr_pci_remember(bdf, &options);
	} else {
		entry = peermr_pci_find(bdf);
		if (entry)
			peermr_pci_forget(entry);
		ret = 0;
	}
	mutex_unlock(&peermr_pci_lock);
out_free:
	kfree(copy);
	return ret ?: count;
}

static ssize_t options_show(struct device_driver *driver, char *buf)
{
	struct peermr_pci_entry *entry;
	int len = 0;

	mutex_lock(&peermr_pci_lock);
	list_for_each_entry(entry, &peermr_pci_entries, node) {
		len += sysfs_emit_at(buf, len, "%s", entry->bdf);
		if (entry->options.bar >= 0)
			len += sysfs_emit_at(buf, len, " bar=%d",
					     entry->options.bar);
		if (entry->options.mode)
			len += sysfs_emit_at(buf, len, " mode=%s",
					     entry->options.mode ==
					     PEERMR_MODE_PFN ? "pfn" : "pages");
		len += sysfs_emit_at(buf, len, "\n");
	}
	mutex_unlock(&peermr_pci_lock);
	return len;
}
static DRIVER_ATTR_RW(options);

static struct attribute *peermr_pci_driver_attrs[] = {
	&driver_attr_options.attr,
	NULL
};

static const struct attribute_group peermr_pci_driver_group = {
	.attrs = peermr_pci_driver_attrs,
};

const struct attribute_group *peermr_pci_driver_groups[] = {
	&peermr_pci_driver_group,
	NULL
};
