// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Everything that holds a buffer goes away, in every order: an owner has an
 * open file, a mapping and a registration, and a forked child that inherited
 * all three. usage: teardown_test [WINDOW [TEST...]]
 *
 * ORDERS (50) random orders are tried after all ordered pairs. SEED and ORDERS
 * come from the environment. Unbinds the device; needs root. It is quicker on a
 * small window: tests/vm/run --bar-size 32M.
 */
#include <infiniband/verbs.h>

#include "node.h"
#include "pattern.h"
#include "process.h"
#include "rdma.h"

#define LENGTH (4 * MIB)
#define WORKS 0		/* answer of an owner; else a signal */

enum event {
	MUNMAP,		/* by the owner */
	CLOSE,		/* by the owner */
	DEREG,		/* by the owner */
	CHILD_EXIT,
	UNBIND,
	KILL,		/* of the owner */
	NR_EVENTS,
};

static const char * const event_names[] = {
	"munmap", "close", "dereg_mr", "child_exit", "unbind", "kill",
};

/* Questions to the owner, besides the events. */
enum { TOUCH = NR_EVENTS, TRANSFER };

/* What is there, as the test knows it. */
struct scene {
	pid_t owner;
	int to_owner[2];
	int from_owner[2];
	int to_child[2];	/* closed: the child is to exit */
	int from_child[2];	/* ends when it has */
	struct child unbinder;
	bool mapped, opened, registered, alive, child, unbinding, unbound;
};

static struct scene scene;

/* --- the owner and its child --- */

static struct rdma_link link_;
static struct ibv_mr *mr, *host_mr;
static unsigned char *memory, *host_memory;
static int node;

static void owner_set_up(void)
{
	node = node_open();
	memory = node_map(node, LENGTH, node_alloc(node, LENGTH));
	pattern_fill(memory, LENGTH, 1);
	rdma_link_open(&link_);
	mr = rdma_register(&link_.ends[1], memory, LENGTH);
	host_memory = aligned_alloc(4096, 4096);
	CHECK(host_memory);
	memset(host_memory, 3, 4096);
	host_mr = rdma_register(&link_.ends[0], host_memory, 4096);
	fault_catch();
}

static void child_run(void)
{
	char byte;

	close(scene.to_child[1]);
	close(scene.to_owner[0]);
	close(scene.from_owner[1]);
	if (read(scene.to_child[0], &byte, 1))
		_exit(1);
	_exit(0);
}

static unsigned char owner_transfer(void)
{
	struct rdma_range local = { host_mr, 0, 4096 };
	struct rdma_range remote = { mr, LENGTH - 4096, 4096 };

	CHECK_EQ(rdma_do(&link_.ends[0], IBV_WR_RDMA_WRITE, &local, &remote),
		 IBV_WC_SUCCESS);
	return WORKS;
}

static unsigned char owner_answer(unsigned char question)
{
	switch (question) {
	case MUNMAP:
		CHECK(!munmap(memory, LENGTH));
		return WORKS;
	case CLOSE:
		CHECK(!close(node));
		return WORKS;
	case DEREG:
		CHECK(!ibv_dereg_mr(mr));
		return WORKS;
	case TOUCH:
		return fault_of_write(memory + 12345, 1) ?:
		       fault_of_read(memory + LENGTH - 1);
	case TRANSFER:
		return owner_transfer();
	default:
		_exit(0);
	}
}

static void owner_run(void)
{
	unsigned char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(scene.to_owner[1]);
	close(scene.from_owner[0]);
	close(scene.to_child[1]);
	close(scene.from_child[0]);
	owner_set_up();
	if (!fork())
		child_run();
	close(scene.from_child[1]);
	byte = WORKS;
	do {
		CHECK(write(scene.from_owner[1], &byte, 1) == 1);
		if (read(scene.to_owner[0], &byte, 1) != 1)
			_exit(0);
		byte = owner_answer(byte);
	} while (true);
}

/* --- the test --- */

static int ask_owner(unsigned char question)
{
	unsigned char answer;

	CHECK(write(scene.to_owner[1], &question, 1) == 1);
	if (read(scene.from_owner[0], &answer, 1) != 1)
		TEST_FAIL("the owner died");
	return answer;
}

static void set_up(void)
{
	unsigned char answer;

	memset(&scene, 0, sizeof(scene));
	CHECK(!pipe(scene.to_owner));
	CHECK(!pipe(scene.from_owner));
	CHECK(!pipe(scene.to_child));
	CHECK(!pipe(scene.from_child));
	fflush(stdout);
	scene.owner = fork();
	CHECK(scene.owner >= 0);
	if (!scene.owner)
		owner_run();
	close(scene.to_owner[0]);
	close(scene.from_owner[1]);
	close(scene.to_child[0]);
	close(scene.from_child[1]);
	if (read(scene.from_owner[0], &answer, 1) != 1)
		TEST_FAIL("the owner could not be set up");
	scene.mapped = scene.opened = scene.registered = true;
	scene.alive = scene.child = true;
}

static void unbinds(struct child *child)
{
	(void)child;
	/* Not to be what keeps the child alive. */
	close(scene.to_child[1]);
	close(scene.to_owner[1]);
	if (!node_unbind())
		TEST_FAIL("unbind: %s", strerror(errno));
}

static void end_child(void)
{
	char byte;

	close(scene.to_child[1]);
	CHECK(read(scene.from_child[0], &byte, 1) == 0);
	close(scene.from_child[0]);
	scene.child = false;
}

static void end_owner(bool killed)
{
	int status;

	if (killed)
		CHECK(!kill(scene.owner, SIGKILL));
	close(scene.to_owner[1]);
	CHECK_EQ(waitpid(scene.owner, &status, 0), scene.owner);
	CHECK_EQ(status, killed ? SIGKILL : 0);
	close(scene.from_owner[0]);
	scene.alive = scene.mapped = scene.opened = false;
}

/* The registration belongs to an open file, which the child has, too. */
static bool scene_pinned(void)
{
	return scene.registered && (scene.alive || scene.child);
}

static void check_unbinding(void)
{
	int status;

	if (scene.alive && scene.mapped)
		CHECK_EQ(ask_owner(TOUCH), SIGBUS);
	if (scene_pinned()) {
		if (child_ends_within(&scene.unbinder, 50, &status))
			TEST_FAIL("unbind ended with memory registered");
		return;
	}
	if (!child_ends_within(&scene.unbinder, NODE_SETTLE_MS, &status))
		TEST_FAIL("unbind waits for nobody");
	CHECK_EQ(status, 0);
	scene.unbinding = false;
	scene.unbound = true;
}

static void check_bound(void)
{
	bool used = scene.child || scene.mapped || scene.opened;
	bool held = used || scene_pinned();

	if (scene.alive && scene.mapped)
		CHECK_EQ(ask_owner(TOUCH), WORKS);
	node_attr_wait("buffers", held ? 1 : 0);
	node_attr_wait("quarantined", held && !used ? LENGTH : 0);
	node_attr_wait("pinned", scene_pinned() ? LENGTH : 0);
	node_attr_wait("free", node_attr("size") - (held ? LENGTH : 0));
}

/* What must hold between any two events. */
static void check_scene(void)
{
	if (scene.unbinding)
		check_unbinding();
	else if (!scene.unbound)
		check_bound();
	else if (scene.alive && scene.mapped)
		CHECK_EQ(ask_owner(TOUCH), SIGBUS);
	if (scene.alive && scene.registered)
		CHECK_EQ(ask_owner(TRANSFER), WORKS);
}

/* The node goes first, the memory a moment later. */
static void begin_unbind(void)
{
	int ms;

	child_start(&scene.unbinder, unbinds);
	scene.unbinding = true;
	while (!access(node_path, F_OK))
		sleep_ms(2);
	if (!scene.alive || !scene.mapped)
		return;
	for (ms = 0; ms < NODE_SETTLE_MS; ms += 5) {
		if (ask_owner(TOUCH) == SIGBUS)
			return;
		sleep_ms(5);
	}
	TEST_FAIL("unbind does not take the memory away");
}

static void happen(enum event event)
{
	switch (event) {
	case MUNMAP:
		ask_owner(MUNMAP);
		scene.mapped = false;
		break;
	case CLOSE:
		ask_owner(CLOSE);
		scene.opened = false;
		break;
	case DEREG:
		ask_owner(DEREG);
		scene.registered = false;
		break;
	case CHILD_EXIT:
		end_child();
		break;
	case UNBIND:
		begin_unbind();
		break;
	default:
		end_owner(true);
	}
}

static enum event order[NR_EVENTS];
static int order_length;

static void go_through_order(struct child *child)
{
	int i;

	(void)child;
	alarm(NODE_TEST_LIMIT);
	set_up();
	check_scene();
	for (i = 0; i < order_length; i++) {
		if (!scene.alive && order[i] <= DEREG)
			continue;
		happen(order[i]);
		check_scene();
	}
	if (scene.alive)
		end_owner(false);
	check_scene();
	CHECK(scene.unbound);
	CHECK(node_bind());
	CHECK(!node_leftovers());
	memory = node_map_fresh(LENGTH);
	zero_check(memory, LENGTH);
}

static void try_order(unsigned long seed)
{
	struct child child;
	int i, status;

	child_start(&child, go_through_order);
	CHECK_EQ(waitpid(child.pid, &status, 0), child.pid);
	close(child.to_child[1]);
	close(child.to_parent[0]);
	if (!status) {
		node_check_settled();
		return;
	}
	printf("# the order was");
	for (i = 0; i < order_length; i++)
		printf(" %s", event_names[order[i]]);
	printf("; SEED=%lu\n", seed);
	fflush(stdout);
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	TEST_FAIL("ended with status %#x", status);
}

/* Both, and then the rest as a program would do it. */
static void after_any_two_events_in_a_row_all_is_given_back(void)
{
	static const enum event rest[] = {
		DEREG, MUNMAP, CLOSE, CHILD_EXIT, UNBIND,
	};
	enum event a, b;
	int i, pairs = 0;

	alarm(0);
	for (a = 0; a < NR_EVENTS; a++) {
		for (b = 0; b < NR_EVENTS; b++) {
			/* The dead do nothing. */
			if (a == b || (a == KILL && b <= DEREG))
				continue;
			order[0] = a;
			order[1] = b;
			order_length = 2;
			for (i = 0; i < 5; i++)
				if (rest[i] != a && rest[i] != b)
					order[order_length++] = rest[i];
			try_order(0);
			pairs++;
		}
	}
	printf("# %d ordered pairs\n", pairs);
}

static void after_all_events_in_any_order_all_is_given_back(void)
{
	unsigned long seed = test_parameter("SEED", time(NULL));
	unsigned long orders = test_parameter("ORDERS", 50), n;
	unsigned int state;
	int i, j;

	alarm(0);
	printf("# %lu random orders from seed %lu\n", orders, seed);
	for (n = 0; n < orders; n++) {
		/* Each order has a seed of its own, to be tried alone. */
		state = (unsigned int)(seed + n) * 2654435761U;
		order_length = rand_r(&state) % 2 ? NR_EVENTS : NR_EVENTS - 1;
		for (i = 0; i < order_length; i++) {
			j = rand_r(&state) % (i + 1);
			order[i] = order[j];
			order[j] = i;
		}
		try_order(seed + n);
	}
}

static const struct test tests[] = {
	TEST(after_any_two_events_in_a_row_all_is_given_back),
	TEST(after_all_events_in_any_order_all_is_given_back),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
