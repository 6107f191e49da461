/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Windows of peermr, and who holds their buffers. */
#ifndef PEERMR_TOOL_WINDOW_H
#define PEERMR_TOOL_WINDOW_H

#include <linux/peermr.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "json.h"
#include "pci.h"

#define WINDOW_NAME_LEN	64
#define WINDOW_DEVICES	"/dev/peermr"

/**
 * struct window - a window, as sysfs describes it
 * @name: name below /dev/peermr, "0000:01:00.0-bar2"
 * @mode: "pages" or "pfn"
 * @page_dma: what DMA to its pages gets, "direct", "bounced", "encrypted" or
 *	"none"; "" if the module does not tell
 * @state: "live", "stopped" or "revoked"
 * @address_bits: of the bus address of its last byte; 0 if unknown
 * @size: bytes
 * @free: bytes
 * @granule: bytes
 * @buffers: how many, quarantined ones included
 * @pinned: bytes
 * @quarantined: bytes
 * @quota: bytes per user, 0 for none
 * @numa_node: -1 if unknown
 */
struct window {
	char name[WINDOW_NAME_LEN];
	char mode[16];
	char page_dma[16];
	char state[16];
	uint64_t size;
	uint64_t free;
	uint64_t granule;
	uint64_t buffers;
	uint64_t pinned;
	uint64_t quarantined;
	uint64_t quota;
	unsigned int address_bits;
	int numa_node;
};

/*
 * Find the windows that @name means: NULL for all, a window's name or path, or
 * the PCI address of a device for all of that device. Complains unless it
 * finds at least one; for NULL, none is not an error.
 *
 * Return: how many are in @windows, which the caller frees; or a negative
 * errno.
 */
int window_find(const char *name, struct window **windows);

/* All windows of a device, without complaining about none. */
int window_find_device(const char *bdf, struct window **windows);

/* BAR number from the name, or -1. */
int window_bar(const struct window *window);

/* Open the device node: a file descriptor, or a negative errno. */
int window_open(const struct window *window);

/* Say why window_open() or peermr_window_open() gave @err, negative. */
void window_open_complain(const struct window *window, int err);

/* The window's own keys of the JSON output. */
void window_json(struct json *json, const struct window *window);

/* All buffers that this user may see: a count, or a negative errno. */
int holder_list(int fd, struct peermr_holder **holders);

const char *holder_state(const struct peermr_holder *holder);

/* "pid 12 (name)", safe for a terminal whatever the name holds. */
#define HOLDER_OWNER_LEN	(PEERMR_COMM_LEN + 24)
void holder_owner(const struct peermr_holder *holder,
		  char text[HOLDER_OWNER_LEN]);

/* One line on stderr per buffer: who holds how much of @window. */
void holder_complain(const struct window *window,
		     const struct peermr_holder *holders, int count);

#endif /* PEERMR_TOOL_WINDOW_H */
