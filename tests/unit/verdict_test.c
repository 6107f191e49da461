// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The verdicts of peermr paths, for machines that no test runs on: each test
 * takes facts under which a path works, and changes one.
 */
#include "paths.h"
#include "testing.h"

static struct platform platform;
static struct nic nic;
static struct nic_probe able;
static struct window window;
static struct window_probe tried;
static struct runtime runtime;
static struct path_facts facts;
static struct verdict verdict;

/* A hardware NIC and a window of mode pages below one switch; all went well. */
static void everything_works(void)
{
	platform = (struct platform){
		.kernel = "6.12.0",
		.memlock = UINT64_MAX,
		.any_host_bridge = KNOWN_NO,
	};
	nic = (struct nic){
		.name = "mlx5_0",
		.uverbs = "uverbs0",
		.pci = "0000:03:00.0",
		.driver = "mlx5_core",
		.peer_offered = KNOWN_NOT,
		.peer_enabled = KNOWN_NOT,
	};
	able = (struct nic_probe){
		.library = "libmlx5-rdmav34.so",
		.kernel = -EBADF,
		.provider = -EBADF,
	};
	window = (struct window){
		.name = "0000:04:00.0-bar2",
		.mode = "pages",
		.state = "live",
		.size = 256 << 20,
		.granule = 2 << 20,
	};
	tried = (struct window_probe){ .pinned = true };
	runtime = (struct runtime){
		.kind = RUNTIME_CUDA,
		.name = "CUDA",
		.library = "/usr/lib/libcuda.so.1",
		.driver = "nvidia",
		.version = "550.54.14",
		.open_source = true,
	};
	facts = (struct path_facts){
		.platform = &platform,
		.nic = &nic,
		.able = &able,
		.window = &window,
		.tried = &tried,
		.topology = {
			.kind = TOPOLOGY_SWITCH,
			.common = "0000:01:00.0",
		},
	};
}

static void register_client(const char *name)
{
	platform.peer_api = KNOWN_YES;
	strcpy(platform.clients[0].name, name);
	platform.client_count = 1;
}

/* The verdict is @expected, and reason and way out hold these words. */
#define CHECK_VERDICT(expected, words, way)                                    \
	do {                                                                   \
		CHECK_EQ(verdict.answer, expected);                            \
		if (!strstr(verdict.reason, words))                            \
			TEST_FAIL("reason: %s", verdict.reason);               \
		if (!strstr(verdict.way_out, way))                             \
			TEST_FAIL("way out: %s", verdict.way_out);             \
		CHECK(*(way) || !*verdict.way_out);                            \
	} while (0)

static void a_page_that_was_pinned_below_a_common_switch_works(void)
{
	everything_works();
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_YES, "below the common bridge 0000:01:00.0", "");
}

static void a_page_that_was_pinned_across_an_unknown_root_is_not_known(void)
{
	everything_works();
	facts.topology.kind = TOPOLOGY_UNKNOWN;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "whether DMA arrives is not known",
		      "'peermr test 0000:04:00.0-bar2 --rdma-device mlx5_0'");
}

static void acs_that_nobody_could_read_leaves_the_answer_open(void)
{
	everything_works();
	facts.topology.acs_hidden = true;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "only root can see", "peermr test");
}

static void a_soft_device_pins_pages_whatever_the_topology(void)
{
	everything_works();
	nic.pci[0] = '\0';
	platform.encryption = KNOWN_YES;
	facts.topology.kind = TOPOLOGY_CPU;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_YES, "the CPU moves the data", "");
}

static void a_window_without_pages_has_no_page_path(void)
{
	everything_works();
	strcpy(window.mode, "pfn");
	tried.plain = -EFAULT;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "mode pfn",
		      "'peermr bind 0000:04:00.0 --mode pages'");
}

static void a_window_that_is_bounced_is_none_for_a_hardware_nic(void)
{
	everything_works();
	strcpy(window.page_dma, "bounced");
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "copy in host memory", "without swiotlb=force");
	strcpy(nic.iommu, "identity");
	verdict_page(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_NO);
	strcpy(nic.iommu, "DMA-FQ");
	verdict_page(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
	nic.iommu[0] = '\0';
	nic.pci[0] = '\0';
	verdict_page(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
}

static void a_window_above_the_dma_mask_of_a_nic_is_out_of_reach(void)
{
	everything_works();
	strcpy(window.page_dma, "direct");
	window.address_bits = 33;
	nic.dma_bits = 32;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "has 32 bits, the window's addresses have 33",
		      "switch the IOMMU on");
	nic.dma_bits = 33;
	verdict_page(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
	nic.dma_bits = 32;
	strcpy(nic.iommu, "DMA");
	verdict_page(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
}

static void memory_encryption_rules_out_pages_of_a_hardware_nic(void)
{
	everything_works();
	platform.encryption = KNOWN_YES;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "encryption bit", "mem_encrypt=off");
	verdict_dmabuf(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
}

static void the_limit_of_locked_memory_is_named(void)
{
	everything_works();
	platform.memlock = 64 << 10;
	tried.plain = -ENOMEM;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "the limit is 64 KiB", "ulimit -l");
}

static void a_registration_that_an_extension_made_is_no_page_path(void)
{
	everything_works();
	strcpy(platform.extension, "libpeermr-preload.so");
	tried.pinned = false;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "libpeermr-preload.so made a dma-buf",
		      "the dma-buf path");
}

static void what_may_not_be_opened_is_not_tried(void)
{
	everything_works();
	able.opened = -EACCES;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "no permission to open /dev/infiniband/uverbs0",
		      "run as root");
	everything_works();
	tried.opened = -EACCES;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN,
		      "no permission to open /dev/peermr/0000:04:00.0-bar2",
		      "run as root");
}

static void without_libibverbs_nothing_is_tried(void)
{
	everything_works();
	able.opened = PROBE_NOT_TRIED;
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "built without libibverbs",
		      "libibverbs-dev");
}

static void a_full_window_is_not_tried(void)
{
	everything_works();
	tried.allocated = -ENOSPC;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "no room for a buffer of 2 MiB",
		      "peermr show");
}

static void a_revoked_window_works_by_no_path(void)
{
	everything_works();
	strcpy(window.state, "revoked");
	verdict_page(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "the window is revoked", "peermr bind");
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "the window is revoked", "peermr bind");
}

static void the_kernel_driver_and_the_library_are_told_apart(void)
{
	everything_works();
	able.provider = -EOPNOTSUPP;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "libmlx5-rdmav34.so does not pass them on",
		      "update rdma-core");
	able.kernel = -EOPNOTSUPP;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "the kernel driver mlx5_core",
		      "CONFIG_INFINIBAND_ON_DEMAND_PAGING");
	able.kernel = -EPROTONOSUPPORT;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "kernel 6.12.0", "Linux 5.12");
}

static void soft_roce_gets_dmabufs_from_our_patches(void)
{
	everything_works();
	nic.pci[0] = '\0';
	strcpy(nic.driver, "rdma_rxe");
	able.kernel = -EOPNOTSUPP;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "rdma_rxe", "kernel/rxe");
	able.kernel = -EBADF;
	able.provider = -EOPNOTSUPP;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "does not pass them on",
		      "userspace/verbs/rdma-core");
}

static void a_path_that_the_kernel_refuses_is_explained_by_topology(void)
{
	everything_works();
	tried.dmabuf = -EREMOTEIO;
	facts.topology.kind = TOPOLOGY_UNKNOWN;
	facts.topology.redirected = true;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "sent to the root by ACS, connected by a root complex that is not known",
		      "any_host_bridge=1");
	platform.provider_api = KNOWN_YES;
	verdict_dmabuf(&facts, &verdict);
	CHECK(!strstr(verdict.way_out, "any_host_bridge"));
}

static void a_nic_that_does_not_let_go_is_told_apart(void)
{
	everything_works();
	tried.dmabuf = -EOPNOTSUPP;
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "not those that can be taken back", "dmesg");
}

static void a_dmabuf_that_was_mapped_works(void)
{
	everything_works();
	strcpy(nic.iommu, "DMA-FQ");
	verdict_dmabuf(&facts, &verdict);
	CHECK_VERDICT(ANSWER_YES, "(IOMMU group of type DMA-FQ)", "");
}

static void peerdirect_needs_the_interface_and_a_client(void)
{
	everything_works();
	strcpy(window.mode, "pfn");
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "ib_register_peer_memory_client()",
		      "'peermr peerdirect enable mlx5_0'");
	platform.peer_api = KNOWN_YES;
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "no client", "peermr_client");
	register_client("peermr");
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_YES, "through client peermr", "");
	tried.plain = -EFAULT;
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "EFAULT", "dmesg");
}

static void peerdirect_is_switched_on_for_each_device(void)
{
	everything_works();
	strcpy(window.mode, "pfn");
	register_client("peermr");
	nic.peer_offered = KNOWN_YES;
	nic.peer_enabled = KNOWN_NO;
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "not switched on for mlx5_0",
		      "'peermr peerdirect enable mlx5_0'");
	nic.peer_offered = KNOWN_NO;
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "mlx5_core does not register dma-bufs",
		      "its dma-buf path");
	nic.peer_offered = nic.peer_enabled = KNOWN_YES;
	verdict_peerdirect(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
}

static void pages_are_not_asked_of_a_peerdirect_client(void)
{
	everything_works();
	register_client("peermr");
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_NO, "asks no client", "the page path serves");
}

static void an_extension_hides_peerdirect(void)
{
	everything_works();
	strcpy(window.mode, "pfn");
	register_client("peermr");
	strcpy(platform.extension, "libpeermr-preload.so");
	verdict_peerdirect(&facts, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "libpeermr-preload.so comes first", "");
	able.kernel = -EOPNOTSUPP;
	verdict_peerdirect(&facts, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_YES);
}

static void cuda_needs_the_open_kernel_module_for_dmabufs(void)
{
	everything_works();
	facts.window = NULL;
	facts.runtime = &runtime;
	verdict_runtime(&facts, PATH_PAGE, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_NO);
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "nothing speaks against it", "");
	runtime.open_source = false;
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_VERDICT(ANSWER_NO, "not the open kernel module", "nvidia-peermem");
	runtime.driver[0] = '\0';
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_VERDICT(ANSWER_NO, "no kernel driver", "load");
}

static void nvidia_peermem_is_explained(void)
{
	everything_works();
	facts.window = NULL;
	facts.runtime = &runtime;
	verdict_runtime(&facts, PATH_PEERDIRECT, &verdict);
	CHECK_VERDICT(ANSWER_NO, "has no ib_register_peer_memory_client()",
		      "peerdirect.ko");
	platform.peer_api = KNOWN_YES;
	verdict_runtime(&facts, PATH_PEERDIRECT, &verdict);
	CHECK_VERDICT(ANSWER_NO, "nvidia-peermem is not loaded", "Unknown symbol");
	register_client("nv_mem");
	verdict_runtime(&facts, PATH_PEERDIRECT, &verdict);
	CHECK_VERDICT(ANSWER_UNKNOWN, "client nv_mem", "");
}

static void amdgpu_and_xe_need_p2pdma(void)
{
	everything_works();
	facts.window = NULL;
	facts.runtime = &runtime;
	runtime.kind = RUNTIME_ROCM;
	strcpy(runtime.driver, "amdgpu");
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_VERDICT(ANSWER_NO, "without CONFIG_PCI_P2PDMA",
		      "CONFIG_PCI_P2PDMA=y");
	platform.p2pdma = KNOWN_YES;
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_EQ(verdict.answer, ANSWER_UNKNOWN);
	runtime.kind = RUNTIME_LEVEL_ZERO;
	strcpy(runtime.driver, "i915");
	verdict_runtime(&facts, PATH_DMABUF, &verdict);
	CHECK_VERDICT(ANSWER_NO, "i915", "xe");
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_page_that_was_pinned_below_a_common_switch_works),
		TEST(a_page_that_was_pinned_across_an_unknown_root_is_not_known),
		TEST(acs_that_nobody_could_read_leaves_the_answer_open),
		TEST(a_soft_device_pins_pages_whatever_the_topology),
		TEST(a_window_without_pages_has_no_page_path),
		TEST(memory_encryption_rules_out_pages_of_a_hardware_nic),
		TEST(a_window_that_is_bounced_is_none_for_a_hardware_nic),
		TEST(a_window_above_the_dma_mask_of_a_nic_is_out_of_reach),
		TEST(the_limit_of_locked_memory_is_named),
		TEST(a_registration_that_an_extension_made_is_no_page_path),
		TEST(what_may_not_be_opened_is_not_tried),
		TEST(without_libibverbs_nothing_is_tried),
		TEST(a_full_window_is_not_tried),
		TEST(a_revoked_window_works_by_no_path),
		TEST(the_kernel_driver_and_the_library_are_told_apart),
		TEST(soft_roce_gets_dmabufs_from_our_patches),
		TEST(a_path_that_the_kernel_refuses_is_explained_by_topology),
		TEST(a_nic_that_does_not_let_go_is_told_apart),
		TEST(a_dmabuf_that_was_mapped_works),
		TEST(peerdirect_needs_the_interface_and_a_client),
		TEST(peerdirect_is_switched_on_for_each_device),
		TEST(pages_are_not_asked_of_a_peerdirect_client),
		TEST(an_extension_hides_peerdirect),
		TEST(cuda_needs_the_open_kernel_module_for_dmabufs),
		TEST(nvidia_peermem_is_explained),
		TEST(amdgpu_and_xe_need_p2pdma),
	};

	return TEST_MAIN_RUN(tests);
}
