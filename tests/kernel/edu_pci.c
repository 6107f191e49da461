// SPDX-License-Identifier: GPL-2.0
/*
 * Binds QEMU's "edu" devices: a DMA engine that no driver stands in the way of,
 * for tests that want a device, and not the CPU, to use a DMA address.
 */

#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "compat.h"
#include "edu.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

static unsigned int dma_bits = 64;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits,
		 "Width of a DMA address; QEMU's device takes 28 bits unless told otherwise (dma_mask)");

static bool nic;
module_param(nic, bool, 0444);
MODULE_PARM_DESC(nic, "Make an RDMA device of each, too (default: N)");

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct edu_device *edu;
	int ret;

	edu = devm_kzalloc(dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	mutex_init(&edu->lock);
	pci_set_drvdata(pdev, edu);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(dma_bits));
	if (ret)
		return ret;
	edu->regs = pcim_iomap(pdev, 0, 0);
	if (!edu->regs)
		return -ENOMEM;
	ret = edu_engine_init(edu);
	if (ret)
		return ret;

	edu->misc.minor = MISC_DYNAMIC_MINOR;
	edu->misc.name = devm_kasprintf(dev, GFP_KERNEL, "edu-%s",
					pci_name(pdev));
	if (!edu->misc.name)
		return -ENOMEM;
	edu->misc.fops = &edu_fops;
	edu->misc.parent = dev;
	ret = misc_register(&edu->misc);
	if (ret)
		return ret;
	ret = nic ? edu_nic_add(edu) : 0;
	if (ret)
		misc_deregister(&edu->misc);
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu_device *edu = pci_get_drvdata(pdev);

	edu_nic_remove(edu);
	misc_deregister(&edu->misc);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_ids);

/* Devices stay while the module does: open files rely on it. */
static struct pci_driver edu_driver = {
	.name = "edu_importer",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.driver.suppress_bind_attrs = true,
};
module_pci_driver(edu_driver);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("QEMU's edu device as an importer of dma-bufs, for tests");
MODULE_LICENSE("GPL");
peermr_compat_import_dma_buf;
