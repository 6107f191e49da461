#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# mpi_test.sh: the MPI example on buffers in the window, by Open MPI and UCX between
# rxe0 and rxe1. While the ranks wait, the pinned count tells whether UCX registered
# the buffers of the window, and the host looks at the device's memory. Needs
# tests/check-outside on the host.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
node=${PEERMR_WINDOW:?is set by tests/vm/run}
sysfs=/sys/class/peermr/${node##*/}
size=1048576
logs=$(mktemp -d)
failed=0

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

# What works is in peermr(7). Ranks on different NICs: all goes over the wire.
settings=(UCX_TLS=rc_verbs,ud_verbs:aux,self UCX_UD_VERBS_ETH_DGID_CHECK=n)
zero_copy=(UCX_RNDV_THRESH=8192)
bounce=(UCX_RNDV_THRESH=inf UCX_ZCOPY_THRESH=inf)
# shellcheck disable=SC2016 # for the shell that mpirun starts
on_its_nic='UCX_NET_DEVICES=rxe$((OMPI_COMM_WORLD_RANK % 2)):1 exec "$0" "$@"'

# collectives RANKS FILE SETTING...: runs the example; the broadcast file is seen by
# the host in the window of each rank but the first. Sets pinned while they wait.
collectives() {
	local ranks=$1 file=$2 found go pid status

	shift 2
	rm -rf "${logs:?}"/*
	mkfifo "$logs/go"
	env "${settings[@]}" "$@" timeout 200 mpirun -n "$ranks" --allow-run-as-root \
		--oversubscribe --bind-to none --mca pml ucx \
		bash -c "$on_its_nic" "$here/mpi_collectives" -w "$node" -n "$size" \
		-f "$share/$file" <"$logs/go" >"$logs/out" 2>"$logs/err" &
	pid=$!
	exec {go}>"$logs/go"
	until grep -q 'bytes are there' "$logs/out"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			wait "$pid"
			echo "the example ends with status $?: $(tail -qn 1 "$logs/err" "$logs/out" | paste -sd ' ')"
			return 1
		fi
		sleep 0.2
	done
	sleep 0.3
	pinned=$(<"$sysfs/pinned")
	found=$("$here/outside.sh" find "$file" | grep -cx "[0-9]* 0 $size")
	exec {go}>&-
	wait "$pid"
	status=$?
	[[ $status -eq 0 ]] || { echo "the example ends with status $status" && return 1; }
	if [[ $(grep -c ' 0 wrong$' "$logs/out") -ne 6 ]]; then
		echo "not all six are right: $(paste -sd ' ' "$logs/out")"
		return 1
	fi
	[[ $found -eq $((ranks - 1)) ]] ||
		{ echo "the host found the file in $found windows" && return 1; }
}

# The send and the receive buffer of each rank have granules of their own.
buffers_are_registered() {
	collectives "$1" "$2" "${zero_copy[@]}" || return
	[[ $pinned -gt 0 ]] || { echo "nothing of the window is registered" && return 1; }
	echo "ranks $1, zero copy: $pinned bytes of the window are pinned" >&3
}

buffers_are_not_registered() {
	collectives "$1" "$2" "${bounce[@]}" || return
	[[ $pinned -eq 0 ]] || { echo "$pinned bytes of the window are registered" && return 1; }
}

# check NAME FUNCTION RANKS: the last line printed is the reason of a failure.
check() {
	local name=$1 file=pattern.${EPOCHREALTIME/./} reason

	shift
	"$here/outside.sh" pattern "$size" "$file"
	if { "$1" "$2" "$file" && leaves_nothing "$sysfs"; } 3>&2 >"$logs.reason" 2>&1; then
		echo "PASS $name"
	else
		failed=1
		reason=$(tail -n 1 "$logs.reason")
		echo "FAIL $name: ${reason:-no reason}"
		tail -n 15 "$logs"/out "$logs"/err >&2
	fi
	rm -f "$share/$file" "$share/$file.txt"
}

check collectives_of_2_ranks_register_the_window buffers_are_registered 2
check collectives_of_4_ranks_register_the_window buffers_are_registered 4
check with_bounce_buffers_the_window_is_not_registered buffers_are_not_registered 2
exit "$failed"
