#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# bench_profile.sh: where the kernel spends the time of an ibv_reg_mr of 256 MiB,
# for device memory and for anonymous memory of 4 KiB pages. Prints a line a
# function: name, then calls and milliseconds for device memory, the same for
# anonymous memory, tab-separated. A function includes those that it calls.
set -euo pipefail

window=${PEERMR_WINDOW:?is set by tests/vm/run}
here=$(dirname -- "$(realpath -- "$0")")
tracing=/sys/kernel/tracing
# No function that is called for each page: its tracing would be all one sees.
functions=(ib_uverbs_reg_mr rxe_reg_user_mr rxe_mr_init_user ib_umem_get
	pin_user_pages_fast sg_alloc_append_table_from_pages)

echo nop >"$tracing/current_tracer"
echo 16384 >"$tracing/buffer_size_kb"
: >"$tracing/set_ftrace_filter"
for function in "${functions[@]}"; do
	# One that this kernel does not have, or has inlined, is left out.
	echo "$function" >>"$tracing/set_ftrace_filter" 2>/dev/null || true
done
echo function_graph >"$tracing/current_tracer"
echo funcgraph-tail >"$tracing/trace_options"
: >"$tracing/trace"
"$here/bench_reg" "${window##*/}" rxe0 1 >/dev/null
echo 0 >"$tracing/tracing_on"

# bench_reg registers device and anonymous memory in turns, once to warm up and
# then for its one round; the last registration of each is the one that counts.
awk -v order="${functions[*]}" '
	BEGIN { count = split(order, names, " ") }
	!match($0, /[0-9.]+ us +\|/) { next }
	{
		us = substr($0, RSTART) + 0
		name = $0
		gsub(/.*\||\[.*|[ {}();*\/]/, "", name)
		time[turns + 1, name] += us
		calls[turns + 1, name]++
		if (name == names[1])
			turns++
	}
	END {
		for (i = 1; i <= count; i++) {
			name = names[i]
			if (calls[turns - 1, name] && calls[turns, name])
				printf "%s\t%d\t%.2f\t%d\t%.2f\n", name,
					calls[turns - 1, name], time[turns - 1, name] / 1000,
					calls[turns, name], time[turns, name] / 1000
		}
		exit turns < 2
	}' "$tracing/trace"
echo nop >"$tracing/current_tracer"
