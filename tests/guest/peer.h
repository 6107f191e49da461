/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory of a client of PeerDirect in tests/kernel/peer_client.h, and what that
 * module does wrong when it is told to.
 */
#ifndef PEERMR_PEER_H
#define PEERMR_PEER_H

#include "node.h"

#define PEER_MODULE "/sys/module/peer_client"

struct peer {
	const char *client;
	int fd;
	unsigned char *memory;
	size_t length;
};

static inline struct peer peer_open(const char *client, size_t length)
{
	struct peer peer = { .client = client, .length = length };
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", client);
	peer.fd = open(path, O_RDWR | O_CLOEXEC);
	if (peer.fd < 0)
		TEST_FAIL("%s: %s", path, strerror(errno));
	peer.memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			   peer.fd, 0);
	CHECK(peer.memory != MAP_FAILED);
	return peer;
}

static inline void peer_invalidate(const struct peer *peer)
{
	CHECK_EQ(write(peer->fd, "invalidate", 10), 10);
}

static inline void peer_set_fault(const char *fault)
{
	CHECK(file_write(PEER_MODULE "/parameters/fault",
			 *fault ? fault : "\n"));
}

/* NULL, or what the clients gave and have not got back, or got that was wrong. */
static inline const char *peer_counts_imbalance(void)
{
	int acquired, released, got, put, mapped, unmapped, wrong;
	static char text[256];
	FILE *file = fopen(PEER_MODULE "/parameters/counts", "re");

	if (!file || fscanf(file,
			    "acquired %d released %d got %d put %d mapped %d unmapped %d wrong %d",
			    &acquired, &released, &got, &put, &mapped,
			    &unmapped, &wrong) != 7)
		return "the counts cannot be read";
	fclose(file);
	if (acquired == released && got == put && mapped == unmapped && !wrong)
		return NULL;
	snprintf(text, sizeof(text),
		 "acquired %d, released %d, got %d, put %d, mapped %d, unmapped %d, wrong %d",
		 acquired, released, got, put, mapped, unmapped, wrong);
	return text;
}

#endif /* PEERMR_PEER_H */
