// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The page path and the dma-buf path of a window: does it work, and why not? */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "page_dma.h"
#include "paths.h"
#include "tool.h"

void verdict_say(struct verdict *verdict, enum answer answer,
		 const char *format, ...)
{
	va_list args;

	verdict->answer = answer;
	verdict->way_out[0] = '\0';
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

void verdict_way_out(struct verdict *verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(verdict->way_out, sizeof(verdict->way_out), format, args);
	va_end(args);
}

static bool verdict_is_hardware(const struct path_facts *facts)
{
	return *facts->nic->pci;
}

/* True, and a verdict, if the RDMA device could not be opened. */
static bool verdict_not_opened(const struct path_facts *facts,
			       struct verdict *verdict)
{
	const struct nic *nic = facts->nic;
	int err = facts->able->opened;

	if (!err)
		return false;
	if (err == PROBE_NOT_TRIED) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, as this peermr was built without libibverbs");
		verdict_way_out(verdict, "install libibverbs-dev and build it anew");
	} else if (!*nic->uverbs) {
		verdict_say(verdict, ANSWER_NO,
			    "%s has no node in /dev/infiniband, so no program can use it",
			    nic->name);
		verdict_way_out(verdict, "load ib_uverbs: 'modprobe ib_uverbs'");
	} else if (err == -EACCES || err == -EPERM) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, no permission to open /dev/infiniband/%s",
			    nic->uverbs);
		verdict_way_out(verdict, "run as root, or join the group that owns it");
	} else if (err == -ENODEV || err == -ENOSYS) {
		verdict_say(verdict, ANSWER_NO,
			    "libibverbs has no provider library for %s",
			    nic->name);
		verdict_way_out(verdict, "install the providers: 'apt install ibverbs-providers', or the package of the NIC's vendor");
	} else {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, %s cannot be opened: %s", nic->name,
			    strerror(-err));
	}
	return true;
}

/* True, and a verdict, if there was no memory of the window to try with. */
static bool verdict_no_memory(const struct path_facts *facts,
			      struct verdict *verdict)
{
	const struct window *window = facts->window;
	int err = facts->tried->opened;

	if (err == -EACCES || err == -EPERM) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, no permission to open " WINDOW_DEVICES "/%s",
			    window->name);
		verdict_way_out(verdict, "run as root, or join the group that owns it");
		return true;
	}
	if (err < 0) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, " WINDOW_DEVICES "/%s cannot be opened: %s",
			    window->name, strerror(-err));
		return true;
	}
	err = facts->tried->allocated;
	if (err == -ENOSPC || err == -EDQUOT) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, %s has no room for a buffer of %s%s",
			    window->name, size_format(window->granule).text,
			    err == -EDQUOT ? " within this user's quota" : "");
		verdict_way_out(verdict, "'peermr show %s' tells who holds the rest",
				window->name);
		return true;
	}
	if (err < 0) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "not tried, no buffer of %s can be had from %s: %s",
			    size_format(window->granule).text, window->name,
			    strerror(-err));
		return true;
	}
	return false;
}

/* True, and a verdict, if the window has lost its memory. */
static bool verdict_not_live(const struct path_facts *facts,
			     struct verdict *verdict)
{
	const struct window *window = facts->window;

	if (!strcmp(window->state, "live"))
		return false;
	if (!strcmp(window->state, "stopped")) {
		verdict_say(verdict, ANSWER_NO,
			    "the window is stopped, its device is in a reset or asleep");
		verdict_way_out(verdict, "try again when that is over");
	} else {
		verdict_say(verdict, ANSWER_NO, "the window is %s",
			    window->state);
		verdict_way_out(verdict, "bind its device anew with 'peermr unbind' and 'peermr bind'");
	}
	return true;
}

bool verdict_untried(const struct path_facts *facts, struct verdict *verdict)
{
	return verdict_not_live(facts, verdict) ||
	       verdict_not_opened(facts, verdict) ||
	       verdict_no_memory(facts, verdict);
}

static void verdict_page_failed(const struct path_facts *facts,
				struct verdict *verdict)
{
	const struct window *window = facts->window;
	uint64_t limit = facts->platform->memlock;
	int err = facts->tried->plain;

	verdict_say(verdict, ANSWER_NO, "ibv_reg_mr() of %s fails: %s",
		    size_format(window->granule).text, strerror(-err));
	if (err == -ENOMEM && limit < window->granule) {
		verdict_say(verdict, ANSWER_NO,
			    "registered memory counts as locked, of which the limit is %s; a buffer of this window has %s",
			    size_format(limit).text,
			    size_format(window->granule).text);
		verdict_way_out(verdict, "raise it: 'ulimit -l unlimited', /etc/security/limits.conf, or LimitMEMLOCK= of a systemd unit");
	} else if (err == -EFAULT) {
		verdict_way_out(verdict, "the kernel could not pin the pages; dmesg may say why");
	} else if (err == -EOPNOTSUPP) {
		verdict_way_out(verdict, "choose another RDMA device");
	}
}

static void verdict_page_registered(const struct path_facts *facts,
				    struct verdict *verdict)
{
	struct size_text size = size_format(facts->window->granule);
	char text[160];

	if (!facts->tried->pinned) {
		verdict_say(verdict, ANSWER_UNKNOWN,
			    "%s made a dma-buf registration of ibv_reg_mr(), so no pages were pinned",
			    *facts->platform->extension ?
			    facts->platform->extension : "a verbs extension");
		verdict_way_out(verdict, "nothing needs it; the dma-buf path is the better one");
		return;
	}
	if (!verdict_is_hardware(facts)) {
		verdict_say(verdict, ANSWER_YES,
			    "ibv_reg_mr() of %s; the CPU moves the data, so the PCIe topology does not matter",
			    size.text);
		return;
	}
	if (topology_good(&facts->topology)) {
		verdict_say(verdict, ANSWER_YES,
			    "ibv_reg_mr() of %s; the two devices are %s",
			    size.text,
			    topology_text(&facts->topology, text));
		return;
	}
	verdict_say(verdict, ANSWER_UNKNOWN,
		    "ibv_reg_mr() of %s succeeds, but whether DMA arrives is not known: the two devices are %s",
		    size.text, topology_text(&facts->topology, text));
	verdict_way_out(verdict, "'peermr test %s --rdma-device %s' moves data and tells",
			facts->window->name, facts->nic->name);
}

/*
 * True, and a verdict, if the kernel would give the NIC a copy in host memory.
 * What arrives there gets to the window when the registration ends.
 */
static bool verdict_page_bounced(const struct path_facts *facts,
				 struct verdict *verdict)
{
	const struct nic *nic = facts->nic;

	switch (page_dma_of(facts->window, nic->dma_bits, nic->iommu)) {
	case PAGE_DMA_BOUNCED:
		verdict_say(verdict, ANSWER_NO,
			    "the kernel runs with swiotlb=force and no IOMMU translates for %s: it would get a copy in host memory",
			    nic->name);
		verdict_way_out(verdict, "boot without swiotlb=force, or use the dma-buf path");
		return true;
	case PAGE_DMA_NARROW:
		verdict_say(verdict, ANSWER_NO,
			    "the DMA mask of %s has %u bits, the window's addresses have %u: it would get a copy in host memory",
			    nic->name, nic->dma_bits,
			    facts->window->address_bits);
		verdict_way_out(verdict, "switch the IOMMU on, or have the firmware place the BAR lower ('Above 4G decoding')");
		return true;
	default:
		return false;
	}
}

void verdict_page(const struct path_facts *facts, struct verdict *verdict)
{
	const struct window *window = facts->window;
	int length = (int)(strstr(window->name, "-bar") ?
			   strstr(window->name, "-bar") - window->name : 0);

	if (!strcmp(window->mode, "pfn")) {
		verdict_say(verdict, ANSWER_NO,
			    "the window is in mode pfn, whose memory has no struct pages that the kernel could pin");
		verdict_way_out(verdict, "use the dma-buf path, or bind anew: 'peermr unbind %.*s' and 'peermr bind %.*s --mode pages'",
				length, window->name, length, window->name);
		return;
	}
	if (verdict_is_hardware(facts) &&
	    facts->platform->encryption == KNOWN_YES) {
		verdict_say(verdict, ANSWER_NO,
			    "memory encryption is active, and the kernel sets the encryption bit in the DMA address of pages, which no device memory has");
		verdict_way_out(verdict, "use the dma-buf path, or boot with mem_encrypt=off");
		return;
	}
	if (verdict_is_hardware(facts) && verdict_page_bounced(facts, verdict))
		return;
	if (verdict_untried(facts, verdict))
		return;
	if (facts->tried->plain)
		verdict_page_failed(facts, verdict);
	else
		verdict_page_registered(facts, verdict);
}

static void verdict_driver_lacks(const struct path_facts *facts,
				 struct verdict *verdict)
{
	const struct nic *nic = facts->nic;

	if (facts->able->kernel == -EPROTONOSUPPORT) {
		verdict_say(verdict, ANSWER_NO,
			    "kernel %s has no dma-buf registration at all",
			    facts->platform->kernel);
		verdict_way_out(verdict, "use Linux 5.12 or newer");
		return;
	}
	verdict_say(verdict, ANSWER_NO,
		    "the kernel driver %s does not register dma-bufs (EOPNOTSUPP)",
		    *nic->driver ? nic->driver : "of this device");
	if (!strcmp(nic->driver, "rdma_rxe"))
		verdict_way_out(verdict, "build it with the patches in kernel/rxe of peermr's sources");
	else if (!strncmp(nic->driver, "mlx5", 4))
		verdict_way_out(verdict, "the kernel needs CONFIG_INFINIBAND_ON_DEMAND_PAGING for it");
	else
		verdict_way_out(verdict, "of the drivers in Linux 6.12 mlx5, irdma, bnxt_re and efa do; a newer kernel or the vendor's driver may");
}

bool verdict_no_dmabufs(const struct path_facts *facts,
			struct verdict *verdict)
{
	const struct nic_probe *able = facts->able;

	if (verdict_not_opened(facts, verdict))
		return true;
	if (able->kernel == -EOPNOTSUPP || able->kernel == -EPROTONOSUPPORT) {
		verdict_driver_lacks(facts, verdict);
		return true;
	}
	if (able->provider != -EOPNOTSUPP)
		return false;
	verdict_say(verdict, ANSWER_NO,
		    "the kernel driver registers dma-bufs, but the provider library %s does not pass them on (EOPNOTSUPP)",
		    able->library);
	if (!strcmp(facts->nic->driver, "rdma_rxe"))
		verdict_way_out(verdict, "build rdma-core with the patches in userspace/verbs/rdma-core of peermr's sources");
	else
		verdict_way_out(verdict, "update rdma-core, or the vendor's libraries");
	return true;
}

/* The exporter, peermr.ko, has looked at the way between the devices. */
static void verdict_dmabuf_unreachable(const struct path_facts *facts,
				       struct verdict *verdict)
{
	char text[160];

	verdict_say(verdict, ANSWER_NO,
		    "the kernel refuses the PCIe path (EREMOTEIO): the two devices are %s",
		    topology_text(&facts->topology, text));
	if (facts->platform->provider_api == KNOWN_YES)
		verdict_way_out(verdict, "put both below one PCIe switch without ACS redirection; dmesg may say more");
	else
		verdict_way_out(verdict, "put both below one PCIe switch without ACS redirection, or, where you know better, load peermr with any_host_bridge=1");
}

static void verdict_dmabuf_failed(const struct path_facts *facts,
				  struct verdict *verdict)
{
	int err = facts->tried->dmabuf;

	switch (err) {
	case -EREMOTEIO:
		verdict_dmabuf_unreachable(facts, verdict);
		break;
	case -EOPNOTSUPP:
		verdict_say(verdict, ANSWER_NO,
			    "%s registers dma-bufs, but not those that can be taken back from it, or not those of another device's memory",
			    facts->nic->name);
		verdict_way_out(verdict, "dmesg names the reason; use the page path or a newer kernel");
		break;
	case -EIO:
		verdict_say(verdict, ANSWER_NO,
			    "no DMA address of the window can be had for %s: its DMA mask may be too small, or the IOMMU refused",
			    facts->nic->name);
		verdict_way_out(verdict, "dmesg says which");
		break;
	default:
		verdict_say(verdict, ANSWER_NO,
			    "ibv_reg_dmabuf_mr() of %s fails: %s",
			    size_format(facts->window->granule).text,
			    strerror(-err));
		verdict_way_out(verdict, "dmesg may say why");
	}
}

void verdict_dmabuf(const struct path_facts *facts, struct verdict *verdict)
{
	struct size_text size = size_format(facts->window->granule);
	const struct nic *nic = facts->nic;
	char text[160];

	if (verdict_no_dmabufs(facts, verdict) ||
	    verdict_untried(facts, verdict))
		return;
	if (facts->tried->exported) {
		verdict_say(verdict, ANSWER_NO,
			    "the window gives no dma-buf: %s",
			    strerror(-facts->tried->exported));
		return;
	}
	if (facts->tried->dmabuf) {
		verdict_dmabuf_failed(facts, verdict);
		return;
	}
	if (verdict_is_hardware(facts))
		verdict_say(verdict, ANSWER_YES,
			    "ibv_reg_dmabuf_mr() of %s; the kernel gave DMA addresses%s%s%s, the two devices are %s",
			    size.text, *nic->iommu ? " (IOMMU group of type " : "",
			    nic->iommu, *nic->iommu ? ")" : "",
			    topology_text(&facts->topology, text));
	else
		verdict_say(verdict, ANSWER_YES,
			    "ibv_reg_dmabuf_mr() of %s; the CPU moves the data, so the PCIe topology does not matter",
			    size.text);
}
