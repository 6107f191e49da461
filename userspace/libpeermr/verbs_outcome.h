/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_VERBS_OUTCOME_H
#define LIBPEERMR_VERBS_OUTCOME_H

#include <stdbool.h>

#include <peermr.h>

#include "verbs.h"

/** enum peermr_verbs_step - where an attempt at a dma-buf registration ended */
enum peermr_verbs_step {
	PEERMR_STEP_LIBRARY,	/* the pd's libibverbs is not found */
	PEERMR_STEP_SPECIAL,	/* no range of memory, or on demand */
	PEERMR_STEP_ABSENT,	/* nobody to be asked */
	PEERMR_STEP_NIC,	/* the NIC takes no dma-bufs */
	PEERMR_STEP_RESOLVE,	/* resolve_error says why */
	PEERMR_STEP_ACCESS,	/* access flags that no dma-buf allows */
	PEERMR_STEP_IOVA,	/* offset and iova disagree */
	PEERMR_STEP_REGISTER,	/* dmabuf_error says whether it was */
};

/**
 * struct peermr_verbs_outcome - what came of it
 * @step: the last one
 * @windows_asked: not only the runtimes
 * @memory: enum peermr_memory
 * @resolve_error: as in struct peermr_reg_report
 * @dmabuf_error: likewise
 * @plain_error: likewise; set by whoever calls ibv_reg_mr()
 */
struct peermr_verbs_outcome {
	enum peermr_verbs_step step;
	bool windows_asked;
	uint32_t memory;
	int resolve_error;
	int dmabuf_error;
	int plain_error;
};

/* Nothing was tried yet; @step as far as it came. */
static inline struct peermr_verbs_outcome
peermr_verbs_outcome_at(enum peermr_verbs_step step)
{
	return (struct peermr_verbs_outcome){
		.step = step,
		.resolve_error = PEERMR_NOT_TRIED,
		.dmabuf_error = PEERMR_NOT_TRIED,
		.plain_error = PEERMR_NOT_TRIED,
	};
}

/* Ask windows at once, whatever it costs host memory. */
#define PEERMR_VERBS_WINDOWS	(1U << 31)

/*
 * peermr_verbs_claim() that tells how it came to its answer. @flags are its own
 * and PEERMR_VERBS_WINDOWS.
 */
int peermr_verbs_attempt(const struct peermr_verbs_request *request,
			 unsigned int flags, peermr_reg_dmabuf_fn reg_dmabuf,
			 struct ibv_mr **mr,
			 struct peermr_verbs_outcome *outcome);

/* The outcome in plain words, in @size bytes at @text. */
void peermr_verbs_describe(const struct peermr_verbs_request *request,
			   const struct peermr_verbs_outcome *outcome,
			   char *text, size_t size);

#endif /* LIBPEERMR_VERBS_OUTCOME_H */
