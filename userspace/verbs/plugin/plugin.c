// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A plug-in of libibverbs, which loads it like a driver: by "driver peermr" in
 * libibverbs.d. It drives no device, but adds a memory provider, by which plain
 * registrations of device memory become those of a dma-buf. A libibverbs that
 * has no memory providers is left as it is.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "debug.h"
#include "mem_provider.h"
#include "verbs.h"

/* Who loads us has this name, wherever it was loaded from. */
#define LIBRARY_NAME "libibverbs.so.1"

static peermr_reg_dmabuf_fn reg_dmabuf_mr;

static int peermr_plugin_reg_mr(const struct ibv_mem_request *request,
				struct ibv_mr **mr)
{
	const struct peermr_verbs_request claim = {
		.pd = request->pd,
		.address = request->addr,
		.length = request->length,
		.iova = request->iova,
		.access = request->access,
	};
	int ret;

	if (request->comp_mask)
		return 0;
	/* Any other error is not about memory that the kernel cannot pin. */
	if (request->error && request->error != EFAULT)
		return 0;

	ret = peermr_verbs_claim(&claim,
				 request->error ? PEERMR_VERBS_RETRY : 0,
				 reg_dmabuf_mr, mr);
	return ret < 0 ? -ret : 0;
}

static const struct ibv_mem_provider provider = {
	.name = "peermr",
	.reg_mr = peermr_plugin_reg_mr,
};

/* The reason for which nothing can be done, or NULL. */
static const char *peermr_plugin_add_to(void *library)
{
	ibv_register_mem_provider_fn add;
	int ret;

	*(void **)&add = dlsym(library, "ibv_register_mem_provider");
	if (!add)
		return "it has no memory providers, see peermr-verbs(7)";
	*(void **)&reg_dmabuf_mr = dlsym(library, "ibv_reg_dmabuf_mr");
	ret = add(&provider);
	return ret ? strerror(ret) : NULL;
}

static void __attribute__((constructor)) peermr_plugin_load(void)
{
	void *library = dlopen(LIBRARY_NAME, RTLD_LAZY | RTLD_NOLOAD);
	const char *reason = "it is not loaded";

	if (library)
		reason = peermr_plugin_add_to(library);
	if (!reason) {
		/* Keeps the library: it has our provider for good. */
		if (peermr_debug_enabled())
			peermr_debug("the plug-in is in " LIBRARY_NAME);
		return;
	}
	if (peermr_debug_enabled())
		peermr_debug("the plug-in does nothing in " LIBRARY_NAME ": %s",
			     reason);
	if (library)
		dlclose(library);
}
