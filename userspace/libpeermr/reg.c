// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>

#include <peermr.h>

#include "reg_report.h"
#include "verbs_library.h"
#include "verbs_outcome.h"

/* As <infiniband/verbs.h> would call it, with what this libibverbs has. */
static struct ibv_mr *
peermr_reg_plain(const struct peermr_verbs_library *library,
		 const struct peermr_verbs_request *request)
{
	if (library->reg_mr_iova2)
		return library->reg_mr_iova2(request->pd, request->address,
					     request->length, request->iova,
					     request->access);
	if (request->iova == (uintptr_t)request->address)
		return library->reg_mr(request->pd, request->address,
				       request->length, (int)request->access);
	if (library->reg_mr_iova)
		return library->reg_mr_iova(request->pd, request->address,
					    request->length, request->iova,
					    (int)request->access);
	errno = EOPNOTSUPP;
	return NULL;
}

/* 0 or a negative errno. */
static int peermr_reg_request(const struct peermr_verbs_library *library,
			      const struct peermr_verbs_request *request,
			      struct ibv_mr **mr,
			      struct peermr_verbs_outcome *outcome)
{
	int ret, plain_error;

	ret = peermr_verbs_attempt(request, PEERMR_VERBS_WINDOWS,
				   library->reg_dmabuf_mr, mr, outcome);
	if (ret)
		return ret < 0 ? ret : 0;
	errno = 0;
	*mr = peermr_reg_plain(library, request);
	if (*mr) {
		outcome->plain_error = 0;
		return 0;
	}
	plain_error = errno ? -errno : -EINVAL;
	outcome->plain_error = plain_error;
	if (plain_error != -EFAULT)
		return plain_error;

	ret = peermr_verbs_attempt(request, PEERMR_VERBS_RETRY,
				   library->reg_dmabuf_mr, mr, outcome);
	outcome->plain_error = plain_error;
	if (ret > 0)
		return 0;
	return ret ?: plain_error;
}

struct ibv_mr *peermr_reg_mr_iova(struct ibv_pd *pd, void *address,
				  size_t length, uint64_t iova, int access)
{
	struct peermr_verbs_request request = {
		.pd = pd,
		.address = address,
		.length = length,
		.iova = iova,
		.access = (unsigned int)access,
	};
	struct peermr_verbs_outcome outcome =
		peermr_verbs_outcome_at(PEERMR_STEP_LIBRARY);
	struct peermr_verbs_library library;
	struct ibv_mr *mr = NULL;
	int ret, saved_errno = errno;

	ret = peermr_verbs_library_find(pd, &library);
	if (!ret)
		ret = peermr_reg_request(&library, &request, &mr, &outcome);
	peermr_reg_report_set(&request, &outcome);
	errno = ret ? -ret : saved_errno;
	return ret ? NULL : mr;
}

struct ibv_mr *peermr_reg_mr(struct ibv_pd *pd, void *address, size_t length,
			     int access)
{
	return peermr_reg_mr_iova(pd, address, length, (uintptr_t)address,
				  access);
}
