// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Paths to memory that a GPU's runtime allocates. To try them would start the
 * runtime, which loads modules and takes memory on every GPU; so where nothing
 * speaks against a path the answer stays open.
 */
#include <string.h>

#include "paths.h"

static bool runtime_no_driver(const struct path_facts *facts,
			      struct verdict *verdict)
{
	const struct runtime *runtime = facts->runtime;

	if (*runtime->driver)
		return false;
	verdict_say(verdict, ANSWER_NO,
		    "the library of %s is here, but no kernel driver for it is loaded",
		    runtime->name);
	verdict_way_out(verdict, "load the GPU's driver");
	return true;
}

static void runtime_page(const struct path_facts *facts,
			 struct verdict *verdict)
{
	verdict_say(verdict, ANSWER_NO,
		    "device memory of %s has no struct pages that the kernel could pin (managed and host memory has)",
		    facts->runtime->name);
	verdict_way_out(verdict, "use the dma-buf path");
}

static void runtime_open(const struct path_facts *facts,
			 struct verdict *verdict)
{
	const struct runtime *runtime = facts->runtime;

	verdict_say(verdict, ANSWER_UNKNOWN,
		    "nothing speaks against it: %s registers dma-bufs, and %s %s%sexports them; not tried, as that would start %s",
		    facts->nic->name, runtime->driver, runtime->version,
		    *runtime->version ? " " : "", runtime->name);
}

/* These drivers ask pci_p2pdma_distance(), which is always far without it. */
static bool runtime_needs_p2pdma(const struct path_facts *facts,
				 struct verdict *verdict)
{
	if (facts->platform->p2pdma != KNOWN_NO)
		return false;
	verdict_say(verdict, ANSWER_NO,
		    "kernel %s was built without CONFIG_PCI_P2PDMA, so %s moves the memory to the host, or refuses, when a NIC attaches",
		    facts->platform->kernel, facts->runtime->driver);
	verdict_way_out(verdict, "use a kernel with CONFIG_PCI_P2PDMA=y");
	return true;
}

static void runtime_dmabuf(const struct path_facts *facts,
			   struct verdict *verdict)
{
	const struct runtime *runtime = facts->runtime;

	if (runtime_no_driver(facts, verdict) ||
	    verdict_no_dmabufs(facts, verdict))
		return;
	if (!*facts->nic->pci) {
		verdict_say(verdict, ANSWER_NO,
			    "%s is driven by the CPU and needs a kernel mapping of the memory, which %s does not offer",
			    facts->nic->name, runtime->driver);
		verdict_way_out(verdict, "use a hardware NIC");
		return;
	}
	switch (runtime->kind) {
	case RUNTIME_CUDA:
		if (!runtime->open_source) {
			verdict_say(verdict, ANSWER_NO,
				    "the loaded NVIDIA driver %s is not the open kernel module, and only that exports dma-bufs",
				    runtime->version);
			verdict_way_out(verdict, "install the driver's open kernel modules (Turing and newer), or use nvidia-peermem");
			return;
		}
		break;
	case RUNTIME_LEVEL_ZERO:
		if (!strcmp(runtime->driver, "i915")) {
			verdict_say(verdict, ANSWER_NO,
				    "i915 moves the memory to the host when a NIC attaches");
			verdict_way_out(verdict, "use the driver xe, or Intel's out-of-tree i915");
			return;
		}
		if (runtime_needs_p2pdma(facts, verdict))
			return;
		break;
	default:
		if (runtime_needs_p2pdma(facts, verdict))
			return;
	}
	runtime_open(facts, verdict);
}

static void runtime_cuda_peer(const struct path_facts *facts,
			      struct verdict *verdict)
{
	const struct platform *platform = facts->platform;
	const struct peer_client *client = platform_client(platform, "nv");

	if (client) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "nothing speaks against it: client %s %s is registered; not tried, as that would start CUDA",
			    client->name, client->version);
	} else if (!platform_module("nvidia_peermem")) {
		verdict_say(verdict, ANSWER_NO,
			    "nvidia-peermem is not loaded");
		verdict_way_out(verdict, "'modprobe nvidia-peermem'; if that says Invalid argument or Unknown symbol, it was built without ib_register_peer_memory_client(): rebuild the NVIDIA driver now that the kernel has it");
	} else {
		verdict_say(verdict, ANSWER_NO,
			    "nvidia-peermem is loaded, but registered no client: it was built where ib_register_peer_memory_client() was missing");
		verdict_way_out(verdict, "rebuild the NVIDIA driver now that the kernel has it, and load nvidia-peermem again");
	}
}

static void runtime_peerdirect(const struct path_facts *facts,
			       struct verdict *verdict)
{
	const struct peer_client *client;

	if (runtime_no_driver(facts, verdict) ||
	    verdict_no_peer_api(facts, verdict))
		return;
	if (!*facts->nic->pci) {
		verdict_say(verdict, ANSWER_NO,
			    "%s is driven by the CPU, and clients give DMA addresses only",
			    facts->nic->name);
		verdict_way_out(verdict, "use a hardware NIC");
		return;
	}
	switch (facts->runtime->kind) {
	case RUNTIME_CUDA:
		runtime_cuda_peer(facts, verdict);
		break;
	case RUNTIME_ROCM:
		client = platform_client(facts->platform, "amd");
		if (client) {
			verdict_say(verdict, ANSWER_UNKNOWN,
				    "nothing speaks against it: client %s is registered; not tried, as that would start ROCm",
				    client->name);
			break;
		}
		verdict_say(verdict, ANSWER_NO,
			    "amdgpu registered no client; only AMD's DKMS driver has one");
		verdict_way_out(verdict, "use the dma-buf path, or install amdgpu-dkms");
		break;
	default:
		verdict_say(verdict, ANSWER_NO,
			    "nobody offers a client for this memory");
		verdict_way_out(verdict, "use the dma-buf path");
	}
}

void verdict_runtime(const struct path_facts *facts, enum path path,
		     struct verdict *verdict)
{
	switch (path) {
	case PATH_PAGE:
		runtime_page(facts, verdict);
		break;
	case PATH_DMABUF:
		runtime_dmabuf(facts, verdict);
		break;
	default:
		runtime_peerdirect(facts, verdict);
	}
}
