/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the GNU C library exports, without a header, for allocators like ours. */
#ifndef PEERMR_ALLOC_C_LIBRARY_H
#define PEERMR_ALLOC_C_LIBRARY_H

#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *address, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *address);

#endif /* PEERMR_ALLOC_C_LIBRARY_H */
