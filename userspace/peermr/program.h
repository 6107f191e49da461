/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef PEERMR_PROGRAM_H
#define PEERMR_PROGRAM_H

/*
 * The file that execvp(3) of @name would execute, to be freed; or NULL and
 * errno. A file that is there, but may not be executed, is EACCES.
 */
char *program_find(const char *name);

/*
 * Why the dynamic linker would load no library of ours into the program in
 * @path, in a few words, or NULL if it would as far as one can see.
 */
const char *program_ignores_preload(const char *path);

#endif /* PEERMR_PROGRAM_H */
