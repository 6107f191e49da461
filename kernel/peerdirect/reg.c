// SPDX-License-Identifier: GPL-2.0
/*
 * Registration and deregistration on a device that is enabled. Both run under
 * SRCU, so that a device, or the module, goes when they have left.
 *
 * A registration is the driver's, and only if that finds that the memory cannot
 * be pinned, the clients are asked. Failing takes the driver some time; so where
 * a process has registered memory of a client before, what the kernel is known
 * not to pin (VM_IO, VM_PFNMAP) is offered to the clients first. Host memory does
 * not pay for the look at the mapping.
 */

#include <linux/dma-buf.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/srcu.h>

#include "p2p.h"
#include "peerdirect.h"
#include "reg_op.h"

/* What the kernel lets a dma-buf be registered with. */
#define PEERDIRECT_ACCESS	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE | \
				 IB_ACCESS_REMOTE_READ | \
				 IB_ACCESS_REMOTE_ATOMIC | \
				 IB_ACCESS_RELAXED_ORDERING)

DEFINE_SRCU(peerdirect_srcu);
/* struct peerdirect_region by the address of its MR */
DEFINE_XARRAY(peerdirect_mrs);

/* Could a client's dma-buf serve this at all? */
static bool peerdirect_reg_suits(const struct peermr_reg_mr *reg)
{
	u64 end;

	if (!reg->udata || !peerdirect_clients_exist())
		return false;
	/* Optional flags may be ignored. */
	if (reg->access & ~(PEERDIRECT_ACCESS | IB_ACCESS_OPTIONAL))
		return false;
	return reg->length && reg->length <= LONG_MAX &&
	       !check_add_overflow(reg->start, reg->length, &end) &&
	       end <= TASK_SIZE;
}

/* Is the range where memory of clients has been seen? */
static bool peerdirect_hint_covers(const struct peerdirect_hint *hint, u64 start)
{
	return READ_ONCE(hint->mm) == current->mm &&
	       start >= READ_ONCE(hint->start) && start < READ_ONCE(hint->end);
}

static void peerdirect_hint_extend(struct peerdirect_hint *hint,
				   const struct peermr_reg_mr *reg)
{
	u64 start = reg->start, end = reg->start + reg->length;

	if (READ_ONCE(hint->mm) == current->mm) {
		start = min(start, READ_ONCE(hint->start));
		end = max(end, READ_ONCE(hint->end));
	}
	WRITE_ONCE(hint->start, start);
	WRITE_ONCE(hint->end, end);
	WRITE_ONCE(hint->mm, current->mm);
}

/* Does the range begin in memory that is known not to be pinned? */
static bool peerdirect_reg_is_device_memory(const struct peermr_reg_mr *reg)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool ret;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, reg->start);
	ret = vma && vma->vm_flags & (VM_IO | VM_PFNMAP);
	mmap_read_unlock(mm);
	return ret;
}

/* Another thread may have put something else there, which is not ours. */
static void peerdirect_fd_close(int fd, const struct dma_buf *dmabuf)
{
	struct file *file = fget(fd);
	bool ours = file && file == dmabuf->file;

	if (file)
		fput(file);
	if (ours)
		close_fd(fd);
}

/* Have the driver register @dmabuf, in which the range begins at @offset. */
static struct ib_mr *peerdirect_reg_dmabuf(const struct ib_device_ops *driver,
					   const struct peermr_reg_mr *reg,
					   struct dma_buf *dmabuf, u64 offset)
{
	struct peermr_reg_mr dmabuf_reg = *reg;
	struct ib_mr *mr;
	int fd;

	dmabuf_reg.start = offset;
	dmabuf_reg.access &= PEERDIRECT_ACCESS;

	/* The descriptor gets a reference of its own. */
	get_dma_buf(dmabuf);
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return ERR_PTR(fd);
	}
	mr = peermr_compat_reg_user_mr_dmabuf(driver, &dmabuf_reg, fd);
	peerdirect_fd_close(fd, dmabuf);
	return mr;
}

/* What the core sets when it has got the MR; drivers look at some of it. */
static void peerdirect_mr_destroy(const struct peerdirect_device *device,
				  const struct peermr_reg_mr *reg,
				  struct ib_mr *mr)
{
	mr->device = reg->pd->device;
	mr->pd = reg->pd;
	mr->type = IB_MR_TYPE_USER;
	if (device->driver->dereg_mr(mr, reg->udata))
		dev_err(&mr->device->dev,
			"peerdirect: an MR cannot be deregistered\n");
}

/*
 * Remember whose MR it is, if it is one on the region's dma-buf: in the moment
 * in which the driver looked, the descriptor may have been another.
 */
static int peerdirect_reg_verify(struct peerdirect_region *region,
				 struct ib_mr *mr)
{
	int ret;

	if (!READ_ONCE(region->attached))
		return -EBADF;
	region->mr = mr;
	ret = xa_err(xa_store(&peerdirect_mrs, (unsigned long)mr, region,
			      GFP_KERNEL_ACCOUNT));
	if (ret)
		region->mr = NULL;
	return ret;
}

/*
 * Register memory that the client hands out by its callbacks; @context and the
 * reference on the client are taken over.
 */
static struct ib_mr *
peerdirect_reg_region(const struct peerdirect_device *device,
		      const struct peermr_reg_mr *reg,
		      struct peerdirect_client *client, void *context)
{
	struct peerdirect_region *region;
	struct dma_buf *dmabuf;
	struct ib_mr *mr;
	int ret;

	region = peerdirect_region_create(device, reg, client, context);
	if (IS_ERR(region))
		return ERR_CAST(region);
	ret = peerdirect_dmabuf_create(region);
	if (ret) {
		peerdirect_region_finish(region);
		peerdirect_region_put(region);
		return ERR_PTR(ret);
	}

	/* The region lives at least as long as this. */
	dmabuf = region->dmabuf;
	mr = peerdirect_reg_dmabuf(device->driver, reg, dmabuf,
				   reg->start - region->base);
	if (!IS_ERR(mr)) {
		ret = peerdirect_reg_verify(region, mr);
		if (ret) {
			peerdirect_mr_destroy(device, reg, mr);
			mr = ERR_PTR(ret);
		}
	}
	if (IS_ERR(mr)) {
		/* Other threads may have the dma-buf, and register it later. */
		peerdirect_region_revoke(region);
		peerdirect_region_finish(region);
	}
	dma_buf_put(dmabuf);
	return mr;
}

/* Register a dma-buf of the client's own. */
static struct ib_mr *
peerdirect_reg_export(struct peerdirect_device *device,
		      const struct peermr_reg_mr *reg,
		      struct peerdirect_client *client,
		      struct dma_buf *dmabuf, u64 offset)
{
	struct ib_mr *mr;
	int ret;

	mr = peerdirect_reg_dmabuf(device->driver, reg, dmabuf, offset);
	if (IS_ERR(mr))
		return mr;
	ret = peerdirect_export_add(device, client, reg, mr);
	if (ret) {
		peerdirect_mr_destroy(device, reg, mr);
		return ERR_PTR(ret);
	}
	return mr;
}

/* The client's own dma-buf; ERR_PTR(-EOPNOTSUPP): by its callbacks. */
static struct dma_buf *
peerdirect_client_export(const struct peerdirect_client *client,
			 const struct peermr_reg_mr *reg, void *context,
			 u64 *offset)
{
	if (!client->ex || !client->ex->export)
		return ERR_PTR(-EOPNOTSUPP);
	return client->ex->export(reg->start, reg->length,
				  ib_access_writable(reg->access), context,
				  offset);
}

/* ERR_PTR(-ENOENT): no client's memory. */
static noinline struct ib_mr *
peerdirect_reg_client(struct peerdirect_device *device,
		      const struct peermr_reg_mr *reg)
{
	struct peerdirect_client *client;
	struct dma_buf *dmabuf;
	struct ib_mr *mr;
	u64 offset = 0;
	void *context;

	client = peerdirect_client_claim(device, reg->start, reg->length,
					 &context);
	if (!client)
		return ERR_PTR(-ENOENT);
	dmabuf = peerdirect_client_export(client, reg, context, &offset);
	mr = ERR_CAST(dmabuf);
	if (dmabuf == ERR_PTR(-EOPNOTSUPP)) {
		mr = peerdirect_reg_region(device, reg, client, context);
	} else {
		if (!IS_ERR(dmabuf)) {
			mr = peerdirect_reg_export(device, reg, client, dmabuf,
						   offset);
			dma_buf_put(dmabuf);
		}
		peerdirect_client_release(client, context);
	}
	if (!IS_ERR(mr))
		peerdirect_hint_extend(&device->hint, reg);
	return mr;
}

static __always_inline struct ib_mr *
peerdirect_reg(struct peerdirect_device *device,
	       const struct peermr_reg_mr *reg)
{
	bool asked = false;
	struct ib_mr *mr;

	if (peerdirect_hint_covers(&device->hint, reg->start) &&
	    peerdirect_reg_suits(reg) && peerdirect_reg_is_device_memory(reg)) {
		mr = peerdirect_reg_client(device, reg);
		if (mr != ERR_PTR(-ENOENT))
			return mr;
		asked = true;
	}

	mr = peermr_compat_reg_user_mr(device->driver, reg);
	if (likely(mr != ERR_PTR(-EFAULT)) || asked ||
	    !peerdirect_reg_suits(reg))
		return mr;
	mr = peerdirect_reg_client(device, reg);
	return mr == ERR_PTR(-ENOENT) ? ERR_PTR(-EFAULT) : mr;
}

/* What ib_device_ops::reg_user_mr of an enabled device is. */
static __always_inline struct ib_mr *
peermr_reg_user_mr(const struct peermr_reg_mr *reg)
{
	struct ib_device *ibdev = reg->pd->device;
	struct peerdirect_device *device;
	struct ib_mr *mr;
	int idx;

	idx = srcu_read_lock(&peerdirect_srcu);
	device = ib_get_client_data(ibdev, &peerdirect_ib_client);
	/*
	 * Without it, the device is going, and has its own operation again. Who
	 * comes late finds it disabled.
	 */
	if (device && READ_ONCE(device->enabled))
		mr = peerdirect_reg(device, reg);
	else
		mr = peermr_compat_reg_user_mr(device ? device->driver :
							&ibdev->ops, reg);
	srcu_read_unlock(&peerdirect_srcu, idx);
	return mr;
}

/*
 * Mark the region of an MR, if it has one: its driver is about to let go. If it
 * did not, it is told what happened meanwhile.
 */
static void peerdirect_mr_leaves(struct ib_mr *mr, bool leaves)
{
	struct peerdirect_region *region;

	xa_lock(&peerdirect_mrs);
	region = xa_load(&peerdirect_mrs, (unsigned long)mr);
	if (region)
		kref_get(&region->refs);
	xa_unlock(&peerdirect_mrs);
	if (!region)
		return;

	dma_resv_lock(&region->resv, NULL);
	region->leaving = leaves;
	if (!leaves && region->revoked && region->dmabuf)
		peermr_p2p_invalidate(region->dmabuf);
	dma_resv_unlock(&region->resv);
	peerdirect_region_put(region);
}

static int peerdirect_dereg(struct peerdirect_device *device, struct ib_mr *mr,
			    struct ib_udata *udata)
{
	struct peerdirect_export *export;
	int ret;

	export = peerdirect_export_take(device, mr);
	if (export) {
		ret = device->driver->dereg_mr(mr, udata);
		if (ret)
			peerdirect_export_restore(device, export);
		else
			peerdirect_export_end(export);
		return ret;
	}

	/* Most MRs are on host memory, and no client may be there at all. */
	if (xa_empty(&peerdirect_mrs))
		return device->driver->dereg_mr(mr, udata);

	peerdirect_mr_leaves(mr, true);
	ret = device->driver->dereg_mr(mr, udata);
	if (ret)
		peerdirect_mr_leaves(mr, false);
	return ret;
}

static int peerdirect_dereg_mr(struct ib_mr *mr, struct ib_udata *udata)
{
	struct ib_device *ibdev = mr->device;
	struct peerdirect_device *device;
	int ret, idx;

	idx = srcu_read_lock(&peerdirect_srcu);
	device = ib_get_client_data(ibdev, &peerdirect_ib_client);
	if (device)
		ret = peerdirect_dereg(device, mr, udata);
	else
		ret = ibdev->ops.dereg_mr(mr, udata);
	srcu_read_unlock(&peerdirect_srcu, idx);
	return ret;
}

/* What takes the place of the operations of an enabled device. */
const struct ib_device_ops peerdirect_device_ops = {
	.reg_user_mr = peermr_compat_reg_op,
	.dereg_mr = peerdirect_dereg_mr,
};
