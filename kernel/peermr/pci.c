// SPDX-License-Identifier: GPL-2.0
/*
 * The generic PCI driver: it has no ids and takes only devices that are given
 * to it by driver_override, as vfio-pci does.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "peermr.h"

/* Smaller BARs are offered only when they are named. */
#define PEERMR_PCI_MIN_SIZE	SZ_2M

/**
 * struct peermr_pci - a device bound to the generic driver
 * @windows: by BAR, NULL where there is none
 */
struct peermr_pci {
	struct peermr_window *windows[PCI_STD_NUM_BARS];
};

static void peermr_pci_drop_bar(struct pci_dev *pdev, unsigned int bar)
{
	struct peermr_pci *priv = pci_get_drvdata(pdev);

	if (!priv->windows[bar])
		return;
	peermr_window_destroy(priv->windows[bar]);
	priv->windows[bar] = NULL;
	pci_release_region(pdev, bar);
}

static int peermr_pci_offer_bar(struct pci_dev *pdev, unsigned int bar,
				unsigned int mode)
{
	struct peermr_pci *priv = pci_get_drvdata(pdev);
	struct peermr_window_config config = {
		.owner = THIS_MODULE,
		.bar = bar,
		.mode = mode,
	};
	struct peermr_window *window;
	int ret;

	ret = pci_request_region(pdev, bar, "peermr");
	if (ret)
		return ret;
	window = peermr_window_create(pdev, &config);
	if (IS_ERR(window)) {
		pci_release_region(pdev, bar);
		return PTR_ERR(window);
	}
	priv->windows[bar] = window;
	return 0;
}

/*
 * Offer the BAR that was named, or every one that is large enough to be memory
 * rather than registers.
 */
static int peermr_pci_offer(struct pci_dev *pdev,
			    const struct peermr_pci_options *options)
{
	unsigned int bar, offered = 0;
	int ret, err = -EINVAL;

	if (options->bar >= 0)
		return peermr_pci_offer_bar(pdev, options->bar, options->mode);

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (pci_resource_len(pdev, bar) < PEERMR_PCI_MIN_SIZE)
			continue;
		ret = peermr_pci_offer_bar(pdev, bar, options->mode);
		if (!ret)
			offered++;
		else
			err = ret;
	}
	if (offered)
		return 0;
	pci_err(pdev, "peermr: no BAR that could be a window\n");
	return err;
}

static int peermr_pci_probe(struct pci_dev *pdev,
			    const struct pci_device_id *id)
{
	struct peermr_pci_options options = peermr_pci_options_get(pdev);
	struct peermr_pci *priv;
	int ret;

	priv = kzalloc(sizeof(*priv), GFP_KERNEL);
	if (!priv)
		return -ENOMEM;
	pci_set_drvdata(pdev, priv);

	ret = pci_enable_device_mem(pdev);
	if (ret)
		goto err_free;
	pci_save_state(pdev);

	ret = peermr_pci_offer(pdev, &options);
	if (ret)
		goto err_disable;
	return 0;

err_disable:
	pci_disable_device(pdev);
err_free:
	pci_set_drvdata(pdev, NULL);
	kfree(priv);
	return ret;
}

static void peermr_pci_remove(struct pci_dev *pdev)
{
	struct peermr_pci *priv = pci_get_drvdata(pdev);
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		peermr_pci_drop_bar(pdev, bar);
	pci_disable_device(pdev);
	pci_set_drvdata(pdev, NULL);
	kfree(priv);
}

static void peermr_pci_each(struct pci_dev *pdev,
			    void (*call)(struct peermr_window *window))
{
	struct peermr_pci *priv = pci_get_drvdata(pdev);
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (priv->windows[bar])
			call(priv->windows[bar]);
}

static void peermr_pci_reset_prepare(struct pci_dev *pdev)
{
	peermr_pci_each(pdev, peermr_window_stop);
}

/* What the core restored from is gone, and may be wanted for an error. */
static void peermr_pci_reset_done(struct pci_dev *pdev)
{
	pci_save_state(pdev);
	peermr_pci_each(pdev, peermr_window_start);
}

static pci_ers_result_t peermr_pci_error_detected(struct pci_dev *pdev,
						  pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	peermr_pci_each(pdev, peermr_window_stop);
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t peermr_pci_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static const struct pci_error_handlers peermr_pci_err_handler = {
	.error_detected = peermr_pci_error_detected,
	.slot_reset = peermr_pci_slot_reset,
	.resume = peermr_pci_reset_done,
	.reset_prepare = peermr_pci_reset_prepare,
	.reset_done = peermr_pci_reset_done,
};

/* Device memory does not survive a suspend: refuse while somebody has any. */
static int peermr_pci_suspend(struct device *dev)
{
	struct peermr_pci *priv = dev_get_drvdata(dev);
	unsigned int bar;
	int ret;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!priv->windows[bar])
			continue;
		ret = peermr_window_stop_unused(priv->windows[bar]);
		if (ret) {
			peermr_pci_each(to_pci_dev(dev), peermr_window_start);
			return ret;
		}
	}
	return 0;
}

static int peermr_pci_resume(struct device *dev)
{
	peermr_pci_reset_done(to_pci_dev(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(peermr_pci_pm, peermr_pci_suspend,
				peermr_pci_resume);

static struct pci_driver peermr_pci_driver = {
	.name = "peermr",
	.probe = peermr_pci_probe,
	.remove = peermr_pci_remove,
	.err_handler = &peermr_pci_err_handler,
	.groups = peermr_pci_driver_groups,
	.driver.pm = pm_sleep_ptr(&peermr_pci_pm),
};

int peermr_pci_register(void)
{
	return pci_register_driver(&peermr_pci_driver);
}

void peermr_pci_unregister(void)
{
	pci_unregister_driver(&peermr_pci_driver);
	peermr_pci_options_clear();
}
