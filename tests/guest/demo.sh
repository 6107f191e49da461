#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# demo.sh: the guest's part of tests/demo. Runs each perftest program between
# rxe0 (client) and rxe1 (server), with a host buffer and with a device buffer on
# the side that receives, and has the host look at the device's memory from
# outside while the receiver still lives. Writes /mnt/share/results: name, unit,
# host, device, tab-separated; one line a test.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
patched=/opt/perftest-peermr/bin
size=1048576
# Few in flight: with more, a busy machine makes Soft-RoCE time out and retry.
messages="-s $size -n 32 -t 4"
pings="-s 8 -n 300"
port=18515
step=0
run_log=$(mktemp -d)
declare -A figures
receiver_pid=
sender_pid=

die() {
	echo "demo: $*" >&2
	exit 1
}

node=${PEERMR_WINDOW:?is set by tests/vm/run}
window=${node##*/}
[[ -c $node ]] || die "no $node; is peermr.ko built and the emulated device bound?"
sysfs=/sys/class/peermr/$window
server_address=$(ip -4 -o addr show dev "$(cat /sys/class/infiniband/rxe1/parent)" |
	awk '{ sub("/.*", "", $4); print $4; exit }')
[[ -n $server_address ]] || die "rxe1 has no IPv4 address"

# name, program, options, receiver, options that select device memory, unit
tests=(
	"ib_write_bw --mmap|ib_write_bw|$messages|server|--mmap=$node|Gb/s"
	"ib_read_bw --mmap|ib_read_bw|$messages|client|--mmap=$node|Gb/s"
	"ib_send_bw --mmap|ib_send_bw|$messages|server|--mmap=$node|Gb/s"
	"ib_write_lat --mmap|ib_write_lat|$pings|server|--mmap=$node|us"
	"ib_write_bw --use_peermr|$patched/ib_write_bw|$messages|server|--use_peermr=$window|Gb/s"
	"ib_write_lat --use_peermr|$patched/ib_write_lat|$pings|server|--use_peermr=$window|us"
)

# finish_receiver: it may sleep in --wait_destroy, keeping its memory.
finish_receiver() {
	[[ -n $receiver_pid ]] || return 0
	kill "$receiver_pid" 2>/dev/null || true
	wait "$receiver_pid" 2>/dev/null || true
	receiver_pid=
}
trap finish_receiver EXIT

fail_with_logs() {
	tail -n 20 "$run_log"/server "$run_log"/client >&2 || true
	die "$*"
}

wait_for_listener() {
	local hex _

	printf -v hex '%04X' "$port"
	for _ in {1..200}; do
		if grep -q ":$hex 00000000:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null ||
			grep -q ":$hex 0\{32\}:0000 0A" /proc/net/tcp6 2>/dev/null; then
			return 0
		fi
		sleep 0.05
	done
	fail_with_logs "$1: the server does not listen on port $port"
}

# expect_absent PATTERN WHEN: nothing of the pattern is in the device's memory.
expect_absent() {
	local runs status=0

	runs=$("$here/outside.sh" find "$1") || status=$?
	[[ $status -eq 1 ]] ||
		die "control failed: $2, yet the device's memory holds (at, from, length): $runs"
}

# expect_present PATTERN NAME: the whole pattern is there, and once: where the
# message went, and nowhere else.
expect_present() {
	local runs

	runs=$("$here/outside.sh" find "$1") ||
		die "$2: the host finds nothing of the pattern in the device's memory: $runs"
	[[ $runs =~ ^[0-9]+\ 0\ ${size}$ ]] ||
		die "$2: the device's memory does not hold the pattern once and whole" \
			"(at, from, length): $runs"
}

# result_of FILE BYTES UNIT: the figure in a program's report.
result_of() {
	awk -v bytes="$2" -v unit="$3" '
		$1 == bytes { value = unit == "us" ? $5 : $4 }
		END { if (value == "") exit 1; print value }' "$1"
}

# transfer MEMORY NAME PROGRAM OPTIONS RECEIVER DEVICE_OPTION UNIT: sets "figure".
transfer() {
	local memory=$1 name=$2 program=$3 receiver=$5 device=$6 unit=$7 status=0
	local options to_receiver=() to_sender=() pattern=""

	read -ra options <<<"$4"
	port=$((port + 1))
	options+=(-p "$port")
	if [[ $unit == Gb/s ]]; then
		pattern=pattern.$step
		options+=(--report_gbits)
		to_sender+=("--payload_file_path=$share/$pattern.txt")
		to_receiver+=(--wait_destroy=60)
	fi
	[[ $memory == host ]] || to_receiver+=("$device")

	local server=("$program" -d rxe1 "${options[@]}")
	local client=("$program" -d rxe0 "${options[@]}")
	if [[ $receiver == server ]]; then
		server+=("${to_receiver[@]}") client+=("${to_sender[@]}")
	else
		server+=("${to_sender[@]}") client+=("${to_receiver[@]}")
	fi

	timeout 90 "${server[@]}" >"$run_log/server" 2>&1 &
	local server_pid=$!
	wait_for_listener "$name"
	[[ -z $pattern ]] || expect_absent "$pattern" "$name, $memory buffer: no client has run"
	timeout 90 "${client[@]}" "$server_address" >"$run_log/client" 2>&1 &
	local client_pid=$!
	local sender=client
	receiver_pid=$server_pid sender_pid=$client_pid
	if [[ $receiver == client ]]; then
		sender=server receiver_pid=$client_pid sender_pid=$server_pid
	fi

	wait "$sender_pid" || status=$?
	[[ $status -eq 0 ]] ||
		fail_with_logs "$name, $memory buffer: the $sender ended with status $status"
	kill -0 "$receiver_pid" 2>/dev/null || [[ -z $pattern ]] ||
		fail_with_logs "$name, $memory buffer: the $receiver has ended too early"
	figure=$(result_of "$run_log/$sender" "$(sed -E 's/.*-s ([0-9]+).*/\1/' <<<"$4")" "$unit") ||
		fail_with_logs "$name, $memory buffer: no result in the $sender's report"

	if [[ -z $pattern ]]; then
		wait "$receiver_pid" || fail_with_logs "$name: the $receiver failed"
		receiver_pid=
		return
	fi
	if [[ $memory == host ]]; then
		expect_absent "$pattern" "$name: the $receiver had a host buffer"
	else
		expect_present "$pattern" "$name"
	fi
	finish_receiver
}

for entry in "${tests[@]}"; do
	IFS='|' read -r name program options receiver device unit <<<"$entry"
	step=$((step + 1))
	command -v "$program" >/dev/null || die "$program is not installed in the guest"
	# The same pattern goes to host memory first, which must leave no trace of it.
	"$here/outside.sh" pattern "$size" "pattern.$step"
	"$here/outside.sh" payload "pattern.$step" "pattern.$step.txt"
	for memory in host device; do
		transfer "$memory" "$name" "$program" "$options" "$receiver" "$device" "$unit"
		figures[$memory]=$figure
		printf '[%2d/%d] %-26s %-6s buffer  %8s %s\n' $((step * 2 - 1 + (${#memory} == 6))) \
			$((${#tests[@]} * 2)) "$name" "$memory" "$figure" "$unit"
	done
	rm -f "$share/pattern.$step" "$share/pattern.$step.txt"
	printf '%s\t%s\t%s\t%s\n' "$name" "$unit" "${figures[host]}" "${figures[device]}" >>"$share/results"
done

for _ in {1..100}; do
	left=$(cat "$sysfs/buffers" "$sysfs/pinned" "$sysfs/quarantined" | paste -sd ' ')
	[[ $left != "0 0 0" ]] || exit 0
	sleep 0.1
done
die "every program has ended, but $window still has (buffers, pinned, quarantined): $left"
