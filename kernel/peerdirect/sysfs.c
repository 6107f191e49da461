// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/mm/memory_peers/CLIENT, where libraries look for a client, and
 * the directory "peerdirect" of each RDMA device.
 */

#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "peerdirect.h"

static struct kobject *peerdirect_peers;

static struct peerdirect_client *peerdirect_client_of(struct kobject *kobj)
{
	return container_of(kobj, struct peerdirect_client, kobj);
}

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%.*s\n", IB_PEER_MEMORY_VER_MAX - 1,
			  peerdirect_client_of(kobj)->ops->version);
}

static struct kobj_attribute peerdirect_version = __ATTR_RO(version);

#define PEERDIRECT_COUNTER(name)					\
static ssize_t num_##name##_show(struct kobject *kobj,			\
				 struct kobj_attribute *attr, char *buf)\
{									\
	struct peerdirect_client *client = peerdirect_client_of(kobj);	\
									\
	return sysfs_emit(buf, "%lld\n",				\
			  atomic64_read(&client->stats.name));		\
}									\
static struct kobj_attribute peerdirect_##name = __ATTR_RO(num_##name)

PEERDIRECT_COUNTER(alloc_mrs);
PEERDIRECT_COUNTER(dealloc_mrs);
PEERDIRECT_COUNTER(reg_pages);
PEERDIRECT_COUNTER(dereg_pages);
PEERDIRECT_COUNTER(reg_bytes);
PEERDIRECT_COUNTER(dereg_bytes);
PEERDIRECT_COUNTER(free_callbacks);

static struct attribute *peerdirect_client_attrs[] = {
	&peerdirect_version.attr,
	&peerdirect_alloc_mrs.attr,
	&peerdirect_dealloc_mrs.attr,
	&peerdirect_reg_pages.attr,
	&peerdirect_dereg_pages.attr,
	&peerdirect_reg_bytes.attr,
	&peerdirect_dereg_bytes.attr,
	&peerdirect_free_callbacks.attr,
	NULL,
};
ATTRIBUTE_GROUPS(peerdirect_client);

static void peerdirect_client_free(struct kobject *kobj)
{
	struct peerdirect_client *client = peerdirect_client_of(kobj);

	xa_destroy(&client->regions);
	kfree(client);
}

static const struct kobj_type peerdirect_client_type = {
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = peerdirect_client_groups,
	.release = peerdirect_client_free,
};

/* From here on kobject_put() frees the client. */
void peerdirect_client_kobject_init(struct peerdirect_client *client)
{
	kobject_init(&client->kobj, &peerdirect_client_type);
}

int peerdirect_client_kobject_add(struct peerdirect_client *client)
{
	return kobject_add(&client->kobj, peerdirect_peers, "%s",
			   client->ops->name);
}

/* /sys/kernel/mm, whose kobject is not exported, but its parent's is. */
int peerdirect_sysfs_init(void)
{
	struct kernfs_node *mm = kernfs_find_and_get(kernel_kobj->sd, "mm");

	if (!mm)
		return -ENOENT;
	peerdirect_peers = kobject_create_and_add("memory_peers", mm->priv);
	kernfs_put(mm);
	return peerdirect_peers ? 0 : -ENOMEM;
}

void peerdirect_sysfs_exit(void)
{
	kobject_put(peerdirect_peers);
}

static struct peerdirect_device *peerdirect_device_of(struct device *dev)
{
	struct ib_device *ibdev = container_of(dev, struct ib_device, dev);

	/* An attribute is removed before the device's data is. */
	return ib_get_client_data(ibdev, &peerdirect_ib_client);
}

static ssize_t enabled_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  READ_ONCE(peerdirect_device_of(dev)->enabled));
}

static ssize_t enabled_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct peerdirect_device *device = peerdirect_device_of(dev);
	bool enable;
	int ret;

	ret = kstrtobool(buf, &enable);
	if (ret)
		return ret;
	if (mutex_lock_interruptible(&peerdirect_devices_lock))
		return -ERESTARTSYS;
	if (enable)
		ret = peerdirect_device_enable(device);
	else
		ret = peerdirect_device_disable(device);
	mutex_unlock(&peerdirect_devices_lock);
	return ret ?: count;
}

static DEVICE_ATTR_RW(enabled);

/* Has its driver what it takes? */
static ssize_t supported_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	const struct ib_device *ibdev = peerdirect_device_of(dev)->ibdev;

	return sysfs_emit(buf, "%d\n", !!ibdev->ops.reg_user_mr_dmabuf);
}

static DEVICE_ATTR_RO(supported);

static ssize_t revocable_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", peerdirect_device_of(dev)->revocable);
}

static DEVICE_ATTR_RO(revocable);

static ssize_t dma_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%d\n", !!peerdirect_device_of(dev)->dma);
}

static DEVICE_ATTR_RO(dma);

static struct attribute *peerdirect_device_attrs[] = {
	&dev_attr_enabled.attr,
	&dev_attr_supported.attr,
	&dev_attr_revocable.attr,
	&dev_attr_dma.attr,
	NULL,
};

static const struct attribute_group peerdirect_device_group = {
	.name = "peerdirect",
	.attrs = peerdirect_device_attrs,
};

int peerdirect_device_sysfs_add(struct peerdirect_device *device)
{
	return sysfs_create_group(&device->ibdev->dev.kobj,
				  &peerdirect_device_group);
}

void peerdirect_device_sysfs_remove(struct peerdirect_device *device)
{
	sysfs_remove_group(&device->ibdev->dev.kobj, &peerdirect_device_group);
}
