// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The memory is taken from a device that has it mapped, and from importers that
 * take their time. edu.sh has the host and the devices ready.
 * usage: EDU_DEVICE=NODE edu_revoke_test [WINDOW [TEST...]]
 */
#include "importer.h"
#include "process.h"

#define LENGTH (4 * MIB)

static struct import import;

/* The device has no address any more, and gets none. */
static void check_let_go(void)
{
	unsigned char data[CHUNK];

	CHECK_EQ(import_state(&import).mapped, 0);
	CHECK_ERRNO(ioctl(import.device, EDU_IOC_MAP) == -1, ENODEV);
	outside_pattern("refused", data, CHUNK);
	CHECK_ERRNO(import_try_transfer(&import, EDU_IOC_TRANSFER, 0, data,
					CHUNK, 0) == -1, ENODEV);
	outside_check_absent("refused");
	CHECK_ERRNO(import_try_attach(&import, 0) == -1, ENODEV);
}

static void revocation_ends_the_mapping_before_it_returns(void)
{
	unsigned char data[CHUNK];

	import_open(&import, LENGTH, 0);
	outside_pattern("kept", data, CHUNK);
	import_write(&import, 4096, data, CHUNK);
	CHECK_EQ(import_state(&import).mapped, 1);
	CHECK(!node_revoke(import.window, PEERMR_REVOKE_FORCE));
	CHECK_EQ(import_state(&import).notices, 1);
	check_let_go();
	outside_check_at("kept", import.placement + 4096, CHUNK);
}

static void unbind_force_takes_the_memory_from_the_device(void)
{
	unsigned char data[CHUNK];
	char command[128];

	import_open(&import, LENGTH, 0);
	outside_pattern("gone", data, CHUNK);
	import_write(&import, 0, data, CHUNK);
	snprintf(command, sizeof(command), "peermr unbind --force %s >&2",
		 node_bdf);
	CHECK(!system(command));
	check_let_go();
	/* Nor does the next driver see what was there. */
	outside_check_absent("gone");
	close(import.window);
	close(import.dmabuf);
	snprintf(command, sizeof(command), "peermr bind %s >&2", node_bdf);
	CHECK(!system(command));
}

/* Revoke in a child; the parent goes on. */
static void revoker(struct child *child)
{
	child_tell(child);
	CHECK(!node_revoke(import.window, PEERMR_REVOKE_FORCE));
}

/* Does revocation still wait? */
static bool waits(struct child *child)
{
	int status;

	return !child_ends_within(child, 500, &status);
}

/* Revocation waits, says for whom (@still), and ends after @request. */
static void check_waits_for(unsigned long request, const char *still)
{
	struct child child;
	char bdf[64];
	int log = log_open();

	snprintf(bdf, sizeof(bdf), "%s",
		 strstr(getenv("EDU_DEVICE"), "edu-") + strlen("edu-"));
	child_start(&child, revoker);
	child_await(&child);
	CHECK(waits(&child));
	CHECK_EQ(import_state(&import).notices, 1);
	CHECK(log_has(log, still, bdf, 30000));
	CHECK(waits(&child));
	CHECK(!ioctl(import.device, request));
	child_end(&child);
	check_let_go();
}

static void who_does_not_let_go_is_waited_for_and_named(void)
{
	import_open(&import, LENGTH, EDU_IMPORT_KEEP);
	import_map(&import);
	check_waits_for(EDU_IOC_UNMAP, "a dma-buf is still mapped by");
}

static void whose_work_does_not_end_is_waited_for_and_named(void)
{
	import_open(&import, LENGTH, 0);
	import_map(&import);
	CHECK(!ioctl(import.device, EDU_IOC_BEGIN));
	check_waits_for(EDU_IOC_FINISH, "a dma-buf is still in use by");
}

/* A process that died with a mapping has let go. */
static void a_killed_importer_holds_nothing(void)
{
	import_open(&import, LENGTH, EDU_IMPORT_KEEP);
	import_map(&import);
	close(import.device);
	CHECK(!node_revoke(import.window, PEERMR_REVOKE_FORCE));
}

enum event {
	CLOSE_WINDOW,	/* and with it the handle */
	CLOSE_DMABUF,
	CLOSE_DEVICE,
	UNBIND,		/* the window is gone */
	EVENTS,
};

static void happen(enum event event)
{
	switch (event) {
	case CLOSE_WINDOW:
		close(import.window);
		break;
	case CLOSE_DMABUF:
		close(import.dmabuf);
		break;
	case CLOSE_DEVICE:
		close(import.device);
		break;
	default:
		CHECK(node_unbind());
	}
}

/* The importer keeps the memory, unless it is taken away. */
static void check_after(unsigned int happened)
{
	bool bound = !(happened & 1 << UNBIND);

	if (!(happened & 1 << CLOSE_DEVICE)) {
		CHECK_EQ(import_state(&import).mapped, bound);
		if (bound)
			CHECK_EQ(node_attr("buffers"), 1);
		else
			CHECK_ERRNO(ioctl(import.device, EDU_IOC_MAP) == -1,
				    ENODEV);
	}
}

static void lifetimes_end_in_every_order(void)
{
	int order, step, pick, code;
	unsigned int happened;
	enum event event;

	alarm(600);
	for (order = 0; order < 24; order++) {
		import_open(&import, LENGTH, 0);
		import_map(&import);
		happened = 0;
		code = order;
		for (step = EVENTS; step; step--) {
			pick = code % step;
			code /= step;
			for (event = 0; happened & 1 << event || pick--;)
				event++;
			happen(event);
			happened |= 1 << event;
			check_after(happened);
		}
		CHECK(node_bind());
		node_check_settled();
	}
}

static const struct test tests[] = {
	TEST(revocation_ends_the_mapping_before_it_returns),
	TEST(unbind_force_takes_the_memory_from_the_device),
	TEST(who_does_not_let_go_is_waited_for_and_named),
	TEST(whose_work_does_not_end_is_waited_for_and_named),
	TEST(a_killed_importer_holds_nothing),
	TEST(lifetimes_end_in_every_order),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
