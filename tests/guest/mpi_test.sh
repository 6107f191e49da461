#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# mpi_test.sh: the MPI example on buffers in the window, by Open MPI and UCX between
# the ends of a link (ends.sh), and with two guests by libfabric as well. While the ranks wait, the pinned count tells whether UCX registered
# the buffers of the window, and the host looks at the device's memory. Needs
# tests/check-outside, or tests/check-two-guests, on the host.
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
# shellcheck source=tests/guest/ends.sh
. "$here/ends.sh"
# shellcheck source=tests/guest/ucx.sh
. "$here/ucx.sh"

# For 256 peers, which is what it expects, it wants more of a CQ than rxe has.
by_libfabric=(--mca pml cm --mca mtl ofi
	--mca opal_common_ofi_provider_include 'verbs;ofi_rxm'
	-x FI_PROVIDER=verbs -x FI_UNIVERSE_SIZE=16)
bounce=(-x UCX_RNDV_THRESH=inf -x UCX_ZCOPY_THRESH=inf)
shares=("$share")
hosts=()
if [[ $two_guests == yes ]]; then
	# shellcheck disable=SC2016
	on_its_nic='exec "$0" "$@"'
	by_ucx+=(-x UCX_NET_DEVICES=rxe0:1)
	shares=("$share"/{0,1})
	hosts=(--host peermr-vm0:8,peermr-vm1:8 --map-by node)
	ends_meet || exit 1
fi

# found FILE: in how many buffers of each device the host finds the file.
found() {
	local dir

	for dir in "${shares[@]}"; do
		PEERMR_SHARE=$dir "$here/outside.sh" find "$1" | grep -cx "[0-9]* 0 $size"
	done | paste -sd ' '
}

# The broadcast is in the window of each rank but the first. Ranks go to hosts in turn.
expected() {
	if [[ $two_guests == yes ]]; then
		echo "$((($1 + 1) / 2 - 1)) $(($1 / 2))"
	else
		echo "$(($1 - 1))"
	fi
}

# pinned: bytes of each window.
pinned() {
	cat "$sysfs/pinned"
	[[ $two_guests == no ]] || there cat "$sysfs/pinned"
}

# collectives RANKS FILE OPTION...: runs the example; the broadcast file is seen by
# the host. Sets pinned while they wait.
collectives() {
	local ranks=$1 file=$2 found go pid status

	shift 2
	rm -rf "${logs:?}"/*
	mkfifo "$logs/go"
	timeout 200 mpirun -n "$ranks" --allow-run-as-root "${hosts[@]}" \
		--oversubscribe --bind-to none "$@" \
		bash -c "$on_its_nic" "$here/mpi_collectives" -w "$node" -n "$size" \
		-f "${shares[0]}/$file" <"$logs/go" >"$logs/out" 2>"$logs/err" &
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
	mapfile -t pinned < <(pinned)
	found=$(found "$file")
	exec {go}>&-
	wait "$pid"
	status=$?
	[[ $status -eq 0 ]] || { echo "the example ends with status $status" && return 1; }
	if [[ $(grep -c ' 0 wrong$' "$logs/out") -ne 6 ]]; then
		echo "not all six are right: $(paste -sd ' ' "$logs/out")"
		return 1
	fi
	[[ $found == "$(expected "$ranks")" ]] ||
		{ echo "the host found the file in $found buffers" && return 1; }
}

# The send and the receive buffer of each rank have granules of their own.
buffers_are_registered() {
	collectives "$1" "$2" "${@:3}" || return
	[[ " ${pinned[*]} " != *' 0 '* ]] || { echo "nothing of a window is registered" && return 1; }
	echo "ranks $1, zero copy: ${pinned[*]} bytes of the window are pinned" >&3
}

buffers_are_not_registered() {
	collectives "$1" "$2" "${@:3}" || return
	[[ ! "${pinned[*]}" =~ [1-9] ]] ||
		{ echo "${pinned[*]} bytes of the window are registered" && return 1; }
}

# check NAME FUNCTION RANKS OPTION...: the last line printed is the reason of a failure.
check() {
	local name=$1 file=pattern.${EPOCHREALTIME/./} reason

	shift
	PEERMR_SHARE=${shares[0]} "$here/outside.sh" pattern "$size" "$file"
	[[ $two_guests == no ]] || cp "${shares[0]}/$file" "${shares[1]}/$file"
	if { "$1" "$2" "$file" "${@:3}" && leaves_nothing "$sysfs"; } 3>&2 >"$logs.reason" 2>&1; then
		echo "PASS $name"
	else
		failed=1
		reason=$(tail -n 1 "$logs.reason")
		echo "FAIL $name: ${reason:-no reason}"
		tail -n 15 "$logs"/out "$logs"/err >&2
	fi
	rm -f "${shares[@]/%//$file}"
}

check collectives_of_2_ranks_register_the_window buffers_are_registered 2 "${by_ucx[@]}" "${zero_copy[@]}"
check collectives_of_4_ranks_register_the_window buffers_are_registered 4 "${by_ucx[@]}" "${zero_copy[@]}"
check with_bounce_buffers_the_window_is_not_registered buffers_are_not_registered 2 "${by_ucx[@]}" "${bounce[@]}"
if [[ $two_guests == yes ]]; then
	check by_libfabric_the_window_is_registered buffers_are_registered 2 "${by_libfabric[@]}"
fi
goes_away "$PEERMR_BDF" || failed=1
exit "$failed"
