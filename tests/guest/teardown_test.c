// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Everything that holds a buffer goes away, in every order: an owner has an
 * open file, a mapping, a registration and a dma-buf, and a forked child that
 * inherited them all. usage: teardown_test [WINDOW [TEST...]]; needs rxe0 and rxe1
 *
 * ORDERS (50) random orders are tried after all ordered pairs. SEED and ORDERS
 * come from the environment, and REGISTRATION=dmabuf for a registration that can
 * be revoked. Unbinds the device and unloads the module; needs
 * root. It is quicker on a small window: tests/vm/run --bar-size 32M.
 */
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <infiniband/verbs.h>

#include "owner.h"

/* Where owner.h registers the buffer: of tests/vm/guest/rxe. */
#define MR_DEVICE "rxe1"
#define MR_NETDEV "peermr1"

enum event {
	MUNMAP,		/* by the owner, as all that end with DMABUF */
	CLOSE,
	DEREG,
	DMABUF,
	CHILD_EXIT,
	UNBIND,
	RMMOD,
	DELLINK,	/* of the RDMA device that has the registration */
	KILL,		/* of the owner */
	NR_EVENTS,
};

static const char * const event_names[] = {
	"munmap", "close", "dereg_mr", "close_dmabuf", "child_exit", "unbind",
	"rmmod", "rdma_link_delete", "kill",
};

/* What is there, as the test knows it. */
static struct scene {
	struct owner owner;
	struct child unbinder, link_deleter;
	bool alive, child;		/* processes */
	bool mapped, opened, registered, exported;	/* by the owner */
	bool unbinding, unbound, unloaded;
	bool deleting_link, link_deleted;
	bool disconnected;		/* by a transfer that was refused */
} scene;

/* The registration belongs to an open file, which the child has, too. */
static bool scene_registered(void)
{
	return scene.registered && (scene.alive || scene.child);
}

/* The kernel gives nobody a way to end it. */
static bool scene_pinned(void)
{
	return scene_registered() && !owner_registers_dmabuf();
}

/* Somebody has the buffer, other than as pinned pages. */
static bool scene_used(void)
{
	return scene.child || scene.mapped || scene.opened || scene.exported ||
	       (scene_registered() && owner_registers_dmabuf());
}

static bool scene_held(void)
{
	return scene_used() || scene_pinned();
}

static int touch(void)
{
	return owner_order(&scene.owner, OWNER_TOUCH);
}

static void set_up(void)
{
	memset(&scene, 0, sizeof(scene));
	owner_start(&scene.owner);
	scene.mapped = scene.opened = scene.registered = scene.exported = true;
	scene.alive = scene.child = true;
}

static void unbinds(struct child *child)
{
	(void)child;
	/* Not to be what keeps the child alive. */
	owner_forget(&scene.owner);
	if (!node_unbind())
		TEST_FAIL("unbind: %s", strerror(errno));
}

static void check_unbinding(void)
{
	int status;

	if (scene.alive && scene.mapped)
		CHECK_EQ(touch(), SIGBUS);
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

/* An rxe that cannot take a context away keeps the link until the last closes. */
static void check_deleting_link(void)
{
	int status;

	if (scene.alive || scene.child) {
		if (child_ends_within(&scene.link_deleter, 50, &status))
			TEST_FAIL("the link went away with a context open");
		return;
	}
	if (!child_ends_within(&scene.link_deleter, NODE_SETTLE_MS, &status))
		TEST_FAIL("deleting the link waits for nobody");
	CHECK_EQ(status, 0);
	scene.deleting_link = false;
	scene.link_deleted = true;
}

static void check_bound(void)
{
	bool used = scene_used(), held = scene_held();

	if (scene.alive && scene.mapped)
		CHECK_EQ(touch(), WORKS);
	node_attr_wait("buffers", held ? 1 : 0);
	node_attr_wait("quarantined", held && !used ? LENGTH : 0);
	node_attr_wait("pinned", scene_pinned() ? LENGTH : 0);
	node_attr_wait("free", node_attr("size") - (held ? LENGTH : 0));
}

/* A revoked dma-buf is reached no more, pinned pages are to the end. */
static void check_transfer(void)
{
	int expected = IBV_WC_SUCCESS;

	if (owner_registers_dmabuf() && scene.unbound)
		expected = scene.disconnected ? IBV_WC_WR_FLUSH_ERR :
						IBV_WC_REM_ACCESS_ERR;
	CHECK_EQ(owner_order(&scene.owner, OWNER_TRANSFER), expected);
	scene.disconnected = expected != IBV_WC_SUCCESS;
}

/* What must hold between any two events. */
static void check_scene(void)
{
	if (scene.unbinding)
		check_unbinding();
	else if (!scene.unbound)
		check_bound();
	else if (scene.alive && scene.mapped)
		CHECK_EQ(touch(), SIGBUS);
	if (scene.deleting_link)
		check_deleting_link();
	if (scene.alive && scene.registered)
		check_transfer();
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
		if (touch() == SIGBUS)
			return;
		sleep_ms(5);
	}
	TEST_FAIL("unbind does not take the memory away");
}

static void deletes_link(struct child *child)
{
	(void)child;
	owner_forget(&scene.owner);
	execlp("rdma", "rdma", "link", "delete", MR_DEVICE, NULL);
	TEST_FAIL("rdma: %s", strerror(errno));
}

/* From 7.x on rxe takes contexts away, and with them all registrations. */
static bool rxe_disassociates(void)
{
	static int known = -1;

	if (known < 0)
		known = !system("grep -qw rxe_disassociate_ucontext /proc/kallsyms");
	return known;
}

static void begin_dellink(void)
{
	int status;

	child_start(&scene.link_deleter, deletes_link);
	scene.deleting_link = true;
	if (!rxe_disassociates())
		return;
	if (!child_ends_within(&scene.link_deleter, NODE_SETTLE_MS, &status))
		TEST_FAIL("deleting the link waits although nobody has to go");
	CHECK_EQ(status, 0);
	scene.deleting_link = false;
	scene.link_deleted = true;
	scene.registered = false;
}

static void add_link(void)
{
	char state[32] = "";
	int ms;

	CHECK(!system("rdma link add " MR_DEVICE " type rxe netdev " MR_NETDEV));
	for (ms = 0; ms < NODE_SETTLE_MS; ms += 20) {
		if (file_read("/sys/class/infiniband/" MR_DEVICE
			      "/ports/1/state", state, sizeof(state)) &&
		    strstr(state, "ACTIVE"))
			return;
		sleep_ms(20);
	}
	TEST_FAIL(MR_DEVICE " is '%s'", state);
}

/* Refused as long as anybody has anything; and once more until it is noticed. */
static void try_rmmod(void)
{
	int ms;

	for (ms = 0; ms < NODE_SETTLE_MS; ms += 20) {
		if (!syscall(SYS_delete_module, "peermr", O_NONBLOCK)) {
			CHECK(!scene_held());
			scene.unloaded = scene.unbound = true;
			return;
		}
		CHECK_EQ(errno, EAGAIN);
		if (scene_held())
			return;
		sleep_ms(20);
	}
	TEST_FAIL("rmmod is refused although nobody has anything");
}

/* Not modprobe, whose start alone takes over a second on a debug kernel. */
static bool load_module(void)
{
	char path[256];
	struct utsname kernel;
	bool loaded;
	int fd;

	CHECK(!uname(&kernel));
	snprintf(path, sizeof(path), "/lib/modules/%.65s/updates/peermr.ko",
		 kernel.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	loaded = !syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return loaded;
}

static void owner_loses(enum event event)
{
	static const enum owner_order orders[] = {
		[MUNMAP] = OWNER_MUNMAP,
		[CLOSE] = OWNER_CLOSE,
		[DEREG] = OWNER_DEREG,
		[DMABUF] = OWNER_CLOSE_DMABUF,
	};

	if (!scene.alive)
		return;
	CHECK_EQ(owner_order(&scene.owner, orders[event]), WORKS);
	scene.mapped &= event != MUNMAP;
	scene.opened &= event != CLOSE;
	scene.registered &= event != DEREG;
	scene.exported &= event != DMABUF;
}

static void end_owner(bool killed)
{
	owner_end(&scene.owner, killed);
	scene.alive = scene.mapped = scene.opened = scene.exported = false;
}

static void happen(enum event event)
{
	switch (event) {
	case CHILD_EXIT:
		owner_child_end(&scene.owner);
		scene.child = false;
		break;
	case UNBIND:
		if (!scene.unbound)
			begin_unbind();
		break;
	case RMMOD:
		try_rmmod();
		break;
	case DELLINK:
		if (!scene.link_deleted)
			begin_dellink();
		break;
	case KILL:
		end_owner(true);
		break;
	default:
		owner_loses(event);
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
		happen(order[i]);
		check_scene();
	}
	if (scene.alive)
		end_owner(false);
	check_scene();
	CHECK(scene.unbound);
	CHECK(scene.unloaded ? load_module() : node_bind());
	if (scene.link_deleted)
		add_link();
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

/* Both, and then the rest, the registration as the last thing that is held. */
static void after_any_two_events_in_a_row_all_is_given_back(void)
{
	static const enum event rest[] = {
		MUNMAP, CLOSE, DMABUF, CHILD_EXIT, DEREG, UNBIND,
	};
	enum event a, b;
	int i, pairs = 0;

	alarm(0);
	for (a = 0; a < NR_EVENTS; a++) {
		for (b = 0; b < NR_EVENTS; b++) {
			/* The dead do nothing. */
			if (a == b || (a == KILL && b <= DMABUF))
				continue;
			order[0] = a;
			order[1] = b;
			order_length = 2;
			for (i = 0; i < 6; i++)
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
