// SPDX-License-Identifier: GPL-2.0
/* What the test clients are told to do wrong, and what they have done. */

#include <linux/atomic.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "peer_client.h"

static char fault[32];
module_param_string(fault, fault, sizeof(fault), 0644);
MODULE_PARM_DESC(fault, "What goes wrong from now on; empty: nothing");

static const char * const peer_count_names[PEER_COUNTS] = {
	"acquired", "released", "got", "put", "mapped", "unmapped", "wrong",
};

static atomic_t peer_counts[PEER_COUNTS];

void peer_count(enum peer_count count)
{
	atomic_inc(&peer_counts[count]);
}

static int peer_counts_get(char *buffer, const struct kernel_param *param)
{
	int i, length = 0;

	for (i = 0; i < PEER_COUNTS; i++)
		length += sysfs_emit_at(buffer, length, "%s %d\n",
					peer_count_names[i],
					atomic_read(&peer_counts[i]));
	return length;
}

static const struct kernel_param_ops peer_counts_ops = {
	.get = peer_counts_get,
};

module_param_cb(counts, &peer_counts_ops, NULL, 0444);
MODULE_PARM_DESC(counts, "How often each callback did what it is for");

bool peer_fault(const char *name)
{
	return sysfs_streq(fault, name);
}

/* Take the memory back from within a callback, if that is the fault. */
void peer_fault_invalidates(const char *where, struct peer_client *client,
			    const struct peer_range *range)
{
	if (client->invalidate && peer_fault(where))
		client->invalidate(client->handle, range->core_context);
}
