/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM peermr

#if !defined(_PEERMR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _PEERMR_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"
#include "peermr.h"

DECLARE_EVENT_CLASS(peermr_buffer_event,
	TP_PROTO(const struct peermr_buffer *buffer),
	TP_ARGS(buffer),
	TP_STRUCT__entry(
		__string(window, dev_name(&buffer->window->dev))
		__field(u64, offset)
		__field(u64, length)
	),
	TP_fast_assign(
		peermr_compat_assign_str(window,
					 dev_name(&buffer->window->dev));
		__entry->offset = buffer->offset;
		__entry->length = buffer->length;
	),
	TP_printk("window=%s offset=%#llx length=%#llx", __get_str(window),
		  __entry->offset, __entry->length)
);

DEFINE_EVENT(peermr_buffer_event, peermr_alloc,
	TP_PROTO(const struct peermr_buffer *buffer),
	TP_ARGS(buffer)
);

DEFINE_EVENT(peermr_buffer_event, peermr_free,
	TP_PROTO(const struct peermr_buffer *buffer),
	TP_ARGS(buffer)
);

DEFINE_EVENT(peermr_buffer_event, peermr_export,
	TP_PROTO(const struct peermr_buffer *buffer),
	TP_ARGS(buffer)
);

TRACE_EVENT(peermr_fault,
	TP_PROTO(const struct peermr_buffer *buffer, u64 offset,
		 unsigned int order, vm_fault_t ret),
	TP_ARGS(buffer, offset, order, ret),
	TP_STRUCT__entry(
		__field(u64, pgoff)
		__field(u64, offset)
		__field(unsigned int, order)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__entry->pgoff = buffer->pgoff;
		__entry->offset = offset;
		__entry->order = order;
		__entry->ret = (__force unsigned int)ret;
	),
	TP_printk("handle=%#llx offset=%#llx order=%u ret=%#x",
		  __entry->pgoff << PAGE_SHIFT, __entry->offset, __entry->order,
		  __entry->ret)
);

TRACE_EVENT(peermr_revoke,
	TP_PROTO(const struct peermr_window *window),
	TP_ARGS(window),
	TP_STRUCT__entry(
		__string(window, dev_name(&window->dev))
	),
	TP_fast_assign(
		peermr_compat_assign_str(window, dev_name(&window->dev));
	),
	TP_printk("window=%s", __get_str(window))
);

TRACE_EVENT(peermr_pin_wait,
	TP_PROTO(const struct peermr_window *window, unsigned int msecs),
	TP_ARGS(window, msecs),
	TP_STRUCT__entry(
		__string(window, dev_name(&window->dev))
		__field(unsigned int, msecs)
	),
	TP_fast_assign(
		peermr_compat_assign_str(window, dev_name(&window->dev));
		__entry->msecs = msecs;
	),
	TP_printk("window=%s waited=%ums", __get_str(window), __entry->msecs)
);

#endif /* _PEERMR_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
