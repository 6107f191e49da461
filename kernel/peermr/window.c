// SPDX-License-Identifier: GPL-2.0
/* Windows: checks, creation and destruction. */

#include <linux/export.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "compat.h"
#include "p2p.h"
#include "peermr.h"

static const struct peermr_mode *peermr_mode_find(unsigned int id)
{
	switch (id) {
	case PEERMR_MODE_PAGES:
		return &peermr_mode_pages;
	case PEERMR_MODE_PFN:
		return &peermr_mode_pfn;
	default:
		return NULL;
	}
}

/**
 * peermr_mode_default() - how to map a BAR that nobody said anything about
 * @pdev: the device
 *
 * PEERMR_MODE_PAGES, which makes plain ibv_reg_mr() work, but only where
 * dma_map_sg() computes right addresses for such pages: under AMD SME it would
 * set the encryption bit.
 *
 * Return: PEERMR_MODE_PAGES or PEERMR_MODE_PFN.
 */
unsigned int peermr_mode_default(struct pci_dev *pdev)
{
	if (!IS_ENABLED(CONFIG_X86_64))
		return PEERMR_MODE_PFN;
	if (peermr_compat_mem_encrypted()) {
		pci_info(pdev, "peermr: memory encryption is on: mode pfn\n");
		return PEERMR_MODE_PFN;
	}
	return PEERMR_MODE_PAGES;
}
EXPORT_SYMBOL_GPL(peermr_mode_default);

static bool peermr_bar_has_msix(struct pci_dev *pdev, unsigned int bar)
{
	u32 table, pba;

	if (!pdev->msix_cap)
		return false;
	if (pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_TABLE,
				  &table) ||
	    pci_read_config_dword(pdev, pdev->msix_cap + PCI_MSIX_PBA, &pba))
		return true;
	return bar == (table & PCI_MSIX_TABLE_BIR) ||
	       bar == (pba & PCI_MSIX_PBA_BIR);
}

static bool peermr_window_bounces(struct peermr_window *window)
{
	/*
	 * What bounces is up to the device that does the DMA. Its own buffer
	 * stands for that of all, which differs only where firmware gives a
	 * device a memory of its own for it.
	 */
	return is_swiotlb_force_bounce(&window->pdev->dev);
}

/**
 * peermr_window_page_dma() - what dma_map_sg() makes of the window's pages
 * @window: the window
 *
 * Return: "direct" (addresses of the memory), "bounced" (of a copy in host
 * memory, for devices that no IOMMU translates for), "encrypted" (wrong ones:
 * with the encryption bit), or "none" (mode pfn has no pages).
 */
const char *peermr_window_page_dma(struct peermr_window *window)
{
	if (window->mode != &peermr_mode_pages)
		return "none";
	if (peermr_compat_mem_encrypted())
		return "encrypted";
	return peermr_window_bounces(window) ? "bounced" : "direct";
}

/* Nothing fails later where DMA does not get to the window's pages. */
static void peermr_window_warn(struct peermr_window *window)
{
	if (window->mode != &peermr_mode_pages)
		return;
	if (peermr_compat_mem_encrypted())
		pci_warn(window->pdev,
			 "peermr: BAR%u: memory encryption is on: the DMA addresses of mode pages are wrong, use mode pfn\n",
			 window->bar);
	else if (peermr_window_bounces(window))
		pci_warn(window->pdev,
			 "peermr: BAR%u: swiotlb=force: DMA to mode pages goes to copies in host memory unless an IOMMU translates, boot without it\n",
			 window->bar);
}

/* Fills window->mode, phys and size, or says why the BAR will not do. */
static int peermr_window_check(struct peermr_window *window,
			       const struct peermr_window_config *config)
{
	struct pci_dev *pdev = window->pdev;
	unsigned int bar = config->bar;
	u64 bar_size, end;

	window->mode = peermr_mode_find(config->mode ?:
					peermr_mode_default(pdev));
	if (!window->mode || bar >= PCI_STD_NUM_BARS)
		return -EINVAL;

	bar_size = pci_resource_len(pdev, bar);
	if (!bar_size || !(pci_resource_flags(pdev, bar) & IORESOURCE_MEM)) {
		pci_err(pdev, "peermr: BAR%u is not a memory BAR\n", bar);
		return -EINVAL;
	}
	if (peermr_bar_has_msix(pdev, bar)) {
		pci_err(pdev, "peermr: BAR%u holds the MSI-X table or PBA\n",
			bar);
		return -EINVAL;
	}

	window->size = config->size;
	if (!window->size && config->offset < bar_size)
		window->size = bar_size - config->offset;
	if (!window->size ||
	    check_add_overflow(config->offset, window->size, &end) ||
	    end > bar_size) {
		pci_err(pdev, "peermr: %#llx bytes at %#llx exceed BAR%u\n",
			window->size, config->offset, bar);
		return -EINVAL;
	}

	window->phys = pci_resource_start(pdev, bar) + config->offset;
	if (!IS_ALIGNED(window->phys | window->size, window->mode->align)) {
		pci_err(pdev,
			"peermr: BAR%u: %#llx bytes at %pa: mode %s needs multiples of %#llx\n",
			bar, window->size, &window->phys, window->mode->name,
			window->mode->align);
		return -EINVAL;
	}
	peermr_window_warn(window);
	return 0;
}

static void peermr_window_release(struct device *dev)
{
	struct peermr_window *window =
		container_of(dev, struct peermr_window, dev);

	if (MAJOR(dev->devt))
		peermr_minor_put(MINOR(dev->devt) - MINOR(peermr_devt(0)));
	if (window->inode)
		iput(window->inode);
	mutex_lock(&window->lock);
	__mt_destroy(&window->extents);
	__mt_destroy(&window->handles);
	mutex_unlock(&window->lock);
	cleanup_srcu_struct(&window->srcu);
	mutex_destroy(&window->lock);
	kfree(window);
}

static struct peermr_window *
peermr_window_new(struct pci_dev *pdev,
		  const struct peermr_window_config *config)
{
	struct peermr_window *window;
	int ret;

	window = kzalloc(sizeof(*window), GFP_KERNEL);
	if (!window)
		return ERR_PTR(-ENOMEM);

	window->pdev = pdev;
	window->bar = config->bar;
	window->owner = config->owner;
	ret = peermr_window_check(window, config);
	if (ret)
		goto err_free;

	ret = init_srcu_struct(&window->srcu);
	if (ret)
		goto err_free;
	mutex_init(&window->lock);
	mt_init_flags(&window->extents,
		      MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&window->extents, &window->lock);
	peermr_handles_init(window);
	INIT_LIST_HEAD(&window->accounts);
	window->bytes_free = window->size;
	peermr_reaper_init(window);

	device_initialize(&window->dev);
	window->dev.class = &peermr_class;
	window->dev.parent = &pdev->dev;
	window->dev.release = peermr_window_release;
	return window;

err_free:
	kfree(window);
	return ERR_PTR(ret);
}

static int peermr_window_publish(struct peermr_window *window,
				 const struct peermr_window_config *config)
{
	int ret;

	ret = config->offset ?
		dev_set_name(&window->dev, "%s-bar%u-%llx",
			     pci_name(window->pdev), config->bar,
			     config->offset) :
		dev_set_name(&window->dev, "%s-bar%u", pci_name(window->pdev),
			     config->bar);
	if (ret)
		return ret;

	ret = peermr_minor_get();
	if (ret < 0)
		return ret;
	window->dev.devt = peermr_devt(ret);

	cdev_init(&window->cdev, &peermr_fops);
	window->cdev.owner = THIS_MODULE;
	return cdev_device_add(&window->cdev, &window->dev);
}

/* Nobody finds the window any more: take its memory from those who have it. */
static void peermr_window_dismantle(struct peermr_window *window)
{
	struct peermr_buffer *buffer;
	u64 offset = 0;

	peermr_window_revoke(window);
	peermr_window_wait_idle(window, false);
	peermr_reaper_stop(window);

	/* Nobody adds a buffer now, and nobody but us removes an extent. */
	for (;;) {
		mutex_lock(&window->lock);
		buffer = peermr_extent_next(window, &offset);
		mutex_unlock(&window->lock);
		if (!buffer)
			break;
		peermr_granules_scrub(buffer);
		peermr_buffer_detach(buffer);
	}

	window->mode->stop(window);
	peermr_granules_free(window);
}

/**
 * peermr_window_create() - offer a range of a BAR as memory for RDMA
 * @pdev: the device; enabled, the BAR requested by the caller
 * @config: which range, and how
 *
 * Makes /dev/peermr/<BDF>-bar<N> (with "-<offset>" where the window does not
 * begin with the BAR). The memory is zeroed before anybody sees it. May sleep.
 *
 * Return: the window, which the caller ends with peermr_window_destroy()
 * before it gives up the BAR; or ERR_PTR: -EINVAL (the range cannot be offered
 * in this mode; the reason is in the log), -ENOMEM, or what memremap_pages()
 * and device registration give.
 */
struct peermr_window *
peermr_window_create(struct pci_dev *pdev,
		     const struct peermr_window_config *config)
{
	struct peermr_window *window;
	int ret;

	window = peermr_window_new(pdev, config);
	if (IS_ERR(window))
		return window;

	window->inode = peermr_inode_new();
	if (IS_ERR(window->inode)) {
		ret = PTR_ERR(window->inode);
		window->inode = NULL;
		goto err_put;
	}
	peermr_compat_inode_init(window->inode);

	ret = peermr_p2p_init(pdev);
	if (ret && ret != -EOPNOTSUPP)
		goto err_put;

	ret = peermr_granules_alloc(window);
	if (ret)
		goto err_put;

	ret = window->mode->start(window);
	if (ret)
		goto err_granules;

	ret = peermr_window_publish(window, config);
	if (ret)
		goto err_publish;

	dev_info(&window->dev, "%llu MiB at %pa, mode %s\n", window->size >> 20,
		 &window->phys, window->mode->name);
	return window;

err_publish:
	/* Its number was there for a moment, and somebody may have opened it. */
	peermr_window_dismantle(window);
	goto err_put;
err_granules:
	peermr_granules_free(window);
err_put:
	pci_err(pdev, "peermr: BAR%u: cannot make a window: %pe\n", config->bar,
		ERR_PTR(ret));
	put_device(&window->dev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(peermr_window_create);

/**
 * peermr_window_destroy() - take a window back
 * @window: from peermr_window_create()
 *
 * Removes the device node, turns CPU mappings into SIGBUS, and then waits, not
 * interruptibly, until every page is unpinned: a pinned page is in the hands
 * of a device, and nobody can take it from there. Logs who holds it every 10
 * seconds. When it returns nothing refers to the BAR any more. Processes may
 * still have the (dead) node open.
 */
void peermr_window_destroy(struct peermr_window *window)
{
	cdev_device_del(&window->cdev, &window->dev);
	peermr_window_dismantle(window);
	put_device(&window->dev);
}
EXPORT_SYMBOL_GPL(peermr_window_destroy);
