#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# unplug.sh: the device goes away under traffic: a bus reset, and then a hot
# unplug and a new plug, which tests/check-unplug does from outside when asked
# through files in /mnt/share.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
bdf=${PEERMR_BDF:?is set by tests/vm/run}
window=$bdf-bar2
sysfs=/sys/class/peermr/$window
device=/sys/bus/pci/devices/$bdf
logs=$(mktemp -d)
port=19000
failed=0

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

pass() {
	echo "PASS $1"
}

fail() {
	echo "FAIL $1: $2"
	failed=1
}

# ask STEP: have the host do it.
ask() {
	touch "$share/$1.ask"
	wait_for 60 test -e "$share/$1.done"
}

is_pinned() {
	[[ $(cat "$sysfs/pinned") -gt 0 ]]
}

# start_traffic: RDMA WRITE into the window until somebody stops it.
start_traffic() {
	port=$((port + 1))
	ib_write_bw -d rxe1 -p "$port" -s 65536 -t 4 -D 120 --mmap="/dev/peermr/$window" \
		>"$logs/server" 2>&1 &
	server=$! client=
	wait_for 30 listens "$port" || return 1
	ib_write_bw -d rxe0 -p "$port" -s 65536 -t 4 -D 120 10.99.0.2 \
		>"$logs/client" 2>&1 &
	client=$!
	wait_for 30 is_pinned && sleep 2 &&
		kill -0 "$server" && kill -0 "$client"
}

stop_traffic() {
	kill -9 "$server" $client 2>/dev/null
	wait "$server" $client 2>/dev/null
}

window_works() {
	"$here/lib_test" "/dev/peermr/$window" >"$logs/lib_test" 2>&1
}

# A program with a mapping from before the reset gets SIGBUS when it looks.
a_bus_reset_under_traffic_takes_the_memory_away() {
	local test=${FUNCNAME[0]} holder hold_in status=0

	if [[ ! -e $device/reset ]]; then
		echo "SKIP $test: this kernel offers no reset for $bdf"
		return
	fi
	coproc HOLD { exec "$here/hold" "/dev/peermr/$window" 4096 2>/dev/null; }
	holder=$! hold_in=${HOLD[1]}
	read -r -t 20 _ <&"${HOLD[0]}"
	start_traffic || { fail "$test" "no traffic: $(tail -qn1 "$logs"/*)"; stop_traffic; return; }
	echo 1 >"$device/reset" || { fail "$test" "the reset failed"; return; }
	echo touch >&"$hold_in"
	wait "$holder" || status=$?
	[[ $status -eq 135 ]] || fail "$test" "touching the memory gave status $status, not SIGBUS"
	[[ $(cat "$sysfs/state") == live ]] || fail "$test" "the window is $(cat "$sysfs/state")"
	stop_traffic
	wait_for 20 has_all_memory_back "$sysfs" ||
		fail "$test" "buffers, pinned, quarantined: $(memory_left "$sysfs")"
	window_works || fail "$test" "the window does not work after it: $(grep -m1 FAIL "$logs/lib_test")"
	[[ $failed -ne 0 ]] || pass "$test"
}

error_is_over() {
	grep -q 'device recovery \(successful\|failed\)' < <(dmesg)
}

# The reset before has taken what the core restores the device from.
an_error_after_a_reset_is_recovered_from() {
	local test=${FUNCNAME[0]}

	if [[ ! -e $device/reset ]]; then
		echo "SKIP $test: this kernel offers no reset for $bdf"
		return
	fi
	ask error || { fail "$test" "QEMU did not take the request"; return; }
	if ! wait_for 20 error_is_over; then
		echo "SKIP $test: the kernel leaves errors to the firmware"
		return
	fi
	[[ $(cat "$sysfs/state") == live ]] || fail "$test" "the window is $(cat "$sysfs/state")"
	window_works || fail "$test" "the window does not work after it: $(grep -m1 FAIL "$logs/lib_test")"
	[[ $failed -ne 0 ]] || pass "$test"
}

device_is_gone() {
	[[ ! -e $device ]]
}

waiting_is_logged() {
	grep -q 'waiting for DMA to end.*ib_write_bw\|waiting for DMA pins.*ib_write_bw' < <(dmesg)
}

node_is_gone() {
	[[ ! -e /dev/peermr/$window ]]
}

# The pages are in the hands of a NIC: the kernel cannot let the device go yet.
an_unplug_under_traffic_waits_for_the_last_pin() {
	local test=${FUNCNAME[0]}

	start_traffic || { fail "$test" "no traffic: $(tail -qn1 "$logs"/*)"; stop_traffic; return; }
	ask unplug || { fail "$test" "QEMU did not take the request"; return; }
	wait_for 60 node_is_gone || { fail "$test" "the device node stays"; return; }
	wait_for 30 waiting_is_logged || fail "$test" "the log does not name who is waited for"
	[[ -e $device ]] || fail "$test" "the device went while pages of it were pinned"
	stop_traffic
	wait_for 60 device_is_gone || { fail "$test" "the device never went"; return; }
	[[ -z $(ls /sys/class/peermr) ]] || fail "$test" "a window is left: $(ls /sys/class/peermr)"
	[[ $failed -ne 0 ]] || pass "$test"
}

device_is_back() {
	[[ -e $device/driver_override ]]
}

a_device_plugged_in_again_works() {
	local test=${FUNCNAME[0]}

	ask plug || { fail "$test" "QEMU did not take the request"; return; }
	wait_for 60 device_is_back || { fail "$test" "the device does not come back"; return; }
	peermr bind "$bdf" >/dev/null || { fail "$test" "peermr bind failed"; return; }
	window_works || fail "$test" "the window does not work: $(grep -m1 FAIL "$logs/lib_test")"
	[[ $failed -ne 0 ]] || pass "$test"
}

a_bus_reset_under_traffic_takes_the_memory_away
an_error_after_a_reset_is_recovered_from
an_unplug_under_traffic_waits_for_the_last_pin
a_device_plugged_in_again_works
exit "$failed"
