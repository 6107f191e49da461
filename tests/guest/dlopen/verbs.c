// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a program calls of libibverbs, for one that is not linked to it: the
 * library is loaded with dlopen() and each function found in it when it is first
 * called, as communication libraries do. LOOKUP in the environment says how:
 * dlvsym, by name and version, which is the default; or dlsym, by name.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <infiniband/verbs.h>

#undef ibv_query_port
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

static void *verbs_find(const char *name, const char *version)
{
	const char *lookup = getenv("LOOKUP");
	static void *library;
	void *function;

	if (!library)
		library = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	if (lookup && !strcmp(lookup, "dlsym"))
		function = dlsym(library, name);
	else
		function = dlvsym(library, name, version);
	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return function;
}

/* Defines NAME, which finds the library's own and calls it. */
#define VERBS_FORWARD(version, type, name, parameters, ...)                    \
	type name parameters                                                   \
	{                                                                      \
		static type (*function) parameters;                            \
		if (!function)                                                 \
			function = (type (*) parameters)verbs_find(#name,      \
								   version);   \
		return function(__VA_ARGS__);                                  \
	}

VERBS_FORWARD("IBVERBS_1.1", struct ibv_device **, ibv_get_device_list,
	      (int *count), count)
VERBS_FORWARD("IBVERBS_1.1", void, ibv_free_device_list,
	      (struct ibv_device **list), list)
VERBS_FORWARD("IBVERBS_1.1", const char *, ibv_get_device_name,
	      (struct ibv_device *device), device)
VERBS_FORWARD("IBVERBS_1.1", struct ibv_context *, ibv_open_device,
	      (struct ibv_device *device), device)
VERBS_FORWARD("IBVERBS_1.1", int, ibv_query_port,
	      (struct ibv_context *context, uint8_t port,
	       struct _compat_ibv_port_attr *attr), context, port, attr)
VERBS_FORWARD("IBVERBS_1.1", int, ibv_query_gid,
	      (struct ibv_context *context, uint8_t port, int index,
	       union ibv_gid *gid), context, port, index, gid)
VERBS_FORWARD("IBVERBS_1.1", struct ibv_pd *, ibv_alloc_pd,
	      (struct ibv_context *context), context)
VERBS_FORWARD("IBVERBS_1.1", struct ibv_cq *, ibv_create_cq,
	      (struct ibv_context *context, int entries, void *cq_context,
	       struct ibv_comp_channel *channel, int vector),
	      context, entries, cq_context, channel, vector)
VERBS_FORWARD("IBVERBS_1.1", struct ibv_qp *, ibv_create_qp,
	      (struct ibv_pd *pd, struct ibv_qp_init_attr *attr), pd, attr)
VERBS_FORWARD("IBVERBS_1.1", int, ibv_modify_qp,
	      (struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask),
	      qp, attr, mask)
VERBS_FORWARD("IBVERBS_1.1", struct ibv_mr *, ibv_reg_mr,
	      (struct ibv_pd *pd, void *address, size_t length, int access),
	      pd, address, length, access)
VERBS_FORWARD("IBVERBS_1.7", struct ibv_mr *, ibv_reg_mr_iova,
	      (struct ibv_pd *pd, void *address, size_t length, uint64_t iova,
	       int access), pd, address, length, iova, access)
VERBS_FORWARD("IBVERBS_1.8", struct ibv_mr *, ibv_reg_mr_iova2,
	      (struct ibv_pd *pd, void *address, size_t length, uint64_t iova,
	       unsigned int access), pd, address, length, iova, access)
VERBS_FORWARD("IBVERBS_1.1", int, ibv_dereg_mr, (struct ibv_mr *mr), mr)
VERBS_FORWARD("IBVERBS_1.1", const char *, ibv_wc_status_str,
	      (enum ibv_wc_status status), status)
