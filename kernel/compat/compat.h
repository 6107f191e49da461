/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that asks which kernel this is. kernel/compat/probe looks into
 * the kernel's headers and defines PEERMR_HAVE_*; here each difference becomes
 * one name with one meaning.
 */
#ifndef _PEERMR_COMPAT_H
#define _PEERMR_COMPAT_H

#include <linux/cc_platform.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#ifdef CONFIG_X86
#include <asm/memtype.h>

/* Does a second mapping of a range get the memory type of the first? */
static inline bool peermr_compat_tracks_caching(void)
{
	return pat_enabled();
}
#else
static inline bool peermr_compat_tracks_caching(void)
{
	return false;
}
#endif

static inline bool peermr_compat_mem_encrypted(void)
{
	return cc_platform_has(CC_ATTR_MEM_ENCRYPT);
}

/* Symbol namespaces are string literals since 6.13. */
#ifdef PEERMR_HAVE_NS_STRING
#define peermr_compat_import_dma_buf	MODULE_IMPORT_NS("DMA_BUF")
#else
#define peermr_compat_import_dma_buf	MODULE_IMPORT_NS(DMA_BUF)
#endif

#ifdef PEERMR_HAVE_DFL_WQ
#define peermr_compat_unbound_wq	system_dfl_wq
#else
#define peermr_compat_unbound_wq	system_unbound_wq
#endif

/* Class callbacks take a const device since 6.2. */
#ifdef PEERMR_HAVE_CLASS_CONST
#define peermr_compat_class_dev		const struct device
#else
#define peermr_compat_class_dev		struct device
#endif

static inline void peermr_compat_vm_flags_set(struct vm_area_struct *vma,
					      vm_flags_t flags)
{
#ifdef PEERMR_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* __assign_str() lost its second argument in 6.10. */
#ifdef PEERMR_HAVE_ASSIGN_STR_1
#define peermr_compat_assign_str(dst, src)	\
	do { (void)(src); __assign_str(dst); } while (0)
#else
#define peermr_compat_assign_str(dst, src)	__assign_str(dst, src)
#endif

/*
 * Before ->huge_fault() took an order (6.6), 2 MiB faults came only to VMAs of
 * DAX inodes.
 */
#ifdef PEERMR_HAVE_HUGE_FAULT_ORDER
#define peermr_compat_order_arg		unsigned int

static inline unsigned int peermr_compat_order(unsigned int order)
{
	return order;
}

static inline void peermr_compat_inode_init(struct inode *inode) {}
#else
#define peermr_compat_order_arg		enum page_entry_size

#ifndef PMD_ORDER
#define PMD_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#endif

static inline unsigned int peermr_compat_order(enum page_entry_size size)
{
	switch (size) {
	case PE_SIZE_PTE:
		return 0;
	case PE_SIZE_PMD:
		return PMD_ORDER;
	default:
		return PUD_SHIFT - PAGE_SHIFT;
	}
}

static inline void peermr_compat_inode_init(struct inode *inode)
{
	/* Kernels that map single pages (below) do not pin them for long then. */
#ifndef PEERMR_HAVE_PMD_TRANS_UNSTABLE
	inode->i_flags |= S_DAX;
#endif
}
#endif

static inline bool peermr_compat_write_fault(struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_WRITE;
}

/*
 * Device pages in user page tables. Kernels with folio-backed 2 MiB mappings
 * count every mapping in the folio, and VM_MIXEDMAP would leak that count when
 * such a mapping is split. Before them a 2 MiB mapping is a "devmap" entry, and
 * vmf_insert_page() wants VM_MIXEDMAP.
 */
#ifdef PEERMR_HAVE_INSERT_FOLIO_PMD
#define PEERMR_COMPAT_PAGES_VM_FLAGS	0

static inline vm_fault_t peermr_compat_insert_folio_pmd(struct vm_fault *vmf,
							phys_addr_t phys)
{
	return vmf_insert_folio_pmd(vmf, page_folio(phys_to_page(phys)),
				    peermr_compat_write_fault(vmf));
}

static inline vm_fault_t peermr_compat_insert_page(struct vm_fault *vmf,
						   phys_addr_t phys)
{
	return vmf_insert_page_mkwrite(vmf, phys_to_page(phys),
				       peermr_compat_write_fault(vmf));
}

#define peermr_compat_device_pfn(phys)	PHYS_PFN(phys)
#else
#include <linux/pfn_t.h>

#define PEERMR_COMPAT_PAGES_VM_FLAGS	VM_MIXEDMAP

/*
 * Before 6.5, madvise(MADV_PAGEOUT) and its like took a devmap entry for a bad
 * one and cleared it without a TLB flush: the mapping outlived its removal. So
 * those kernels map single pages.
 */
#ifdef PEERMR_HAVE_PMD_TRANS_UNSTABLE
static inline vm_fault_t peermr_compat_insert_folio_pmd(struct vm_fault *vmf,
							phys_addr_t phys)
{
	return VM_FAULT_FALLBACK;
}
#else
static inline vm_fault_t peermr_compat_insert_folio_pmd(struct vm_fault *vmf,
							phys_addr_t phys)
{
	return vmf_insert_pfn_pmd(vmf, phys_to_pfn_t(phys, PFN_DEV | PFN_MAP),
				  peermr_compat_write_fault(vmf));
}
#endif

static inline vm_fault_t peermr_compat_insert_page(struct vm_fault *vmf,
						   phys_addr_t phys)
{
	return vmf_insert_page(vmf->vma, vmf->address,
			       pfn_to_page(PHYS_PFN(phys)));
}

#define peermr_compat_device_pfn(phys)	phys_to_pfn_t(phys, PFN_DEV)
#endif

/*
 * Where a 2 MiB entry cannot be special (before 6.12), get_user_pages_fast() takes
 * it for one of pages and reads a struct page that is not there.
 */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static inline vm_fault_t peermr_compat_insert_pfn_pmd(struct vm_fault *vmf,
						      phys_addr_t phys)
{
	return vmf_insert_pfn_pmd(vmf, peermr_compat_device_pfn(phys),
				  peermr_compat_write_fault(vmf));
}
#else
static inline vm_fault_t peermr_compat_insert_pfn_pmd(struct vm_fault *vmf,
						      phys_addr_t phys)
{
	return VM_FAULT_FALLBACK;
}
#endif

#endif /* _PEERMR_COMPAT_H */
