// SPDX-License-Identifier: GPL-2.0
/*
 * Mode pfn: no struct pages, so nothing can be pinned and memory costs nothing
 * but two bits a granule. CPU mappings are write-combining.
 */

#include <linux/io.h>
#include <linux/mm.h>

#include "compat.h"
#include "peermr.h"

static int peermr_pfn_start(struct peermr_window *window)
{
	window->kva = ioremap_wc(window->phys, window->size);
	return window->kva ? 0 : -ENOMEM;
}

static void peermr_pfn_stop(struct peermr_window *window)
{
	iounmap(window->kva);
}

static void peermr_pfn_vma_init(struct vm_area_struct *vma)
{
	peermr_compat_vm_flags_set(vma, VM_IO | VM_PFNMAP);
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
}

static vm_fault_t peermr_pfn_fault(struct vm_fault *vmf, phys_addr_t phys,
				   unsigned int order)
{
	if (order)
		return peermr_compat_insert_pfn_pmd(vmf, phys);
	return vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(phys));
}

static u64 peermr_pfn_pinned(struct peermr_window *window, u64 offset,
			     u64 length)
{
	return 0;
}

/*
 * Without pages a VMA is all there is, and it holds the buffer itself. VFIO puts
 * such memory into an IOMMU and holds nothing: see peermr(7).
 */
static bool peermr_pfn_idle(struct peermr_window *window, u64 offset,
			    u64 length)
{
	return true;
}

const struct peermr_mode peermr_mode_pfn = {
	.id = PEERMR_MODE_PFN,
	.name = "pfn",
	.align = PAGE_SIZE,
	.granule_shift = PAGE_SHIFT,
	.start = peermr_pfn_start,
	.stop = peermr_pfn_stop,
	.vma_init = peermr_pfn_vma_init,
	.fault = peermr_pfn_fault,
	.pinned = peermr_pfn_pinned,
	.idle = peermr_pfn_idle,
};
