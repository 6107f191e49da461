#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# unbind_dmabuf.sh: peermr unbind --force in the middle of ib_write_bw, whose
# server has a dma-buf MR on the window. The host looks at the device's memory
# from outside the guest, and writes to it, to see whether the NIC still does.
# Run by tests/check-outside, in a guest with --rxe patched --rdma-core patched.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
patched=/opt/perftest-peermr/bin
bdf=${PEERMR_BDF:?is set by tests/vm/run}
window=$bdf-bar2
size=65536
logs=$(mktemp -d)
port=18700
failed=0 bad=0 test='' server_pid='' client_pid=''

begin() {
	test=$1 bad=0
}

say_why() {
	echo "FAIL $test: ${*//$'\n'/ | }"
	tail -n 20 "$logs"/* >&2
	failed=1 bad=1
}

# fail REASON...: nothing more can be tested.
fail() {
	say_why "$@"
	exit 1
}

clean_up() {
	kill -9 "$server_pid" "$client_pid" 2>/dev/null
	rm -rf "$logs"
}
trap clean_up EXIT

# shellcheck source=tests/guest/perftest.sh
. "$here/perftest.sh"

# Sets "at" to where the host sees the pattern.
the_host_sees_traffic() {
	at=$("$here/outside.sh" find "$pattern" | awk 'NR == 1 { print $1 }')
	[[ -n $at ]]
}

# start_traffic: RDMA WRITE into a dma-buf until somebody stops it. -u: a slow kernel may
# take longer to answer than seven times the usual 67 ms.
start_traffic() {
	port=$((port + 1))
	pattern=pattern.$port
	"$here/outside.sh" pattern "$size" "$pattern" || fail "no pattern"
	"$here/outside.sh" payload "$pattern" "$pattern.txt" || fail "no payload"
	"$patched/ib_write_bw" -d rxe1 -p "$port" -s "$size" -t 4 -u 18 -D 300 -F \
		"--use_peermr=$window" --use_peermr_dmabuf >"$logs/server" 2>&1 &
	server_pid=$!
	wait_for_listener
	"$patched/ib_write_bw" -d rxe0 -p "$port" -s "$size" -t 4 -u 18 -D 300 -F \
		"--payload_file_path=$share/$pattern.txt" 10.99.0.2 >"$logs/client" 2>&1 &
	client_pid=$!
	wait_for 60 the_host_sees_traffic || fail "the host sees no traffic"
	sleep 2
	kill -0 "$server_pid" "$client_pid" || fail "perftest ended too early"
}

# ended PID NAME: it ends by itself with an exit status of its own; sets "status".
ended() {
	status=0
	wait_for 60 eval "! kill -0 $1" || { say_why "the $2 goes on"; return 1; }
	wait "$1" || status=$?
	[[ $status -lt 128 ]] || { say_why "the $2 was killed, status $status"; return 1; }
}

pass_unless_bad() {
	[[ $bad -ne 0 ]] || echo "PASS $test"
}

mode=pages
while :; do
	begin "a_window_in_mode_${mode}_is_bound"
	wait_for 20 peermr unbind "$bdf" || fail "it cannot be unbound"
	peermr bind "$bdf" --mode "$mode" >/dev/null || fail "it cannot be bound"

	begin "an_unbind_by_force_does_not_wait_for_a_dmabuf_of_mode_$mode"
	start_traffic
	# It cannot deregister its MR now, whatever it learns.
	kill -STOP "$server_pid"
	began=${EPOCHREALTIME/./}
	timeout 60 peermr unbind "$bdf" --force >"$logs/unbind" 2>&1 ||
		fail "it ended with status $?"
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	# From now on the NIC must write nothing, though the client may still send.
	sent=$pattern pattern=pattern.after
	"$here/outside.sh" pattern "$size" "$pattern"
	"$here/outside.sh" write "$at" "$pattern" || fail "the host cannot write"
	grep -q ib_write_bw < <(rdma resource show mr) || say_why "the MR is gone already"
	[[ ! -e /sys/bus/pci/devices/$bdf/driver ]] || say_why "the device is still bound"
	! grep -q waiting "$logs/unbind" || say_why "it waited"
	echo "# the unbind took $took ms"
	pass_unless_bad

	begin "the_peer_sees_a_remote_access_error_of_mode_$mode"
	if ended "$client_pid" client; then
		[[ $status -ne 0 ]] || say_why "the client thinks that all was well"
		grep -q 'Failed status 10' "$logs/client" ||
			say_why "the client met another error: $(grep 'Failed status' "$logs/client")"
		pass_unless_bad
	fi

	begin "the_memory_of_mode_${mode}_does_not_change_after_the_unbind"
	sleep 2
	expect_present
	"$here/outside.sh" find "$sent" >"$logs/find"
	! grep -q "^$at " "$logs/find" || say_why "the NIC wrote: $(<"$logs/find")"
	pass_unless_bad

	begin "the_program_ends_by_itself_and_leaves_no_mr_of_mode_$mode"
	kill -CONT "$server_pid"
	if ended "$server_pid" server; then
		! grep -qi 'deregister\|failed to dereg' "$logs/server" ||
			say_why "deregistration failed"
		! grep -q ib_write_bw < <(rdma resource show mr) ||
			say_why "MRs are left: $(rdma resource show mr)"
		pass_unless_bad
	fi

	begin "a_window_of_mode_${mode}_works_after_a_rebind"
	peermr bind "$bdf" --mode "$mode" >/dev/null || fail "it cannot be bound again"
	start_traffic
	kill "$server_pid" "$client_pid"
	wait
	pass_unless_bad
	rm -f "$share"/pattern.*
	[[ $mode == pages ]] || break
	mode=pfn
done
exit "$failed"
