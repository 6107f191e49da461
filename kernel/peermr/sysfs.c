// SPDX-License-Identifier: GPL-2.0
/* /sys/class/peermr/<window>/; described in peermr(4). */

#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "peermr.h"

/* How old the answer of "pinned" may be: counting walks every folio. */
#define PEERMR_PINNED_AGE	(HZ / 20)

static struct peermr_window *to_window(struct device *dev)
{
	return container_of(dev, struct peermr_window, dev);
}

/* Bytes pinned for DMA, at most PEERMR_PINNED_AGE old. */
u64 peermr_window_pinned(struct peermr_window *window)
{
	struct peermr_buffer *buffer;
	u64 offset = 0, pinned = 0;

	mutex_lock(&window->lock);
	if (window->pinned_expires &&
	    time_before(jiffies, window->pinned_expires)) {
		pinned = window->pinned_cache;
		goto out_unlock;
	}
	while ((buffer = peermr_extent_next(window, &offset))) {
		pinned += window->mode->pinned(window, offset, buffer->length);
		offset += buffer->length;
	}
	window->pinned_cache = pinned;
	window->pinned_expires = (jiffies + PEERMR_PINNED_AGE) ?: 1;
out_unlock:
	mutex_unlock(&window->lock);
	return pinned;
}

static u64 peermr_window_read(struct peermr_window *window, const u64 *value)
{
	u64 ret;

	mutex_lock(&window->lock);
	ret = *value;
	mutex_unlock(&window->lock);
	return ret;
}

static ssize_t size_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%llu\n", to_window(dev)->size);
}
static DEVICE_ATTR_RO(size);

static ssize_t granule_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  peermr_window_granule(to_window(dev)));
}
static DEVICE_ATTR_RO(granule);

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", to_window(dev)->mode->name);
}
static DEVICE_ATTR_RO(mode);

static ssize_t page_dma_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  peermr_window_page_dma(to_window(dev)));
}
static DEVICE_ATTR_RO(page_dma);

static ssize_t numa_node_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", dev_to_node(dev->parent));
}
static DEVICE_ATTR_RO(numa_node);

static ssize_t free_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct peermr_window *window = to_window(dev);

	return sysfs_emit(buf, "%llu\n",
			  peermr_window_read(window, &window->bytes_free));
}
static DEVICE_ATTR_RO(free);

static ssize_t quarantined_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct peermr_window *window = to_window(dev);

	return sysfs_emit(buf, "%llu\n",
			  peermr_window_read(window, &window->bytes_dying));
}
static DEVICE_ATTR_RO(quarantined);

static ssize_t buffers_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%lu\n",
			  READ_ONCE(to_window(dev)->nr_buffers));
}
static DEVICE_ATTR_RO(buffers);

static ssize_t pinned_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%llu\n", peermr_window_pinned(to_window(dev)));
}
static DEVICE_ATTR_RO(pinned);

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	static const char * const names[] = {
		[PEERMR_WINDOW_LIVE] = "live",
		[PEERMR_WINDOW_STOPPED] = "stopped",
		[PEERMR_WINDOW_REVOKED] = "revoked",
	};

	return sysfs_emit(buf, "%s\n", names[READ_ONCE(to_window(dev)->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t quota_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct peermr_window *window = to_window(dev);

	return sysfs_emit(buf, "%llu\n",
			  peermr_window_read(window, &window->quota));
}

static ssize_t quota_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct peermr_window *window = to_window(dev);
	u64 quota;
	int ret;

	ret = kstrtou64(buf, 0, &quota);
	if (ret)
		return ret;
	mutex_lock(&window->lock);
	window->quota = quota;
	mutex_unlock(&window->lock);
	return count;
}
static DEVICE_ATTR_RW(quota);

static struct attribute *peermr_window_attrs[] = {
	&dev_attr_size.attr,
	&dev_attr_granule.attr,
	&dev_attr_mode.attr,
	&dev_attr_page_dma.attr,
	&dev_attr_numa_node.attr,
	&dev_attr_free.attr,
	&dev_attr_quarantined.attr,
	&dev_attr_buffers.attr,
	&dev_attr_pinned.attr,
	&dev_attr_state.attr,
	&dev_attr_quota.attr,
	NULL
};

static const struct attribute_group peermr_window_group = {
	.attrs = peermr_window_attrs,
};

const struct attribute_group *peermr_window_groups[] = {
	&peermr_window_group,
	NULL
};
