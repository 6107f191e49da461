#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# pfn_memory.sh: what a window of 8 GiB or more costs of the kernel's own memory.
# Binds the device in one mode after the other and leaves it as it was.
set -uo pipefail

bdf=${PEERMR_BDF:?is set by tests/vm/run}
sysfs=/sys/class/peermr/$bdf-bar2
limit=1024
failed=0

free_kib() {
	local key value _

	sync
	echo 3 >/proc/sys/vm/drop_caches
	# What was dropped is counted some time later.
	sleep 1
	while read -r key value _; do
		[[ $key != MemFree: ]] || echo "$value"
	done </proc/meminfo
}

# cost MODE: sets "least" and "most" to what binding takes, in some turns, as
# everything else that runs takes and gives memory, too.
cost() {
	local before after turn

	for turn in 1 2 3 4; do
		peermr unbind "$bdf" >/dev/null || return 1
		before=$(free_kib)
		peermr bind "$bdf" --bar 2 --mode "$1" >/dev/null || return 1
		after=$(free_kib)
		# The first turn allocates what is allocated once.
		[[ $turn -gt 1 ]] || continue
		printf '%s\n' "$((before - after))"
	done >"$turns"
	least=$(sort -n "$turns" | sed -n 1p)
	most=$(sort -n "$turns" | tail -n1)
}

turns=$(mktemp)
size=$(($(<"$sysfs/size") >> 30))
name=a_pfn_window_of_8_GiB_costs_the_kernel_less_than_1_MiB
if [[ $size -lt 8 ]]; then
	echo "SKIP $name: the window has $size GiB"
	exit 77
fi
if ! cost pfn; then
	echo "FAIL $name: the device cannot be bound and unbound"
	exit 1
fi
pfn_kib=$least
# So that a mistake in the way this is measured is noticed.
if ! cost pages; then
	echo "FAIL $name: the device cannot be bound and unbound"
	exit 1
fi
echo "# kernel memory for a window of $size GiB: pfn $pfn_kib KiB, pages $most KiB"
if [[ $pfn_kib -ge $limit ]]; then
	echo "FAIL $name: $pfn_kib KiB"
	failed=1
elif [[ $most -lt $((8 * limit)) ]]; then
	echo "FAIL $name: struct pages are said to cost $most KiB, which cannot be"
	failed=1
else
	echo "PASS $name"
fi
exit "$failed"
