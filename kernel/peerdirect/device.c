// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA devices. Nothing of a device is touched before somebody enables it; then
 * two of its operations come by here, until it is disabled or goes away.
 */

#define pr_fmt(fmt) "peerdirect: " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "peerdirect.h"

static char *devices;
module_param(devices, charp, 0444);
MODULE_PARM_DESC(devices, "RDMA devices to enable when they appear, with commas between them, or \"all\" (default: none)");

/* The list, and what of a device changes. */
DEFINE_MUTEX(peerdirect_devices_lock);
static LIST_HEAD(peerdirect_devices);

/* Is @name in the comma-separated @list? */
static bool peerdirect_name_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list && *list) {
		size_t n = strcspn(list, ",\n");

		if (n == length && !strncmp(list, name, n))
			return true;
		list += n + !!list[n];
	}
	return false;
}

/*
 * The operations may be called meanwhile, and others may exchange them, too:
 * -EBUSY if they have, as what they put there may call ours.
 */
static int peerdirect_device_watch(struct peerdirect_device *device)
{
	struct ib_device *ibdev = device->ibdev;
	const struct ib_device_ops *driver = device->driver;

	if (!device->watched &&
	    cmpxchg(&ibdev->ops.dereg_mr, driver->dereg_mr,
		    peerdirect_device_ops.dereg_mr) != driver->dereg_mr)
		return -EBUSY;
	device->watched = true;
	return 0;
}

static int peerdirect_device_unwatch(struct peerdirect_device *device)
{
	struct ib_device *ibdev = device->ibdev;
	const struct ib_device_ops *driver = device->driver;

	if (device->watched &&
	    cmpxchg(&ibdev->ops.dereg_mr, peerdirect_device_ops.dereg_mr,
		    driver->dereg_mr) != peerdirect_device_ops.dereg_mr)
		return -EBUSY;
	device->watched = false;
	return 0;
}

/* Has it MRs on memory of clients, whose deregistration is to come by here? */
static bool peerdirect_device_lends(const struct peerdirect_device *device)
{
	struct peerdirect_region *region;
	unsigned long index;
	bool lends = peerdirect_exports_exist(device);

	xa_lock(&peerdirect_mrs);
	xa_for_each(&peerdirect_mrs, index, region)
		lends |= region->ibdev == device->ibdev;
	xa_unlock(&peerdirect_mrs);
	return lends;
}

static int peerdirect_device_hook(struct peerdirect_device *device)
{
	const struct ib_device_ops *driver = device->driver;
	int ret;

	ret = peerdirect_device_watch(device);
	if (ret)
		return ret;
	if (cmpxchg(&device->ibdev->ops.reg_user_mr, driver->reg_user_mr,
		    peerdirect_device_ops.reg_user_mr) != driver->reg_user_mr) {
		if (!peerdirect_device_lends(device))
			peerdirect_device_unwatch(device);
		return -EBUSY;
	}
	return 0;
}

static int peerdirect_device_unhook(struct peerdirect_device *device)
{
	const struct ib_device_ops *driver = device->driver;

	if (cmpxchg(&device->ibdev->ops.reg_user_mr,
		    peerdirect_device_ops.reg_user_mr,
		    driver->reg_user_mr) != peerdirect_device_ops.reg_user_mr)
		return -EBUSY;
	return 0;
}

/**
 * peerdirect_device_enable() - let clients serve registrations on a device
 * @device: the device; nothing happens if it is enabled already
 *
 * Return: 0; -EOPNOTSUPP if its driver has no dma-buf MRs; -EBUSY.
 */
int peerdirect_device_enable(struct peerdirect_device *device)
{
	const struct ib_device_ops *ops = &device->ibdev->ops;
	int ret;

	lockdep_assert_held(&peerdirect_devices_lock);
	if (device->enabled)
		return 0;
	if (!ops->reg_user_mr || !ops->dereg_mr || !ops->reg_user_mr_dmabuf) {
		dev_warn(&device->ibdev->dev,
			 "peerdirect: cannot be enabled: its driver has no MRs on dma-bufs\n");
		return -EOPNOTSUPP;
	}
	ret = peerdirect_device_hook(device);
	if (ret)
		return ret;
	WRITE_ONCE(device->enabled, true);
	dev_info(&device->ibdev->dev, "peerdirect: enabled\n");
	peerdirect_clients_report(device);
	return 0;
}

/**
 * peerdirect_device_disable() - leave registrations to the device's driver
 * @device: the device; nothing happens if it is not enabled
 *
 * What clients have registered stays.
 *
 * Return: 0, or -EBUSY if another module has hooked the device after us.
 */
int peerdirect_device_disable(struct peerdirect_device *device)
{
	int ret;

	lockdep_assert_held(&peerdirect_devices_lock);
	if (!device->enabled)
		return 0;
	ret = peerdirect_device_unhook(device);
	if (ret)
		return ret;
	WRITE_ONCE(device->enabled, false);
	/* No more of them after this; what is there needs the other operation. */
	synchronize_srcu(&peerdirect_srcu);
	if (!peerdirect_device_lends(device))
		peerdirect_device_unwatch(device);
	dev_info(&device->ibdev->dev, "peerdirect: disabled\n");
	return 0;
}

/* Tell which enabled devices cannot serve a new client. */
void peerdirect_devices_report(const struct peerdirect_client *client)
{
	struct peerdirect_device *device;

	mutex_lock(&peerdirect_devices_lock);
	list_for_each_entry(device, &peerdirect_devices, node)
		if (device->enabled)
			peerdirect_client_report(client, device);
	mutex_unlock(&peerdirect_devices_lock);
}

static struct peerdirect_device *peerdirect_device_alloc(struct ib_device *ibdev)
{
	struct peerdirect_device *device;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return NULL;
	device->driver = kmemdup(&ibdev->ops, sizeof(ibdev->ops), GFP_KERNEL);
	if (!device->driver)
		goto err_free;
	if (peerdirect_exports_init(device))
		goto err_driver;
	device->ibdev = ibdev;
	device->revocable = peermr_compat_mr_revocable(ibdev);
	if (ibdev->dma_device && dev_is_pci(ibdev->dma_device))
		device->dma = ibdev->dma_device;
	return device;

err_driver:
	kfree(device->driver);
err_free:
	kfree(device);
	return NULL;
}

static void peerdirect_device_free(struct peerdirect_device *device)
{
	peerdirect_exports_destroy(device);
	kfree(device->driver);
	kfree(device);
}

static int peerdirect_device_add(struct ib_device *ibdev)
{
	const char *name = dev_name(&ibdev->dev);
	struct peerdirect_device *device;
	int ret;

	device = peerdirect_device_alloc(ibdev);
	if (!device)
		return -ENOMEM;

	ib_set_client_data(ibdev, &peerdirect_ib_client, device);
	ret = peerdirect_device_sysfs_add(device);
	if (ret) {
		ib_set_client_data(ibdev, &peerdirect_ib_client, NULL);
		peerdirect_device_free(device);
		return ret;
	}

	mutex_lock(&peerdirect_devices_lock);
	list_add_tail(&device->node, &peerdirect_devices);
	if (peerdirect_name_listed(devices, name) ||
	    peerdirect_name_listed(devices, "all"))
		peerdirect_device_enable(device);
	mutex_unlock(&peerdirect_devices_lock);
	return 0;
}

static void peerdirect_device_remove(struct ib_device *ibdev, void *data)
{
	struct peerdirect_device *device = data;

	if (!device)
		return;
	peerdirect_device_sysfs_remove(device);

	mutex_lock(&peerdirect_devices_lock);
	list_del(&device->node);
	if (peerdirect_device_disable(device) ||
	    peerdirect_device_unwatch(device))
		dev_err(&ibdev->dev, "peerdirect: another module replaced the operations that this one had put there, and may call them after it is gone\n");
	mutex_unlock(&peerdirect_devices_lock);

	/* Who comes late finds nothing, and the driver's operations. */
	ib_set_client_data(ibdev, &peerdirect_ib_client, NULL);
	synchronize_srcu(&peerdirect_srcu);
	peerdirect_device_free(device);
}

/* Registration on behalf of the kernel is none of our business. */
struct ib_client peerdirect_ib_client = {
	.name = "peerdirect",
	.add = peerdirect_device_add,
	.remove = peerdirect_device_remove,
	.no_kverbs_req = 1,
};
