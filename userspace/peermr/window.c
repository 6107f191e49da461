// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Windows of peermr, as sysfs describes them. */
#include <errno.h>
#include <fcntl.h>
#include <peermr.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"
#include "window.h"

#define WINDOW_CLASS	"/sys/class/peermr"

int window_bar(const struct window *window)
{
	const char *suffix = strstr(window->name, "-bar");

	return suffix ? atoi(suffix + 4) : -1;
}

/* A window that is not all of its BAR has its offset in the name. */
static unsigned int window_address_bits(const struct window *window)
{
	const char *suffix = strstr(window->name, "-bar");
	struct pci_bar bars[PCI_BARS];
	struct pci_device device;
	unsigned int bits = 0;
	uint64_t last;
	int bar = window_bar(window);

	if (bar < 0 || bar >= PCI_BARS)
		return 0;
	snprintf(device.path, sizeof(device.path), WINDOW_CLASS "/%s/device",
		 window->name);
	if (pci_bars_read(&device, bars) || !bars[bar].start)
		return 0;
	suffix = strchr(suffix + 1, '-');
	last = bars[bar].start + window->size - 1;
	if (suffix)
		last += strtoull(suffix + 1, NULL, 16);
	while (last >> bits)
		bits++;
	return bits;
}

static int window_read(struct window *window)
{
	char path[SYSFS_PATH_LEN / 2], node[16];
	const struct {
		const char *attribute;
		uint64_t *value;
	} numbers[] = {
		{ "size", &window->size },
		{ "free", &window->free },
		{ "granule", &window->granule },
		{ "buffers", &window->buffers },
		{ "pinned", &window->pinned },
		{ "quarantined", &window->quarantined },
		{ "quota", &window->quota },
	};
	int err;

	snprintf(path, sizeof(path), WINDOW_CLASS "/%s", window->name);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		err = sysfs_read_u64(path, numbers[i].attribute,
				     numbers[i].value);
		if (err)
			return err;
	}
	err = sysfs_read(path, "numa_node", node, sizeof(node));
	if (!err)
		err = sysfs_read(path, "mode", window->mode,
				 sizeof(window->mode));
	if (!err)
		err = sysfs_read(path, "state", window->state,
				 sizeof(window->state));
	if (!err)
		window->numa_node = atoi(node);
	window->address_bits = window_address_bits(window);
	/* Modules of before have no such attribute. */
	sysfs_read(path, "page_dma", window->page_dma,
		   sizeof(window->page_dma));
	return err;
}

/* "X" is the window X or of the device X; NULL is any. */
static bool window_matches(const struct window *window, const char *name)
{
	size_t length;

	if (!name || !strcmp(window->name, name))
		return true;
	length = strlen(name);
	return !strncmp(window->name, name, length) &&
	       !strncmp(window->name + length, "-bar", 4);
}

static int window_collect(const char *name, struct window **windows)
{
	struct peermr_window_info *infos = NULL;
	struct window *found;
	int count, used = 0;

	*windows = NULL;
	count = peermr_list(&infos);
	if (count <= 0)
		return count;
	found = calloc((size_t)count, sizeof(*found));
	if (!found) {
		free(infos);
		return -ENOMEM;
	}
	for (int i = 0; i < count; i++) {
		struct window *window = &found[used];

		snprintf(window->name, sizeof(window->name), "%s",
			 infos[i].name);
		/* One that went away in the meantime is no error. */
		if (window_matches(window, name) && !window_read(window))
			used++;
	}
	free(infos);
	*windows = found;
	return used;
}

int window_find_device(const char *bdf, struct window **windows)
{
	return window_collect(bdf, windows);
}

/* Strip the path, and complete a PCI address without a domain. */
static void window_normalize(const char *name, char text[WINDOW_NAME_LEN])
{
	char address[WINDOW_NAME_LEN], bdf[PCI_NAME_LEN];
	const char *suffix;
	size_t length;

	if (!strncmp(name, WINDOW_DEVICES "/", strlen(WINDOW_DEVICES "/")))
		name += strlen(WINDOW_DEVICES "/");
	snprintf(text, WINDOW_NAME_LEN, "%s", name);

	suffix = strstr(name, "-bar");
	length = suffix ? (size_t)(suffix - name) : strlen(name);
	if (length >= sizeof(address))
		return;
	memcpy(address, name, length);
	address[length] = '\0';
	if (!pci_bdf_parse(address, bdf))
		snprintf(text, WINDOW_NAME_LEN, "%s%s", bdf,
			 suffix ? suffix : "");
}

int window_find(const char *name, struct window **windows)
{
	char text[WINDOW_NAME_LEN];
	int count;

	if (name) {
		window_normalize(name, text);
		name = text;
	}
	count = window_collect(name, windows);
	if (count == -ENODEV) {
		complain("kernel module", "not loaded; load it with 'modprobe peermr' as root, or take a device with 'peermr bind BDF'");
	} else if (count < 0) {
		complain(WINDOW_CLASS, "%s", strerror(-count));
	} else if (!count && name) {
		complain(name, "no such window; 'peermr list' lists them, 'peermr bind BDF' makes one");
		free(*windows);
		*windows = NULL;
		count = -ENOENT;
	}
	return count;
}

int window_open(const struct window *window)
{
	char path[SYSFS_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), WINDOW_DEVICES "/%s", window->name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void window_open_complain(const struct window *window, int err)
{
	const char *name = window->name;

	if (err == -EACCES || err == -EPERM)
		complain(name, "no permission to open " WINDOW_DEVICES "/%s; run as root, or join the group that owns it",
			 name);
	else if (err == -ENOENT)
		complain(name, WINDOW_DEVICES "/%s does not exist; is /dev a devtmpfs, and not that of a container?",
			 name);
	else if (err == -ENODEV && !strcmp(window->state, "stopped"))
		complain(name, "stopped, its device is in a reset or asleep; try again when that is over");
	else if (err == -ENODEV)
		complain(name, "revoked; bind its device anew with 'peermr unbind' and 'peermr bind'");
	else
		complain(name, "cannot open " WINDOW_DEVICES "/%s: %s", name,
			 strerror(-err));
}

void window_json(struct json *json, const struct window *window)
{
	json_string(json, "name", window->name);
	json_string(json, "state", window->state);
	json_string(json, "mode", window->mode);
	if (*window->page_dma)
		json_string(json, "page_dma", window->page_dma);
	else
		json_null(json, "page_dma");
	json_unsigned(json, "size", window->size);
	json_unsigned(json, "free", window->free);
	json_unsigned(json, "granule", window->granule);
	if (window->numa_node < 0)
		json_null(json, "numa_node");
	else
		json_signed(json, "numa_node", window->numa_node);
	json_unsigned(json, "quota", window->quota);
	json_unsigned(json, "pinned", window->pinned);
	json_unsigned(json, "quarantined", window->quarantined);
	json_unsigned(json, "buffer_count", window->buffers);
}
