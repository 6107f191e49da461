/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef LIBPEERMR_REG_REPORT_H
#define LIBPEERMR_REG_REPORT_H

#include "verbs_outcome.h"

/* Remember @outcome for peermr_reg_report(), and print it if asked to. */
void peermr_reg_report_set(const struct peermr_verbs_request *request,
			   const struct peermr_verbs_outcome *outcome);

#endif /* LIBPEERMR_REG_REPORT_H */
