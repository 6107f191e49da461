// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Importers that get no memory, each told why. edu.sh has the devices ready, and
 * runs each test where it belongs.
 * usage: EDU_DEVICE=NODE edu_refuse_test [WINDOW [TEST...]]
 */
#include "importer.h"

#define LENGTH (4 * MIB)

static const char *device_bdf(void)
{
	return strstr(getenv("EDU_DEVICE"), "edu-") + strlen("edu-");
}

static void an_importer_that_needs_pages_is_refused(void)
{
	struct import import;

	import_export(&import, LENGTH);
	CHECK_ERRNO(import_try_attach(&import, EDU_IMPORT_NO_P2P) == -1,
		    EOPNOTSUPP);
}

static void an_importer_that_cannot_be_told_is_refused(void)
{
	struct import import;
	int log = log_open();

	import_export(&import, LENGTH);
	if (import_try_attach(&import, EDU_IMPORT_NO_NOTICE) == -1 &&
	    errno == ENOTTY)
		TEST_SKIP("this kernel has no such importers");
	CHECK_ERRNO(import_try_attach(&import, EDU_IMPORT_NO_NOTICE) == -1,
		    EOPNOTSUPP);
	CHECK(log_has(log, device_bdf(), "cannot give memory back", 1000));
}

/* Import and map, which must fail with @expected and a line in the log. */
static void check_refused(uint32_t flags, int expected, const char *reason,
			  const char *also)
{
	struct import import;
	int log = log_open();

	import_open(&import, LENGTH, flags);
	CHECK_ERRNO(ioctl(import.device, EDU_IOC_MAP) == -1, expected);
	CHECK_EQ(import_state(&import).mapped, 0);
	CHECK(log_has(log, reason, also, 1000));
	/* What failed holds nothing up. */
	CHECK(!node_revoke(import.window, PEERMR_REVOKE_FORCE));
}

static void a_path_that_is_not_known_is_refused(void)
{
	check_refused(0, EREMOTEIO, "no known good PCIe path to", node_bdf);
}

static void a_device_that_is_not_on_pci_is_refused(void)
{
	check_refused(EDU_IMPORT_NO_DMA, EREMOTEIO, "no known good PCIe path",
		      device_bdf());
}

/* Where the path is not looked at. */
static void a_device_that_does_no_dma_is_refused(void)
{
	check_refused(EDU_IMPORT_NO_DMA, EIO, "is no device that does DMA",
		      device_bdf());
}

static void an_address_with_too_many_bits_is_refused(void)
{
	check_refused(0, EIO, "its DMA addresses end at 0xfffffff",
		      device_bdf());
}

static const struct test tests[] = {
	TEST(an_importer_that_needs_pages_is_refused),
	TEST(an_importer_that_cannot_be_told_is_refused),
	TEST(a_path_that_is_not_known_is_refused),
	TEST(a_device_that_is_not_on_pci_is_refused),
	TEST(a_device_that_does_no_dma_is_refused),
	TEST(an_address_with_too_many_bits_is_refused),
};

int main(int argc, char **argv)
{
	return NODE_TEST_MAIN(argc, argv, tests);
}
