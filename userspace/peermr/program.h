/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_TOOL_PROGRAM_H
#define PEERMR_TOOL_PROGRAM_H

/*
 * Why LD_PRELOAD will do nothing for program @name, which is looked up in PATH:
 * a half sentence, or NULL if it will, or if that cannot be known.
 */
const char *program_ignores_preload(const char *name);

#endif /* PEERMR_TOOL_PROGRAM_H */
