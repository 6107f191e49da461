/* SPDX-License-Identifier: GPL-2.0 */
/* What differs for somebody who imports a dma-buf. */
#ifndef _PEERMR_COMPAT_IMPORTER_H
#define _PEERMR_COMPAT_IMPORTER_H

#include <linux/dma-buf.h>
#include <linux/types.h>

/*
 * The callback that tells an importer to let go. Since 7.0 it may be left out;
 * before, the core warns about an importer without it.
 */
#ifdef PEERMR_HAVE_INVALIDATE_MAPPINGS
#define peermr_compat_invalidate		invalidate_mappings
#define PEERMR_COMPAT_INVALIDATE_OPTIONAL	true
#else
#define peermr_compat_invalidate		move_notify
#define PEERMR_COMPAT_INVALIDATE_OPTIONAL	false
#endif

#endif /* _PEERMR_COMPAT_IMPORTER_H */
