/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* PeerDirect as sysfs shows it: devices that are enabled, clients that count. */
#ifndef PEERMR_PEERDIRECT_H
#define PEERMR_PEERDIRECT_H

#include "node.h"
#include "rdma.h"

static inline bool peerdirect_set(const char *device, bool enabled)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/peerdirect/enabled",
		 device);
	return file_write(path, enabled ? "1" : "0");
}

static inline uint64_t peerdirect_counter(const char *client, const char *name)
{
	char path[160], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/mm/memory_peers/%s/%s", client,
		 name);
	CHECK(file_read(path, text, sizeof(text)));
	return strtoull(text, NULL, 10);
}

struct peerdirect_counters {
	uint64_t mrs;		/* alive */
	uint64_t pages;
	uint64_t bytes;
	uint64_t registrations;	/* since ever */
	uint64_t callbacks;
};

static inline struct peerdirect_counters
peerdirect_counters(const char *client)
{
	uint64_t registrations = peerdirect_counter(client, "num_alloc_mrs");

	return (struct peerdirect_counters){
		.mrs = registrations -
		       peerdirect_counter(client, "num_dealloc_mrs"),
		.pages = peerdirect_counter(client, "num_reg_pages") -
			 peerdirect_counter(client, "num_dereg_pages"),
		.bytes = peerdirect_counter(client, "num_reg_bytes") -
			 peerdirect_counter(client, "num_dereg_bytes"),
		.registrations = registrations,
		.callbacks = peerdirect_counter(client, "num_free_callbacks"),
	};
}

/* Whether nothing of the client's memory is registered any more within 5 s. */
static inline bool peerdirect_balances(const char *client)
{
	struct peerdirect_counters now;
	int ms;

	for (ms = 0; ms < 5000; ms += 20) {
		now = peerdirect_counters(client);
		if (!now.mrs && !now.pages && !now.bytes)
			return true;
		sleep_ms(20);
	}
	return false;
}

#endif /* PEERMR_PEERDIRECT_H */
