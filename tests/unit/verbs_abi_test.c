// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What the library believes about libibverbs is what its header says. */
#include <assert.h>

#include <infiniband/verbs.h>

#include "testing.h"
#include "verbs_abi.h"

#define SAME_PLACE(ours, our_field, type, field)                               \
	static_assert(offsetof(struct ours, our_field) ==                      \
			      offsetof(struct type, field),                    \
		      #type "." #field)

SAME_PLACE(peermr_abi_device, name, ibv_device, name);
SAME_PLACE(peermr_abi_context, device, ibv_context, device);
SAME_PLACE(peermr_abi_context, library_ops[0], ibv_context,
	   ops._compat_query_device);
SAME_PLACE(peermr_abi_context, library_ops[1], ibv_context,
	   ops._compat_query_port);
SAME_PLACE(peermr_abi_pd, context, ibv_pd, context);
SAME_PLACE(peermr_abi_mr, addr, ibv_mr, addr);
SAME_PLACE(peermr_abi_mr, length, ibv_mr, length);
SAME_PLACE(peermr_abi_mr, rkey, ibv_mr, rkey);
static_assert(sizeof(struct peermr_abi_mr) == sizeof(struct ibv_mr), "ibv_mr");

static_assert(PEERMR_ABI_DEVICE_NAME_LEN == IBV_SYSFS_NAME_MAX, "name");
static_assert(PEERMR_ABI_ACCESS_LOCAL_WRITE == IBV_ACCESS_LOCAL_WRITE, "flag");
static_assert(PEERMR_ABI_ACCESS_REMOTE_WRITE == IBV_ACCESS_REMOTE_WRITE,
	      "flag");
static_assert(PEERMR_ABI_ACCESS_REMOTE_READ == IBV_ACCESS_REMOTE_READ, "flag");
static_assert(PEERMR_ABI_ACCESS_REMOTE_ATOMIC == IBV_ACCESS_REMOTE_ATOMIC,
	      "flag");
static_assert(PEERMR_ABI_ACCESS_ON_DEMAND == IBV_ACCESS_ON_DEMAND, "flag");
static_assert(PEERMR_ABI_ACCESS_RELAXED_ORDERING ==
		      IBV_ACCESS_RELAXED_ORDERING, "flag");
static_assert(PEERMR_ABI_ACCESS_OPTIONAL == IBV_ACCESS_OPTIONAL_RANGE, "flags");

/* The types of the functions that are looked up by name. */
static void the_abi_of_libibverbs_is_as_we_declare_it(void)
{
	struct ibv_mr *(*reg_mr)(struct ibv_pd *, void *, size_t, int);
	struct ibv_mr *(*reg_mr_iova2)(struct ibv_pd *, void *, size_t,
				       uint64_t, unsigned int);
	struct ibv_mr *(*reg_dmabuf_mr)(struct ibv_pd *, uint64_t, size_t,
					uint64_t, int, int);

#undef ibv_reg_mr
	CHECK(__builtin_types_compatible_p(__typeof__(&ibv_reg_mr),
					   __typeof__(reg_mr)));
	CHECK(__builtin_types_compatible_p(__typeof__(&ibv_reg_mr_iova2),
					   __typeof__(reg_mr_iova2)));
	CHECK(__builtin_types_compatible_p(__typeof__(&ibv_reg_dmabuf_mr),
					   __typeof__(reg_dmabuf_mr)));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_abi_of_libibverbs_is_as_we_declare_it),
	};

	return TEST_MAIN_RUN(tests);
}
