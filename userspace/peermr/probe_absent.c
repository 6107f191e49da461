// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Stands in for probe.c where libibverbs was not there to build with. */
#include <stddef.h>

#include "probe.h"

void probe_prepare(void)
{
}

struct probe *probe_open(const struct nic *nic, struct nic_probe *result)
{
	(void)nic;
	*result = (struct nic_probe){
		.opened = PROBE_NOT_TRIED,
		.kernel = PROBE_NOT_TRIED,
		.provider = PROBE_NOT_TRIED,
	};
	return NULL;
}

void probe_close(struct probe *probe)
{
	(void)probe;
}

void probe_window(struct probe *probe, const struct window *window,
		  struct window_probe *result)
{
	(void)probe;
	(void)window;
	*result = (struct window_probe){
		.opened = PROBE_NOT_TRIED,
		.allocated = PROBE_NOT_TRIED,
		.plain = PROBE_NOT_TRIED,
		.exported = PROBE_NOT_TRIED,
		.dmabuf = PROBE_NOT_TRIED,
	};
}
