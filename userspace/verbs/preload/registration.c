// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The registrations of libibverbs, each of which asks first whether the memory
 * is a device's, and calls the original if not.
 */
#include <errno.h>
#include <stdbool.h>

#include "original.h"
#include "registration.h"
#include "verbs.h"
#include "verbs_idle.h"

#define EXPORT __attribute__((visibility("default")))

/**
 * struct registration - a call that came here
 * @request: what it asks for
 * @original: the library that was meant
 * @attr: that of ibv_reg_mr_ex()
 */
struct registration {
	struct peermr_verbs_request request;
	const struct peermr_original *original;
	struct peermr_mr_init_attr *attr;
};

typedef struct ibv_mr *(*plain_fn)(const struct registration *registration);

/*
 * In the original call of this thread, which may come here again on its way:
 * the decision was made.
 */
static __thread bool in_original;

/* NULL in constructors that run before ours. */
static const atomic_int *reasons;

static void __attribute__((constructor)) registration_init(void)
{
	reasons = peermr_verbs_reasons();
}

static struct ibv_mr *plain_reg_mr(const struct registration *registration)
{
	const struct peermr_verbs_request *request = &registration->request;

	return registration->original->reg_mr(request->pd, request->address,
					      request->length,
					      (int)request->access);
}

static struct ibv_mr *plain_reg_mr_iova(const struct registration *registration)
{
	const struct peermr_verbs_request *request = &registration->request;

	return registration->original->reg_mr_iova(request->pd,
						   request->address,
						   request->length,
						   request->iova,
						   (int)request->access);
}

static struct ibv_mr *plain_reg_mr_iova2(const struct registration *registration)
{
	const struct peermr_verbs_request *request = &registration->request;

	return registration->original->reg_mr_iova2(request->pd,
						    request->address,
						    request->length,
						    request->iova,
						    request->access);
}

static struct ibv_mr *plain_reg_mr_ex(const struct registration *registration)
{
	return registration->original->reg_mr_ex(registration->request.pd,
						 registration->attr);
}

static int registration_claim(const struct registration *registration,
			      unsigned int flags, struct ibv_mr **mr)
{
	return peermr_verbs_claim(&registration->request, flags,
				  registration->original->reg_dmabuf_mr, mr);
}

/*
 * @plain makes the call in the library that was meant. Compiled into each caller:
 * this is what a registration of host memory costs.
 */
static inline __attribute__((always_inline)) struct ibv_mr *
registration_make(const struct registration *registration, plain_fn plain)
{
	struct ibv_mr *mr = NULL;
	int ret = 0;

	if (in_original)
		return plain(registration);
	if (!reasons ||
	    !peermr_verbs_is_idle(reasons, registration->request.access))
		ret = registration_claim(registration, 0, &mr);
	if (!ret) {
		in_original = true;
		mr = plain(registration);
		in_original = false;
		if (mr || errno != EFAULT)
			return mr;
		ret = registration_claim(registration, PEERMR_VERBS_RETRY, &mr);
	}
	if (ret < 0)
		errno = -ret;
	return ret > 0 ? mr : NULL;
}

/* For a program that found our function where its libibverbs has none. */
static struct ibv_mr *registration_unsupported(void)
{
	errno = EOPNOTSUPP;
	return NULL;
}

EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *address,
				 size_t length, int access)
{
	const struct peermr_original *original = peermr_original_find(pd);

	if (!original)
		return registration_unsupported();
	return registration_make(&(struct registration){
		.request = { pd, address, length, (uintptr_t)address,
			     (unsigned int)access },
		.original = original,
	}, plain_reg_mr);
}

EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *address,
				      size_t length, uint64_t iova, int access)
{
	const struct peermr_original *original = peermr_original_find(pd);

	if (!original || !original->reg_mr_iova)
		return registration_unsupported();
	return registration_make(&(struct registration){
		.request = { pd, address, length, iova, (unsigned int)access },
		.original = original,
	}, plain_reg_mr_iova);
}

EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *address,
				       size_t length, uint64_t iova,
				       unsigned int access)
{
	const struct peermr_original *original = peermr_original_find(pd);

	if (!original || !original->reg_mr_iova2)
		return registration_unsupported();
	return registration_make(&(struct registration){
		.request = { pd, address, length, iova, access },
		.original = original,
	}, plain_reg_mr_iova2);
}

EXPORT struct ibv_mr *ibv_reg_mr_ex(struct ibv_pd *pd,
				    struct peermr_mr_init_attr *attr)
{
	const struct peermr_original *original = peermr_original_find(pd);
	bool has_iova = attr->comp_mask & PEERMR_MR_INIT_IOVA;

	if (!original || !original->reg_mr_ex)
		return registration_unsupported();
	/* A dma-buf already, or with hints that one cannot have. */
	if ((attr->comp_mask & ~PEERMR_MR_INIT_IOVA) != PEERMR_MR_INIT_ADDR)
		return original->reg_mr_ex(pd, attr);
	return registration_make(&(struct registration){
		.request = { pd, attr->addr, attr->length,
			     has_iova ? attr->iova : (uintptr_t)attr->addr,
			     (unsigned int)attr->access },
		.original = original,
		.attr = attr,
	}, plain_reg_mr_ex);
}
