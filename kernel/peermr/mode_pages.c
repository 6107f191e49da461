// SPDX-License-Identifier: GPL-2.0
/*
 * Mode pages: struct pages behind the BAR, as device-DAX has them, in folios
 * of 2 MiB. ib_umem_get() of any kernel pins them as it pins host memory. The
 * pages stay with one reference of their own while idle; whatever is above
 * that is somebody's mapping, pin or pipe.
 */

#include <linux/io.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "compat.h"
#include "peermr.h"

#define PEERMR_FOLIO_SIZE	PMD_SIZE

/* References of a ZONE_DEVICE folio that nobody uses. */
#define PEERMR_FOLIO_IDLE_REFS	1

static struct folio *peermr_window_folio(struct peermr_window *window,
					 u64 offset)
{
	return page_folio(pfn_to_page(PHYS_PFN(window->phys + offset)));
}

static int peermr_pages_start(struct peermr_window *window)
{
	struct dev_pagemap *pgmap = &window->pgmap;
	void *addr;

	if (!peermr_compat_tracks_caching()) {
		dev_err(window->dev.parent,
			"peermr: without PAT the memory would be mapped cached: use mode pfn\n");
		return -EOPNOTSUPP;
	}

	/*
	 * First, and for as long as there are pages: memremap_pages() asks for
	 * a cached mapping, and would get one where the MTRRs allow it. It
	 * adopts the memory type of a mapping that exists.
	 */
	window->kva = ioremap(window->phys, window->size);
	if (!window->kva)
		return -ENOMEM;

	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->range.start = window->phys;
	pgmap->range.end = window->phys + window->size - 1;
	pgmap->nr_range = 1;
	pgmap->vmemmap_shift = PMD_ORDER;
	addr = memremap_pages(pgmap, dev_to_node(window->dev.parent));
	if (IS_ERR(addr)) {
		iounmap(window->kva);
		return PTR_ERR(addr);
	}
	return 0;
}

static void peermr_pages_stop(struct peermr_window *window)
{
	memunmap_pages(&window->pgmap);
	iounmap(window->kva);
}

static void peermr_pages_vma_init(struct vm_area_struct *vma)
{
	peermr_compat_vm_flags_set(vma, PEERMR_COMPAT_PAGES_VM_FLAGS);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
}

static vm_fault_t peermr_pages_fault(struct vm_fault *vmf, phys_addr_t phys,
				     unsigned int order)
{
	if (order)
		return peermr_compat_insert_folio_pmd(vmf, phys);
	return peermr_compat_insert_page(vmf, phys);
}

static u64 peermr_pages_pinned(struct peermr_window *window, u64 offset,
			       u64 length)
{
	u64 end = offset + length, pinned = 0;

	for (; offset < end; offset += PEERMR_FOLIO_SIZE) {
		if (folio_maybe_dma_pinned(peermr_window_folio(window, offset)))
			pinned += PEERMR_FOLIO_SIZE;
		cond_resched();
	}
	return pinned;
}

/*
 * Stricter than folio_maybe_dma_pinned(): a page in a pipe, or under O_DIRECT
 * on kernels that do not pin for it, is not idle either.
 */
static bool peermr_pages_idle(struct peermr_window *window, u64 offset,
			      u64 length)
{
	u64 end = offset + length;

	for (; offset < end; offset += PEERMR_FOLIO_SIZE) {
		if (folio_ref_count(peermr_window_folio(window, offset)) !=
		    PEERMR_FOLIO_IDLE_REFS)
			return false;
		cond_resched();
	}
	return true;
}

const struct peermr_mode peermr_mode_pages = {
	.id = PEERMR_MODE_PAGES,
	.name = "pages",
	.align = PEERMR_FOLIO_SIZE,
	.granule_shift = PMD_SHIFT,
	.start = peermr_pages_start,
	.stop = peermr_pages_stop,
	.vma_init = peermr_pages_vma_init,
	.fault = peermr_pages_fault,
	.pinned = peermr_pages_pinned,
	.idle = peermr_pages_idle,
};
