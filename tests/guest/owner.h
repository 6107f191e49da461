/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A process that holds a buffer in every way there is (an open file, a mapping,
 * a registration, a dma-buf) and lets go of each when it is told to; and a
 * forked child of it that inherits all of them and only waits for its end.
 *
 * The registration is on the page path, or with REGISTRATION=dmabuf in the
 * environment of the program on the dma-buf.
 */
#ifndef PEERMR_OWNER_H
#define PEERMR_OWNER_H

#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define LENGTH (4 * MIB)
#define WORKS 0		/* answer of an owner; else a signal or an ibv_wc_status */

/* What an owner can be told to do. */
enum owner_order {
	OWNER_MUNMAP,
	OWNER_CLOSE,
	OWNER_DEREG,
	OWNER_CLOSE_DMABUF,
	OWNER_TOUCH,	/* use the mapping */
	OWNER_TRANSFER,	/* use the registration */
};

struct owner {
	pid_t pid;
	int to_owner[2];
	int from_owner[2];
	int to_child[2];	/* closed: the child is to exit */
	int from_child[2];	/* ends when it has */
};

static inline bool owner_registers_dmabuf(void)
{
	const char *registration = getenv("REGISTRATION");

	return registration && !strcmp(registration, "dmabuf");
}

/* --- in the owner --- */

static struct rdma_link link_;
static struct ibv_mr *mr, *host_mr;
static unsigned char *memory, *host_memory;
static int node, dmabuf;

static inline struct ibv_mr *owner_register(struct rdma_end *end)
{
	struct ibv_mr *dmabuf_mr;

	if (!owner_registers_dmabuf())
		return rdma_register(end, memory, LENGTH);
	dmabuf_mr = ibv_reg_dmabuf_mr(end->pd, 0, LENGTH, 0, dmabuf,
				      RDMA_ACCESS);
	if (!dmabuf_mr)
		TEST_FAIL("ibv_reg_dmabuf_mr(): %s", strerror(errno));
	return dmabuf_mr;
}

static inline void owner_set_up(void)
{
	struct peermr_export export = { .size = sizeof(export) };

	node = node_open();
	export.mmap_offset = node_alloc(node, LENGTH);
	memory = node_map(node, LENGTH, export.mmap_offset);
	pattern_fill(memory, LENGTH, 1);
	CHECK(!ioctl(node, PEERMR_IOC_EXPORT, &export));
	dmabuf = export.fd;
	rdma_link_open(&link_);
	mr = owner_register(&link_.ends[1]);
	host_memory = aligned_alloc(4096, 4096);
	CHECK(host_memory);
	memset(host_memory, 3, 4096);
	host_mr = rdma_register(&link_.ends[0], host_memory, 4096);
	fault_catch();
}

static inline void owner_child_run(struct owner *owner)
{
	char byte;

	close(owner->to_child[1]);
	close(owner->to_owner[0]);
	close(owner->from_owner[1]);
	if (read(owner->to_child[0], &byte, 1))
		_exit(1);
	_exit(0);
}

static inline unsigned char owner_transfer(void)
{
	struct rdma_range local = { host_mr, 0, 4096 };
	struct rdma_range remote = { mr, LENGTH - 4096, 4096 };

	return rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &local, &remote);
}

static inline unsigned char owner_answer(unsigned char order)
{
	switch (order) {
	case OWNER_MUNMAP:
		CHECK(!munmap(memory, LENGTH));
		return WORKS;
	case OWNER_CLOSE:
		CHECK(!close(node));
		return WORKS;
	case OWNER_DEREG:
		CHECK(!ibv_dereg_mr(mr));
		return WORKS;
	case OWNER_CLOSE_DMABUF:
		CHECK(!close(dmabuf));
		return WORKS;
	case OWNER_TOUCH:
		return fault_of_write(memory + 12345, 1) ?:
		       fault_of_read(memory + LENGTH - 1);
	case OWNER_TRANSFER:
		return owner_transfer();
	default:
		_exit(1);
	}
}

static inline void owner_run(struct owner *owner)
{
	unsigned char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(owner->to_owner[1]);
	close(owner->from_owner[0]);
	close(owner->to_child[1]);
	close(owner->from_child[0]);
	owner_set_up();
	if (!fork())
		owner_child_run(owner);
	close(owner->from_child[1]);
	byte = WORKS;
	do {
		CHECK(write(owner->from_owner[1], &byte, 1) == 1);
		if (read(owner->to_owner[0], &byte, 1) != 1)
			_exit(0);
		byte = owner_answer(byte);
	} while (true);
}

/* --- in the test --- */

static inline void owner_start(struct owner *owner)
{
	unsigned char answer;

	CHECK(!pipe(owner->to_owner));
	CHECK(!pipe(owner->from_owner));
	CHECK(!pipe(owner->to_child));
	CHECK(!pipe(owner->from_child));
	fflush(stdout);
	owner->pid = fork();
	CHECK(owner->pid >= 0);
	if (!owner->pid)
		owner_run(owner);
	close(owner->to_owner[0]);
	close(owner->from_owner[1]);
	close(owner->to_child[0]);
	close(owner->from_child[1]);
	if (read(owner->from_owner[0], &answer, 1) != 1)
		TEST_FAIL("the owner could not be set up");
}

static inline int owner_order(struct owner *owner, unsigned char order)
{
	unsigned char answer;

	CHECK(write(owner->to_owner[1], &order, 1) == 1);
	if (read(owner->from_owner[0], &answer, 1) != 1)
		TEST_FAIL("the owner died");
	return answer;
}

static inline void owner_end(struct owner *owner, bool killed)
{
	int status;

	if (killed)
		CHECK(!kill(owner->pid, SIGKILL));
	close(owner->to_owner[1]);
	CHECK_EQ(waitpid(owner->pid, &status, 0), owner->pid);
	CHECK_EQ(status, killed ? SIGKILL : 0);
	close(owner->from_owner[0]);
}

static inline void owner_child_end(struct owner *owner)
{
	char byte;

	close(owner->to_child[1]);
	CHECK(read(owner->from_child[0], &byte, 1) == 0);
	close(owner->from_child[0]);
}

/* In a process that must not keep owner and child alive. */
static inline void owner_forget(struct owner *owner)
{
	close(owner->to_child[1]);
	close(owner->to_owner[1]);
}

#endif /* PEERMR_OWNER_H */
