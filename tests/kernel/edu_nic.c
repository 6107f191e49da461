// SPDX-License-Identifier: GPL-2.0
/*
 * A double of an RDMA device that does DMA: MRs on dma-bufs, which it lets go of
 * when it is told, and no more; EDU_IOC_MR has the engine read and write one. Its
 * driver is edu_importer.ko with "nic=1". Soft-RoCE has no DMA, so nothing else in
 * a virtual machine uses the addresses that a client of PeerDirect hands out.
 */

#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <rdma/ib_umem.h>
#include <rdma/ib_verbs.h>

#include "dmabuf_op.h"
#include "importer.h"

#include "edu.h"

static bool late_error;
module_param(late_error, bool, 0644);
MODULE_PARM_DESC(late_error, "Registrations take a while, and fail before they look at their dma-buf (default: N)");

/**
 * struct edu_nic - the RDMA device of an edu
 * @ibdev: the device
 * @edu: whose engine it uses
 * @mrs: struct edu_mr by key; keeps what EDU_IOC_MR looks for
 * @lock: an MR is in use, or goes
 */
struct edu_nic {
	struct ib_device ibdev;
	struct edu_device *edu;
	struct xarray mrs;
	struct mutex lock;		/* see above */
};

struct edu_ucontext {
	struct ib_ucontext ibucontext;
};

struct edu_pd {
	struct ib_pd ibpd;
};

struct edu_mr {
	struct ib_mr ibmr;
	struct ib_umem_dmabuf *umem;
};

static struct edu_nic *edu_nic_of(struct ib_device *ibdev)
{
	return container_of(ibdev, struct edu_nic, ibdev);
}

/* Nothing to be done for these two: no queue uses them. */
static int edu_nic_alloc_ucontext(struct ib_ucontext *ucontext,
				  struct ib_udata *udata)
{
	return 0;
}

static void edu_nic_dealloc_ucontext(struct ib_ucontext *ucontext)
{
}

static int edu_nic_alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int edu_nic_dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int edu_nic_query_device(struct ib_device *ibdev,
				struct ib_device_attr *attr,
				struct ib_udata *udata)
{
	attr->max_mr = INT_MAX;
	attr->max_mr_size = SZ_1G;
	attr->max_pd = INT_MAX;
	return 0;
}

static int edu_nic_query_port(struct ib_device *ibdev, u32 port,
			      struct ib_port_attr *attr)
{
	attr->state = IB_PORT_DOWN;
	attr->max_mtu = IB_MTU_1024;
	attr->active_mtu = IB_MTU_1024;
	attr->active_width = IB_WIDTH_1X;
	attr->active_speed = IB_SPEED_SDR;
	return 0;
}

static int edu_nic_port_immutable(struct ib_device *ibdev, u32 port,
				  struct ib_port_immutable *immutable)
{
	immutable->core_cap_flags = RDMA_CORE_CAP_PROT_RAW_PACKET;
	return 0;
}

static enum rdma_link_layer edu_nic_link_layer(struct ib_device *ibdev,
					       u32 port)
{
	return IB_LINK_LAYER_ETHERNET;
}

/* The exporter takes the memory back; the engine runs under this lock. */
static void edu_nic_invalidate(struct dma_buf_attachment *attach)
{
	struct ib_umem_dmabuf *umem = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	ib_umem_dmabuf_unmap_pages(umem);
}

static const struct dma_buf_attach_ops edu_nic_attach_ops = {
	.allow_peer2peer = true,
	.peermr_compat_invalidate = edu_nic_invalidate,
};

static int edu_nic_map(struct ib_umem_dmabuf *umem)
{
	int ret;

	dma_resv_lock(umem->attach->dmabuf->resv, NULL);
	ret = ib_umem_dmabuf_map_pages(umem);
	dma_resv_unlock(umem->attach->dmabuf->resv);
	return ret;
}

static struct ib_mr *peermr_reg_user_mr_dmabuf(const struct peermr_reg_mr *reg,
					       int fd)
{
	struct edu_nic *nic = edu_nic_of(reg->pd->device);
	struct edu_mr *mr;
	u32 key;
	int ret;

	if (late_error) {
		msleep(300);
		return ERR_PTR(-ENOMEM);
	}
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->umem = ib_umem_dmabuf_get(reg->pd->device, reg->start, reg->length,
				      fd, reg->access, &edu_nic_attach_ops);
	if (IS_ERR(mr->umem)) {
		ret = PTR_ERR(mr->umem);
		goto err_free;
	}
	ret = edu_nic_map(mr->umem);
	if (ret)
		goto err_release;
	ret = xa_alloc(&nic->mrs, &key, mr, xa_limit_31b, GFP_KERNEL);
	if (ret)
		goto err_release;
	mr->ibmr.lkey = key;
	mr->ibmr.rkey = key;
	return &mr->ibmr;

err_release:
	ib_umem_release(&mr->umem->umem);
err_free:
	kfree(mr);
	return ERR_PTR(ret);
}

/* Host memory: as if it could not be pinned. */
static __always_inline struct ib_mr *
peermr_reg_user_mr(const struct peermr_reg_mr *reg)
{
	return ERR_PTR(-EFAULT);
}

static int edu_nic_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct edu_mr *mr = container_of(ibmr, struct edu_mr, ibmr);
	struct edu_nic *nic = edu_nic_of(ibmr->device);

	mutex_lock(&nic->lock);
	xa_erase(&nic->mrs, ibmr->lkey);
	mutex_unlock(&nic->lock);
	ib_umem_release(&mr->umem->umem);
	kfree(mr);
	return 0;
}

/* Move what is in the range with the engine; the table begins with its page. */
static int edu_mr_move(struct edu_nic *nic, struct ib_umem *umem, u64 at,
		       void *data, size_t length, bool from)
{
	const struct sg_table *sgt = &umem->sgt_append.sgt;
	u64 begin = ib_umem_offset(umem) + at;
	u64 start = 0, first, end;
	struct scatterlist *sg;
	int ret = 0;
	int i;

	for_each_sg(sgt->sgl, sg, sgt->nents, i) {
		first = max(start, begin);
		end = min(start + sg_dma_len(sg), begin + length);
		if (first < end && !ret)
			ret = edu_engine_move(nic->edu, sg_dma_address(sg) +
					      (first - start),
					      data + (first - begin),
					      end - first, from);
		start += sg_dma_len(sg);
	}
	return ret;
}

/* Errors: -EINVAL (no such MR, or not in it), -EACCES (revoked), -ETIMEDOUT. */
int edu_nic_transfer(struct edu_device *edu, u32 key, u64 at, void *data,
		     size_t length, bool from)
{
	struct edu_nic *nic = edu->nic;
	struct dma_resv *resv;
	struct edu_mr *mr;
	int ret = -EINVAL;

	if (!nic)
		return -ENOTTY;
	mutex_lock(&nic->lock);
	mr = xa_load(&nic->mrs, key);
	if (!mr || at > mr->umem->umem.length ||
	    length > mr->umem->umem.length - at)
		goto out_unlock;
	resv = mr->umem->attach->dmabuf->resv;
	dma_resv_lock(resv, NULL);
	if (mr->umem->sgt)
		ret = edu_mr_move(nic, &mr->umem->umem, at, data, length, from);
	else
		ret = -EACCES;
	dma_resv_unlock(resv);
out_unlock:
	mutex_unlock(&nic->lock);
	return ret;
}

/* The driver's number is that of one whose MRs are let go of. */
static const struct ib_device_ops edu_nic_ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_RXE,
	.uverbs_abi_ver = 1,
	.alloc_ucontext = edu_nic_alloc_ucontext,
	.dealloc_ucontext = edu_nic_dealloc_ucontext,
	.alloc_pd = edu_nic_alloc_pd,
	.dealloc_pd = edu_nic_dealloc_pd,
	.query_device = edu_nic_query_device,
	.query_port = edu_nic_query_port,
	.get_port_immutable = edu_nic_port_immutable,
	.get_link_layer = edu_nic_link_layer,
	.reg_user_mr = peermr_compat_reg_op,
	.reg_user_mr_dmabuf = peermr_compat_reg_dmabuf_op,
	.dereg_mr = edu_nic_dereg_mr,
	INIT_RDMA_OBJ_SIZE(ib_ucontext, edu_ucontext, ibucontext),
	INIT_RDMA_OBJ_SIZE(ib_pd, edu_pd, ibpd),
};

/* Make an RDMA device of @edu, which has a DMA mask. */
int edu_nic_add(struct edu_device *edu)
{
	struct edu_nic *nic;
	int ret;

	nic = ib_alloc_device(edu_nic, ibdev);
	if (!nic)
		return -ENOMEM;
	nic->edu = edu;
	xa_init_flags(&nic->mrs, XA_FLAGS_ALLOC1);
	mutex_init(&nic->lock);
	nic->ibdev.node_type = RDMA_NODE_UNSPECIFIED;
	nic->ibdev.phys_port_cnt = 1;
	nic->ibdev.num_comp_vectors = 1;
	nic->ibdev.dev.parent = &edu->pdev->dev;
	ib_set_device_ops(&nic->ibdev, &edu_nic_ops);
	ret = ib_register_device(&nic->ibdev, "edu%d", &edu->pdev->dev);
	if (ret) {
		ib_dealloc_device(&nic->ibdev);
		return ret;
	}
	edu->nic = nic;
	return 0;
}

void edu_nic_remove(struct edu_device *edu)
{
	struct edu_nic *nic = edu->nic;

	if (!nic)
		return;
	edu->nic = NULL;
	ib_unregister_device(&nic->ibdev);
	xa_destroy(&nic->mrs);
	ib_dealloc_device(&nic->ibdev);
}
