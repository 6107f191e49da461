// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The functions that ours stand in front of. RTLD_NEXT does not do: it finds
 * nothing when libibverbs was loaded by dlopen() for its caller alone, and with
 * two of them in one process the right one is that of the protection domain.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "c_library.h"
#include "original.h"

_Atomic(struct peermr_original *) peermr_originals;

static bool peermr_original_read(struct peermr_original *original, void *handle)
{
	void *(*look_up)(void *, const char *, const char *) =
		peermr_c_library()->dlvsym;

	*(void **)&original->reg_mr =
		look_up(handle, "ibv_reg_mr", "IBVERBS_1.1");
	*(void **)&original->reg_mr_iova =
		look_up(handle, "ibv_reg_mr_iova", "IBVERBS_1.7");
	*(void **)&original->reg_mr_iova2 =
		look_up(handle, "ibv_reg_mr_iova2", "IBVERBS_1.8");
	*(void **)&original->reg_dmabuf_mr =
		look_up(handle, "ibv_reg_dmabuf_mr", "IBVERBS_1.12");
	*(void **)&original->reg_mr_ex =
		look_up(handle, "ibv_reg_mr_ex", "IBVERBS_1.15");
	return original->reg_mr;
}

/* Keeps a reference on the library if it is one. */
static bool peermr_original_open(struct peermr_original *original,
				 const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

	if (!handle)
		return false;
	if (peermr_original_read(original, handle))
		return true;
	dlclose(handle);
	return false;
}

static bool peermr_original_read_context(struct peermr_original *original,
					 const struct peermr_abi_context *context)
{
	Dl_info info;
	int i;

	for (i = 0; i < 2; i++)
		if (dladdr(context->library_ops[i], &info) && info.dli_fname &&
		    peermr_original_open(original, info.dli_fname))
			return true;
	return peermr_original_open(original, "libibverbs.so.1");
}

/* Two threads may do this at once: then the library is there twice. */
const struct peermr_original *
peermr_original_add(const struct peermr_abi_context *context)
{
	struct peermr_original *original = calloc(1, sizeof(*original));

	if (!original)
		return NULL;
	if (!peermr_original_read_context(original, context)) {
		free(original);
		return NULL;
	}
	original->key = context->library_ops[0];
	original->next = atomic_load(&peermr_originals);
	while (!atomic_compare_exchange_weak(&peermr_originals, &original->next,
					     original))
		;
	return original;
}
