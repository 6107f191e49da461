/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_WINDOW_TABLE_H
#define LIBPEERMR_WINDOW_TABLE_H

#include <stdbool.h>

#include <peermr.h>

#include "own_fd.h"

/**
 * struct peermr_window_node - a window that the library holds open to ask it
 * @refs: tables that list it
 * @own: the device node; the application may have closed it behind our back
 * @name: below /dev/peermr
 */
struct peermr_window_node {
	unsigned int refs;
	struct peermr_own_fd own;
	char name[PEERMR_NAME_LEN];
};

/**
 * struct peermr_window_table - the windows that this process may open
 * @refs: whoever looks at it, and the library while it is the current one
 * @error: why a window is missing that exists: 0 or a negative errno; not
 *	counting those that this user may not open
 * @count: of @nodes
 * @nodes: do not change
 */
struct peermr_window_table {
	unsigned int refs;
	int error;
	int count;
	struct peermr_window_node *nodes[];
};

/*
 * Whether the current table has a window or lacks one. Scans only when asked
 * for the first time.
 */
bool peermr_window_table_is_of_use(void);

/*
 * The current table, to be given back with peermr_window_table_put(), or NULL
 * if there is none. peermr_window_table_scan() makes a new one.
 */
struct peermr_window_table *peermr_window_table_get(void);
void peermr_window_table_scan(void);
void peermr_window_table_put(struct peermr_window_table *table);

#endif /* LIBPEERMR_WINDOW_TABLE_H */
