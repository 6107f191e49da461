// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "debug.h"
#include "reg_report.h"
#include "resolve.h"
#include "verbs_device.h"

static _Thread_local struct peermr_reg_report last_report;

static void peermr_verbs_describe_step(const struct peermr_verbs_request *request,
				       const struct peermr_verbs_outcome *outcome,
				       char *text, size_t size)
{
	const char *memory = peermr_memory_name(outcome->memory);
	const char *device = peermr_verbs_device_name(request->pd);

	switch (outcome->step) {
	case PEERMR_STEP_LIBRARY:
		snprintf(text, size, "the libibverbs of this pd is not found");
		break;
	case PEERMR_STEP_SPECIAL:
		snprintf(text, size, "no ordinary range of memory");
		break;
	case PEERMR_STEP_ABSENT:
		snprintf(text, size, outcome->windows_asked ?
			 "no window and no device's runtime here" :
			 "no device's runtime here");
		break;
	case PEERMR_STEP_NIC:
		snprintf(text, size, "%s takes no dma-bufs", device);
		break;
	case PEERMR_STEP_RESOLVE:
		if (outcome->resolve_error == -ENOENT)
			snprintf(text, size, outcome->windows_asked ?
				 "host memory" : "memory of no runtime");
		else
			snprintf(text, size,
				 "%s memory, but no dma-buf of it (%s)", memory,
				 strerror(-outcome->resolve_error));
		break;
	case PEERMR_STEP_ACCESS:
		snprintf(text, size,
			 "%s memory, but access flags %#x do not go with a dma-buf",
			 memory, request->access);
		break;
	case PEERMR_STEP_IOVA:
		snprintf(text, size,
			 "%s memory, but iova %#llx and its offset in the dma-buf differ below the page size",
			 memory, (unsigned long long)request->iova);
		break;
	case PEERMR_STEP_REGISTER:
		if (outcome->dmabuf_error)
			snprintf(text, size,
				 "%s memory, but %s refused its dma-buf (%s)",
				 memory, device,
				 strerror(-outcome->dmabuf_error));
		else
			snprintf(text, size,
				 "%s memory, registered as a dma-buf", memory);
		break;
	}
}

void peermr_verbs_describe(const struct peermr_verbs_request *request,
			   const struct peermr_verbs_outcome *outcome,
			   char *text, size_t size)
{
	size_t used;

	peermr_verbs_describe_step(request, outcome, text, size);
	used = strlen(text);
	if (!outcome->plain_error)
		snprintf(text + used, size - used,
			 "; registered as ibv_reg_mr() does");
	else if (outcome->plain_error != PEERMR_NOT_TRIED)
		snprintf(text + used, size - used, "; ibv_reg_mr(): %s",
			 strerror(-outcome->plain_error));
}

void peermr_reg_report_set(const struct peermr_verbs_request *request,
			   const struct peermr_verbs_outcome *outcome)
{
	struct peermr_reg_report *report = &last_report;

	report->path = PEERMR_PATH_NONE;
	if (!outcome->dmabuf_error)
		report->path = PEERMR_PATH_DMABUF;
	else if (!outcome->plain_error)
		report->path = PEERMR_PATH_PLAIN;
	report->memory = outcome->memory;
	report->resolve_error = outcome->resolve_error;
	report->dmabuf_error = outcome->dmabuf_error;
	report->plain_error = outcome->plain_error;
	peermr_verbs_describe(request, outcome, report->text,
			      sizeof(report->text));
	if (peermr_debug_enabled())
		peermr_debug("%s: %p+%#zx: %s",
			     peermr_verbs_device_name(request->pd),
			     request->address, request->length, report->text);
}

void peermr_reg_report(struct peermr_reg_report *report)
{
	*report = last_report;
}
