// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Device memory behind a plain registration becomes a dma-buf registration. */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "backends/backend.h"
#include "debug.h"
#include "resolve.h"
#include "verbs.h"
#include "verbs_abi.h"
#include "verbs_device.h"
#include "verbs_idle.h"
#include "verbs_outcome.h"

/* What the kernel allows for an MR on a dma-buf. */
#define DMABUF_ACCESS                                                          \
	(PEERMR_ABI_ACCESS_LOCAL_WRITE | PEERMR_ABI_ACCESS_REMOTE_WRITE |      \
	 PEERMR_ABI_ACCESS_REMOTE_READ | PEERMR_ABI_ACCESS_REMOTE_ATOMIC |     \
	 PEERMR_ABI_ACCESS_RELAXED_ORDERING)

/* Not an ordinary range of memory. */
static bool peermr_verbs_is_special(const struct peermr_verbs_request *request)
{
	return !request->address || !request->length ||
	       request->length == SIZE_MAX ||
	       (request->access & PEERMR_ABI_ACCESS_ON_DEMAND);
}

/*
 * Whom to ask. Before the plain call no window: its memory that the plain call
 * takes has pages, which were found good for DMA when it was bound; and all else
 * makes it fail, and is found then. Runtimes are looked for then, too, but before
 * if the memory is not to be written to: see verbs_idle.h.
 */
static unsigned int
peermr_verbs_resolve_flags(const struct peermr_verbs_request *request,
			   unsigned int flags)
{
	if (flags & PEERMR_VERBS_RETRY)
		return PEERMR_RESOLVE_ALL;
	if (flags & PEERMR_VERBS_WINDOWS)
		return PEERMR_RESOLVE_RUNTIMES | PEERMR_RESOLVE_WINDOWS;
	return request->access & PEERMR_VERBS_WRITABLE ?
		       0 : PEERMR_RESOLVE_RUNTIMES;
}

/* Whether a dma-buf at @offset serves: 0 or a negative errno. */
static int peermr_verbs_check(const struct peermr_verbs_request *request,
			      uint64_t offset,
			      struct peermr_verbs_outcome *outcome)
{
	if (request->access & ~(DMABUF_ACCESS | PEERMR_ABI_ACCESS_OPTIONAL)) {
		outcome->step = PEERMR_STEP_ACCESS;
		return -EOPNOTSUPP;
	}
	if ((offset ^ request->iova) & (sysconf(_SC_PAGESIZE) - 1)) {
		outcome->step = PEERMR_STEP_IOVA;
		return -EINVAL;
	}
	return 0;
}

/* 0 or a negative errno. */
static int peermr_verbs_register(const struct peermr_verbs_request *request,
				 const struct peermr_range *range,
				 peermr_reg_dmabuf_fn reg_dmabuf,
				 struct ibv_mr **mr)
{
	struct ibv_mr *registered;

	errno = 0;
	registered = reg_dmabuf(request->pd, range->offset, request->length,
				request->iova, range->fd,
				(int)(request->access & DMABUF_ACCESS));
	if (!registered)
		return errno ? -errno : -EINVAL;
	/* Came back as the offset: a dma-buf has no address. */
	((struct peermr_abi_mr *)registered)->addr = request->address;
	*mr = registered;
	return 0;
}

int peermr_verbs_attempt(const struct peermr_verbs_request *request,
			 unsigned int flags, peermr_reg_dmabuf_fn reg_dmabuf,
			 struct ibv_mr **mr,
			 struct peermr_verbs_outcome *outcome)
{
	bool retry = flags & PEERMR_VERBS_RETRY;
	unsigned int ask = peermr_verbs_resolve_flags(request, flags);
	struct peermr_range range;
	int ret;

	*outcome = peermr_verbs_outcome_at(PEERMR_STEP_SPECIAL);
	outcome->windows_asked = ask & PEERMR_RESOLVE_WINDOWS;
	if (peermr_verbs_is_special(request))
		return 0;
	outcome->step = PEERMR_STEP_ABSENT;
	if (!peermr_resolve_possible(ask))
		return 0;
	outcome->step = PEERMR_STEP_NIC;
	if (!reg_dmabuf ||
	    !peermr_verbs_device_takes_dmabuf(request->pd, reg_dmabuf))
		return 0;

	outcome->step = PEERMR_STEP_RESOLVE;
	ret = peermr_resolve_range(request->address, request->length, ask,
				   &range);
	outcome->memory = range.memory;
	outcome->resolve_error = ret;
	if (ret == -ENOENT)
		return 0;
	if (ret)
		return retry ? ret : 0;

	ret = peermr_verbs_check(request, range.offset, outcome);
	if (ret) {
		peermr_range_release(&range);
		return retry ? ret : 0;
	}
	outcome->step = PEERMR_STEP_REGISTER;
	ret = peermr_verbs_register(request, &range, reg_dmabuf, mr);
	/* The kernel holds its own reference. */
	peermr_range_release(&range);
	outcome->dmabuf_error = ret;
	if (ret == -EOPNOTSUPP)
		return 0;
	return ret ?: 1;
}

const atomic_int *peermr_verbs_reasons(void)
{
	return &peermr_resolve_reasons;
}

int peermr_verbs_claim(const struct peermr_verbs_request *request,
		       unsigned int flags, peermr_reg_dmabuf_fn reg_dmabuf,
		       struct ibv_mr **mr)
{
	struct peermr_verbs_outcome outcome;
	int ret, saved_errno = errno;
	char text[256];

	if (!flags && peermr_verbs_is_idle(peermr_verbs_reasons(),
					   request->access))
		return 0;
	ret = peermr_verbs_attempt(request, flags, reg_dmabuf, mr, &outcome);
	if (peermr_debug_enabled()) {
		peermr_verbs_describe(request, &outcome, text, sizeof(text));
		peermr_debug("%s: %p+%#zx: %s%s",
			     peermr_verbs_device_name(request->pd),
			     request->address, request->length, text,
			     ret ? "" : flags & PEERMR_VERBS_RETRY ?
			     "; no dma-buf after a bad address either" :
			     "; left to the plain call");
	}
	errno = saved_errno;
	return ret;
}
