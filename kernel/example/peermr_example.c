// SPDX-License-Identifier: GPL-2.0
/*
 * An example to copy: the driver of a device keeps it, and offers part of its
 * memory BAR for RDMA through peermr. The device is QEMU's ivshmem-plain, whose
 * BAR2 is nothing but memory; the driver has the first 2 MiB for itself, as a
 * device with mailboxes or firmware there would.
 *
 * What is peermr's: example_offer(), one call in remove, and one at each end of
 * a reset, an error and a suspend, as memory does not survive these.
 */

#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/sizes.h>

#include <linux/peermr.h>

#define EXAMPLE_NAME		"peermr_example"
#define EXAMPLE_VENDOR		0x1af4
#define EXAMPLE_DEVICE		0x1110
#define EXAMPLE_BAR		2
/* A window in mode pages begins on a boundary of 2 MiB. */
#define EXAMPLE_PRIVATE		SZ_2M
#define EXAMPLE_MAGIC		0x52454550

static bool pfn;
module_param(pfn, bool, 0444);
MODULE_PARM_DESC(pfn, "no struct pages: only dma-bufs and PeerDirect, but nothing to pin");

/**
 * struct example - a device
 * @private: what of the BAR the driver uses itself
 * @window: the rest of the BAR, as peermr has it
 */
struct example {
	void __iomem *private;
	struct peermr_window *window;
};

static int example_offer(struct pci_dev *pdev, struct example *example)
{
	struct peermr_window_config config = {
		.owner = THIS_MODULE,
		.bar = EXAMPLE_BAR,
		.mode = pfn ? PEERMR_MODE_PFN : peermr_mode_default(pdev),
		.offset = EXAMPLE_PRIVATE,
	};

	example->window = peermr_window_create(pdev, &config);
	return PTR_ERR_OR_ZERO(example->window);
}

static int example_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct example *example;
	int ret;

	example = devm_kzalloc(&pdev->dev, sizeof(*example), GFP_KERNEL);
	if (!example)
		return -ENOMEM;

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	/* All of it: peermr maps what the driver has, and does not ask for it. */
	ret = pci_request_region(pdev, EXAMPLE_BAR, EXAMPLE_NAME);
	if (ret)
		goto err_disable;

	ret = -ENOMEM;
	example->private = pci_iomap(pdev, EXAMPLE_BAR, EXAMPLE_PRIVATE);
	if (!example->private)
		goto err_release;
	iowrite32(EXAMPLE_MAGIC, example->private);

	ret = example_offer(pdev, example);
	if (ret)
		goto err_unmap;
	pci_set_drvdata(pdev, example);
	pci_save_state(pdev);
	return 0;

err_unmap:
	pci_iounmap(pdev, example->private);
err_release:
	pci_release_region(pdev, EXAMPLE_BAR);
err_disable:
	pci_disable_device(pdev);
	return ret;
}

static void example_remove(struct pci_dev *pdev)
{
	struct example *example = pci_get_drvdata(pdev);

	/* Waits until no NIC has the memory any more; so it comes first. */
	peermr_window_destroy(example->window);
	pci_iounmap(pdev, example->private);
	pci_release_region(pdev, EXAMPLE_BAR);
	pci_disable_device(pdev);
}

static void example_reset_prepare(struct pci_dev *pdev)
{
	struct example *example = pci_get_drvdata(pdev);

	peermr_window_stop(example->window);
}

static void example_reset_done(struct pci_dev *pdev)
{
	struct example *example = pci_get_drvdata(pdev);

	/* What the core restored from is gone, and may be wanted for an error. */
	pci_save_state(pdev);
	iowrite32(EXAMPLE_MAGIC, example->private);
	peermr_window_start(example->window);
}

static pci_ers_result_t example_error_detected(struct pci_dev *pdev,
					       pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	example_reset_prepare(pdev);
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t example_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static const struct pci_error_handlers example_err_handler = {
	.error_detected = example_error_detected,
	.slot_reset = example_slot_reset,
	.resume = example_reset_done,
	.reset_prepare = example_reset_prepare,
	.reset_done = example_reset_done,
};

/* Refused while somebody has memory, which would be lost. */
static int example_suspend(struct device *dev)
{
	struct example *example = dev_get_drvdata(dev);

	return peermr_window_stop_unused(example->window);
}

static int example_resume(struct device *dev)
{
	example_reset_done(to_pci_dev(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(example_pm, example_suspend, example_resume);

static const struct pci_device_id example_ids[] = {
	{ PCI_DEVICE(EXAMPLE_VENDOR, EXAMPLE_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, example_ids);

static struct pci_driver example_driver = {
	.name = EXAMPLE_NAME,
	.id_table = example_ids,
	.probe = example_probe,
	.remove = example_remove,
	.err_handler = &example_err_handler,
	.driver.pm = pm_sleep_ptr(&example_pm),
};
module_pci_driver(example_driver);

MODULE_AUTHOR("The peermr developers");
MODULE_DESCRIPTION("Example of a driver that offers its BAR through peermr");
MODULE_LICENSE("GPL");
