// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Who holds the buffers of a window. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "tool.h"
#include "window.h"

int holder_list(int fd, struct peermr_holder **holders)
{
	struct peermr_holder *list = NULL, *larger;
	uint64_t next = 0;
	int count = 0;

	*holders = NULL;
	for (;;) {
		struct peermr_holder holder = {
			.size = sizeof(holder),
			.placement = next,
		};

		if (ioctl(fd, PEERMR_IOC_HOLDER, &holder)) {
			if (errno == ENOENT)
				break;
			if (errno == EINTR)
				continue;
			count = -errno;
			free(list);
			return count;
		}
		/* Each step must advance, whatever the kernel says. */
		if (holder.placement + holder.length <= next) {
			free(list);
			return -EPROTO;
		}
		next = holder.placement + holder.length;
		if (!(count & (count - 1))) {
			larger = reallocarray(list, count ? 2 * (size_t)count : 1,
					      sizeof(*list));
			if (!larger) {
				free(list);
				return -ENOMEM;
			}
			list = larger;
		}
		list[count++] = holder;
	}
	*holders = list;
	return count;
}

const char *holder_state(const struct peermr_holder *holder)
{
	switch (holder->state) {
	case PEERMR_STATE_LIVE:
		return "live";
	case PEERMR_STATE_QUARANTINED:
		return "quarantined";
	case PEERMR_STATE_REVOKED:
		return "revoked";
	default:
		return "unknown";
	}
}

void holder_owner(const struct peermr_holder *holder,
		  char text[HOLDER_OWNER_LEN])
{
	char comm[PEERMR_COMM_LEN + 1] = "";

	for (int i = 0; i < PEERMR_COMM_LEN && holder->comm[i]; i++)
		comm[i] = isprint((unsigned char)holder->comm[i]) ?
			  holder->comm[i] : '?';
	if (holder->pid)
		snprintf(text, HOLDER_OWNER_LEN, "pid %d (%s)", holder->pid,
			 comm);
	else
		snprintf(text, HOLDER_OWNER_LEN, "unseen pid (%s)", comm);
}

void holder_complain(const struct window *window,
		     const struct peermr_holder *holders, int count)
{
	char owner[HOLDER_OWNER_LEN];

	for (int i = 0; i < count; i++) {
		holder_owner(&holders[i], owner);
		complain(window->name,
			 "%s at 0x%llx held by %s, uid %u: %s pinned, %u mapping%s, %s",
			 size_format(holders[i].length).text,
			 (unsigned long long)holders[i].placement, owner,
			 holders[i].uid, size_format(holders[i].pinned).text,
			 holders[i].mappings,
			 holders[i].mappings == 1 ? "" : "s",
			 holder_state(&holders[i]));
	}
}
