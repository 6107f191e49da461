#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# example.sh MODULE: the driver of kernel/example has the emulated device, and every
# way to register memory goes through the window that it offers. The part of the BAR
# that it keeps is looked at by the host, from outside the guest. Run by
# tests/check-example, in a guest with --rxe patched --rdma-core patched.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
module=$1
share=/mnt/share
bdf=${PEERMR_BDF:?is set by tests/vm/run}
device=/sys/bus/pci/devices/$bdf
driver=/sys/bus/pci/drivers/peermr_example
# The first 2 MiB are the driver's.
private=2097152
export PEERMR_WINDOW=/dev/peermr/$bdf-bar2-200000
sysfs=/sys/class/peermr/${PEERMR_WINDOW##*/}
logs=$(mktemp -d)
fifos=$(mktemp -d)
failed=0 holder=

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

# check NAME [ARG...]: a test is a function; the last line that it prints is the
# reason of a failure.
check() {
	if "$@" >"$logs/reason" 2>&1; then
		echo "PASS $1${2:+_$2}"
	else
		failed=1
		echo "FAIL $1${2:+_$2}: $(tail -n 1 "$logs/reason" | grep . || echo no reason)"
		tail -n 20 "$logs"/* >&2
	fi
	[[ -z $holder ]] || kill -9 "$holder"
	wait
	holder=
}

# program NAME ARG...: it prints a line for each test of its own.
program() {
	local status=0

	timeout -k 10 300 "$here/$1" "${@:2}" || status=$?
	[[ $status -eq 0 ]] && return
	failed=1
	[[ $status -eq 1 ]] || echo "FAIL $1: exit status $status"
}

# fails TEXT COMMAND...: with that text in what it says.
fails() {
	local text=$1 output

	shift
	if output=$("$@" 2>&1); then
		echo "$* succeeds"
		return 1
	fi
	grep -qF -- "$text" <<<"$output" && return
	echo "$*: no '$text' in: $output"
	return 1
}

reads() {
	[[ $(<"$1") == "$2" ]] && return
	echo "$1 is $(<"$1"), not $2"
	return 1
}

# hold ARG...: see hold.c; it ends with the test.
hold() {
	local ready

	coproc HOLD { exec "$here/hold" "$@" 2>&1; }
	holder=$HOLD_PID hold_in=${HOLD[1]}
	read -r -t 60 ready <&"${HOLD[0]}"
	[[ $ready == ready ]] && return
	echo "$ready"
	return 1
}

release() {
	kill -9 "$holder"
	wait "$holder" 2>/dev/null
	holder=
	leaves_nothing "$sysfs"
}

# The driver writes its mark there when the device has come up.
mark_is_there() {
	local found

	found=$("$here/outside.sh" find mark)
	[[ $found == "0 0 64" ]] && return
	echo "the host finds the driver's mark at (at, from, length): ${found:-no place}"
	return 1
}

remove_mark() {
	"$here/outside.sh" write 0 no-mark && ! mark_is_there >/dev/null
}

the_driver_offers_all_but_its_own_part() {
	local mode=$1 pfn=0 size

	[[ $mode == pages ]] || pfn=1
	insmod "$module" pfn="$pfn" || return
	wait_for 10 test -c "$PEERMR_WINDOW" || { echo "no $PEERMR_WINDOW" && return 1; }
	size=$(stat -L -c %s "$device/resource2")
	reads "$sysfs/size" $((size - private)) && reads "$sysfs/mode" "$mode" &&
		[[ $(readlink -f "$device/driver") == "$driver" ]] && mark_is_there
}

the_tool_leaves_the_device_to_its_driver() {
	fails "not bound to peermr but to peermr_example" peermr unbind "$bdf" &&
		peermr show "${PEERMR_WINDOW##*/}"
}

# a_plain_program_writes_behind_the_drivers_part MODE COMMAND...: plain_app knows
# ibv_reg_mr() and no more; COMMAND starts it.
a_plain_program_writes_behind_the_drivers_part() {
	local found at from length output

	"$here/outside.sh" pattern 1048576 "pattern.$1" || return
	mkfifo "$fifos/$1"
	timeout 120 "${@:2}" "$here/plain_app" "$PEERMR_WINDOW" "$share/pattern.$1" \
		<"$fifos/$1" >"$logs/app" 2>&1 &
	exec {go}>"$fifos/$1"
	wait_for 60 grep -qx written "$logs/app"
	found=$("$here/outside.sh" find "pattern.$1")
	exec {go}>&-
	wait $!
	output=$(tail -n 1 "$logs/app")
	[[ $output == read ]] || { echo "plain_app: $output" && return 1; }
	read -r at from length <<<"$found"
	[[ $from == 0 && $length == 1048576 && $at -ge $private ]] &&
		leaves_nothing "$sysfs" && return
	echo "the host finds of the pattern (at, from, length): ${found:-nothing}"
	return 1
}

the_drivers_own_part_is_as_it_was() {
	local found

	found=$("$here/outside.sh" find private)
	[[ $found == "4096 0 $((private - 4096))" ]] && mark_is_there && return
	echo "the host finds of it (at, from, length): ${found:-nothing}"
	return 1
}

a_reset_takes_the_memory_and_offers_it_again() {
	local status=0

	hold "$PEERMR_WINDOW" 4194304 rxe1 && remove_mark || return
	echo 1 >"$device/reset" || return
	mark_is_there && reads "$sysfs/state" live || return
	echo touch >&"$hold_in"
	wait_for 20 has_ended "$holder" || { echo "the holder has its memory still" && return 1; }
	wait "$holder" || status=$?
	holder=
	[[ $status -eq 135 ]] || { echo "the holder ends with status $status, not by SIGBUS" && return 1; }
	leaves_nothing "$sysfs" && hold "$PEERMR_WINDOW" 4194304 rxe1 && release
}

the_driver_stays_while_memory_is_registered() {
	hold --drop "$PEERMR_WINDOW" 4194304 rxe1 || return
	fails "is in use" rmmod peermr_example && reads "$sysfs/state" live && release
}

has_ended() {
	! kill -0 "$1"
}

is_gone() {
	[[ ! -e $1 ]]
}

# Nobody can refuse this; so it waits for who has the memory.
an_unbind_waits_for_memory_that_is_registered() {
	local unbind

	hold --drop "$PEERMR_WINDOW" 4194304 rxe1 || return
	echo "$bdf" >"$driver/unbind" &
	unbind=$!
	wait_for 20 is_gone "$PEERMR_WINDOW" || { echo "the node stays" && return 1; }
	sleep 2
	if ! kill -0 "$unbind"; then
		echo "it did not wait"
		return 1
	fi
	kill -9 "$holder"
	wait
	holder=
	is_gone "$device/driver" || { echo "it is bound still" && return 1; }
	echo "$bdf" >"$driver/bind" && leaves_nothing "$sysfs"
}

# suspend: try to, without going to sleep should nobody object.
suspend() {
	echo 0 >/sys/power/pm_async
	echo devices >/sys/power/pm_test
	fails "Device or resource busy" bash -c 'echo freeze >/sys/power/state'
}

a_suspend_is_refused_while_somebody_has_memory() {
	hold "$PEERMR_WINDOW" 4194304 || return
	suspend || return
	grep -q "${PEERMR_WINDOW##*/}: cannot stop: hold (pid $holder) has memory of it" \
		< <(dmesg) ||
		{ echo "the log does not say who" && return 1; }
	reads "$sysfs/state" live && release
}

# Devices suspend in the reverse of the order they were found in: this one, then the
# one on the root bus, which refuses.
an_unused_window_is_stopped_and_started_again() {
	local second=0000:00:11.0-bar2-200000

	hold "/dev/peermr/$second" 4096 && remove_mark || return
	suspend || return
	grep -q "$second: cannot stop: hold (pid $holder) has memory of it" < <(dmesg) ||
		{ echo "the other device did not refuse" && return 1; }
	mark_is_there && reads "$sysfs/state" live && release || return
	hold "$PEERMR_WINDOW" 4194304 rxe1 && release
}

the_driver_goes_when_nobody_has_memory() {
	leaves_nothing "$sysfs" && rmmod peermr_example && is_gone "$PEERMR_WINDOW"
}

an_unplug_waits_for_memory_that_is_registered() {
	hold --drop "$PEERMR_WINDOW" 4194304 rxe1 || return
	touch "$share/unplug"
	wait_for 60 is_gone "$PEERMR_WINDOW" || { echo "the node stays" && return 1; }
	sleep 2
	[[ -e $device ]] || { echo "the device went while a NIC had memory of it" && return 1; }
	kill -9 "$holder"
	wait
	holder=
	wait_for 60 is_gone "$device" || { echo "the device never goes" && return 1; }
}

all_modules_go() {
	rmmod peermr_example peermr_client peerdirect peermr
}

peermr unbind "$bdf" >/dev/null || exit
"$here/outside.sh" pattern $((private - 4096)) private
"$here/outside.sh" write 4096 private || exit
# EXAMPLE_MAGIC
{ printf 'PEER' && head -c 60 /dev/zero; } >"$share/mark"
head -c 64 /dev/zero >"$share/no-mark"

check the_driver_offers_all_but_its_own_part pages
check the_tool_leaves_the_device_to_its_driver
check a_plain_program_writes_behind_the_drivers_part pages env
program traffic_test
program rxe_dmabuf_test peermr
program reg_test peermr data_arrives_at_odd_offsets a_window_that_appears_later_is_found
check the_drivers_own_part_is_as_it_was
check a_reset_takes_the_memory_and_offers_it_again
check the_driver_stays_while_memory_is_registered
check an_unbind_waits_for_memory_that_is_registered
check a_suspend_is_refused_while_somebody_has_memory
check an_unused_window_is_stopped_and_started_again
check the_driver_goes_when_nobody_has_memory

check the_driver_offers_all_but_its_own_part pfn
check a_plain_program_writes_behind_the_drivers_part pfn peermr run --
program reg_test peermr data_arrives_at_odd_offsets
program peerdirect.sh peerdirect_test "$PEERMR_WINDOW"
check the_drivers_own_part_is_as_it_was
check the_driver_goes_when_nobody_has_memory

check the_driver_offers_all_but_its_own_part pages
check an_unplug_waits_for_memory_that_is_registered
check all_modules_go
exit "$failed"
