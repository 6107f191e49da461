// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The PeerDirect path of a window. */
#include <errno.h>
#include <string.h>

#include "paths.h"

/* The client for windows is peermr_client.ko. */
#define VERDICT_CLIENT	"peermr"

/* What peerdirect.ko says about the device. */
static bool verdict_not_enabled(const struct path_facts *facts,
				struct verdict *verdict)
{
	const struct nic *nic = facts->nic;

	if (nic->peer_enabled != KNOWN_NO)
		return false;
	if (nic->peer_offered == KNOWN_NO) {
		verdict_say(verdict, ANSWER_NO,
			    "peerdirect.ko cannot serve %s, as its kernel driver%s%s does not register dma-bufs",
			    nic->name, *nic->driver ? " " : "", nic->driver);
		verdict_way_out(verdict, "see the way out of its dma-buf path");
	} else {
		verdict_say(verdict, ANSWER_NO,
			    "PeerDirect is not switched on for %s", nic->name);
		verdict_way_out(verdict, "'peermr peerdirect enable %s'",
				nic->name);
	}
	return true;
}

bool verdict_no_peer_api(const struct path_facts *facts,
			 struct verdict *verdict)
{
	const struct platform *platform = facts->platform;

	if (platform->peer_api == KNOWN_YES || platform->client_count)
		return verdict_not_enabled(facts, verdict);
	if (platform->peer_api == KNOWN_NOT) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "no client is registered, and without /proc/kallsyms nobody can tell whether the kernel has ib_register_peer_memory_client()");
		return true;
	}
	verdict_say(verdict, ANSWER_NO,
		    "kernel %s has no ib_register_peer_memory_client()",
		    platform->kernel);
	verdict_way_out(verdict, "use the dma-buf path, or have peerdirect.ko supply it: 'peermr peerdirect enable %s'",
			facts->nic->name);
	return true;
}

static void verdict_peer_failed(const struct path_facts *facts,
				struct verdict *verdict)
{
	int err = facts->tried->plain;

	if (err == -EOPNOTSUPP && !*facts->nic->pci) {
		verdict_say(verdict, ANSWER_NO,
			    "%s is driven by the CPU, and the client has DMA addresses only",
			    facts->nic->name);
		verdict_way_out(verdict, "use the dma-buf path");
	} else if (err == -EFAULT) {
		verdict_say(verdict, ANSWER_NO,
			    "ibv_reg_mr() gives EFAULT: no client was asked, or none claimed the memory");
		verdict_way_out(verdict, "dmesg may say more");
	} else {
		verdict_say(verdict, ANSWER_NO, "ibv_reg_mr() fails: %s",
			    strerror(-err));
		verdict_way_out(verdict, "dmesg may say why");
	}
}

/* The extension registers a dma-buf before any client could be asked. */
static bool verdict_extended(const struct path_facts *facts)
{
	return *facts->platform->extension &&
	       facts->able->kernel != -EOPNOTSUPP &&
	       facts->able->provider != -EOPNOTSUPP;
}

void verdict_peerdirect(const struct path_facts *facts,
			struct verdict *verdict)
{
	const struct peer_client *client =
		platform_client(facts->platform, VERDICT_CLIENT);

	if (verdict_no_peer_api(facts, verdict))
		return;
	if (!strcmp(facts->window->mode, "pages")) {
		verdict_say(verdict, ANSWER_NO,
			    "the window is in mode pages: the kernel pins its memory itself and asks no client");
		verdict_way_out(verdict, "nothing needs it; the page path serves");
		return;
	}
	if (!client) {
		verdict_say(verdict, ANSWER_NO,
			    "no client for the memory of windows is registered");
		verdict_way_out(verdict, "load it: 'modprobe peermr_client'");
		return;
	}
	if (verdict_untried(facts, verdict))
		return;
	if (facts->tried->plain) {
		verdict_peer_failed(facts, verdict);
	} else if (verdict_extended(facts)) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "client %s is registered, but %s comes first and registers a dma-buf",
			    client->name, facts->platform->extension);
	} else {
		verdict_say(verdict, ANSWER_YES,
			    "ibv_reg_mr() through client %s", client->name);
	}
}
