// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lock.h"
#include "verbs_abi.h"
#include "verbs_library.h"

#define LIBRARY_NAME "libibverbs.so.1"

/*
 * The library found last and the context's function that led to it, under the
 * lock. We keep a reference on it, so that it cannot go away.
 */
static void *last_function;
static struct peermr_verbs_library last_library;

/* Functions have the type that their version stands for. */
static bool peermr_verbs_library_read(void *handle,
				      struct peermr_verbs_library *library)
{
	*(void **)&library->reg_mr =
		dlvsym(handle, "ibv_reg_mr", "IBVERBS_1.1");
	*(void **)&library->reg_mr_iova =
		dlvsym(handle, "ibv_reg_mr_iova", "IBVERBS_1.7");
	*(void **)&library->reg_mr_iova2 =
		dlvsym(handle, "ibv_reg_mr_iova2", "IBVERBS_1.8");
	*(void **)&library->reg_dmabuf_mr =
		dlvsym(handle, "ibv_reg_dmabuf_mr", "IBVERBS_1.12");
	return library->reg_mr;
}

static bool peermr_verbs_library_open(const char *name,
				      struct peermr_verbs_library *library)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

	if (!handle)
		return false;
	if (peermr_verbs_library_read(handle, library))
		return true;
	dlclose(handle);
	return false;
}

/*
 * By the object that a function of the context is in: a libibverbs that was
 * loaded by path or with RTLD_LOCAL is found by neither name nor RTLD_NEXT, and
 * there may be two.
 */
static bool peermr_verbs_library_of(const struct peermr_abi_context *context,
				    struct peermr_verbs_library *library)
{
	Dl_info info;
	int i;

	for (i = 0; i < 2; i++)
		if (dladdr(context->library_ops[i], &info) && info.dli_fname &&
		    peermr_verbs_library_open(info.dli_fname, library))
			return true;
	return peermr_verbs_library_open(LIBRARY_NAME, library);
}

int peermr_verbs_library_find(const struct ibv_pd *pd,
			      struct peermr_verbs_library *library)
{
	const struct peermr_abi_context *context = peermr_abi_pd_context(pd);
	void *function = context->library_ops[0];
	bool known, locked;

	peermr_lock();
	known = last_library.reg_mr && last_function == function;
	if (known)
		*library = last_library;
	peermr_unlock();
	if (known)
		return 0;

	locked = peermr_loader_lock();
	known = peermr_verbs_library_of(context, library);
	if (locked)
		peermr_loader_unlock();
	if (!known)
		return -ENOSYS;
	peermr_lock();
	last_function = function;
	last_library = *library;
	peermr_unlock();
	return 0;
}
