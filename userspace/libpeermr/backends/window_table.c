// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The windows of this machine, open: an open file of a window tells whether a
 * pointer is its memory. Node and table are protected by the library's lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/peermr.h>

#include "backends/window_table.h"
#include "lock.h"
#include "name.h"

static struct peermr_window_table *current_table;	/* under the lock */

/* What the fast path knows of it. */
static atomic_bool scanned, of_use;

static bool peermr_window_is_live(int fd)
{
	struct peermr_query query = { .size = sizeof(query) };

	return !ioctl(fd, PEERMR_IOC_QUERY, &query);
}

static void peermr_window_node_put(struct peermr_window_node *node)
{
	if (--node->refs)
		return;
	if (peermr_own_fd_is_ours(&node->own))
		close(node->own.fd);
	free(node);
}

static int peermr_window_node_open(const char *name,
				   struct peermr_window_node **opened)
{
	struct peermr_window_node *node;
	char path[PATH_MAX];
	struct stat st;
	int fd, ret;

	ret = peermr_name_to_path(name, path, sizeof(path));
	if (ret)
		return ret;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	strcpy(node->name, name);
	/* To read only would do for a look-up, but not for an export. */
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = -ENODEV;
	if (fstat(fd, &st) || !S_ISCHR(st.st_mode) ||
	    !peermr_window_is_live(fd))
		goto err_close;
	node->own = peermr_own_fd(fd, &st);
	*opened = node;
	return 0;

err_close:
	close(fd);
err_free:
	free(node);
	return ret;
}

/* The open node of window @name, if that is still the same window, or NULL. */
static struct peermr_window_node *peermr_window_node_find(const char *name)
{
	struct peermr_window_node *node;
	int i;

	for (i = 0; current_table && i < current_table->count; i++) {
		node = current_table->nodes[i];
		if (!strcmp(node->name, name) &&
		    peermr_own_fd_is_ours(&node->own) &&
		    peermr_window_is_live(node->own.fd))
			return node;
	}
	return NULL;
}

static void peermr_window_table_add(struct peermr_window_table *table,
				    const char *name)
{
	struct peermr_window_node *node = peermr_window_node_find(name);
	int ret;

	if (!node) {
		ret = peermr_window_node_open(name, &node);
		/* Of no use to this user, or gone. */
		if (ret == -EACCES || ret == -EPERM || ret == -ENODEV ||
		    ret == -ENOENT || ret == -ENXIO)
			return;
		if (ret) {
			table->error = ret;
			return;
		}
	}
	node->refs++;
	table->nodes[table->count++] = node;
}

/* NULL if there is no window, or no memory. */
static struct peermr_window_table *peermr_window_table_create(void)
{
	struct peermr_window_table *table;
	struct peermr_window_info *infos;
	int i, count = peermr_list(&infos), error = 0;

	if (count < 0) {
		error = count == -ENODEV ? 0 : count;
		count = 0;
	}
	if (!count && !error)
		return NULL;
	table = calloc(1, sizeof(*table) + count * sizeof(table->nodes[0]));
	if (table) {
		table->refs = 1;
		table->error = error;
		for (i = 0; i < count; i++)
			peermr_window_table_add(table, infos[i].name);
	}
	free(infos);
	return table;
}

static void peermr_window_table_put_locked(struct peermr_window_table *table)
{
	int i;

	if (!table || --table->refs)
		return;
	for (i = 0; i < table->count; i++)
		peermr_window_node_put(table->nodes[i]);
	free(table);
}

void peermr_window_table_put(struct peermr_window_table *table)
{
	peermr_lock();
	peermr_window_table_put_locked(table);
	peermr_unlock();
}

static void peermr_window_table_scan_locked(void)
{
	struct peermr_window_table *table = peermr_window_table_create();

	peermr_window_table_put_locked(current_table);
	current_table = table;
	atomic_store(&of_use, table && (table->count || table->error));
	atomic_store(&scanned, true);
}

void peermr_window_table_scan(void)
{
	int saved_errno = errno;

	peermr_lock();
	peermr_window_table_scan_locked();
	peermr_unlock();
	errno = saved_errno;
}

bool peermr_window_table_is_of_use(void)
{
	if (!atomic_load_explicit(&scanned, memory_order_acquire))
		peermr_window_table_scan();
	return atomic_load_explicit(&of_use, memory_order_relaxed);
}

struct peermr_window_table *peermr_window_table_get(void)
{
	struct peermr_window_table *table;

	peermr_lock();
	/* A window that could not be opened may be the one: try again. */
	if (current_table && current_table->error)
		peermr_window_table_scan_locked();
	table = current_table;
	if (table)
		table->refs++;
	peermr_unlock();
	return table;
}
