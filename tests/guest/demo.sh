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
# Few in flight: with more, a busy machine makes Soft-RoCE time out and retry. With
# -F perftest goes on, reporting "inf", when it cannot calibrate its clock.
count=16
messages="-s $size -n $count -t 4 -F"
pings="-s 8 -n 300 -F"
server_address=10.99.0.2
port=18515
logs=$(mktemp -d)

die() {
	echo "demo: $*" >&2
	exit 1
}

node=${PEERMR_WINDOW:?is set by tests/vm/run}
window=${node##*/}
sysfs=/sys/class/peermr/$window
[[ -c $node ]] || die "no $node; is peermr.ko built and the emulated device bound?"

# name | program | options | who receives | what selects device memory | unit
# ib_write_lat takes no payload, so no test of latency has a proof of its own.
tests=(
	"ib_write_bw --mmap|ib_write_bw|$messages|server|--mmap=$node|Gb/s"
	"ib_read_bw --mmap|ib_read_bw|$messages|client|--mmap=$node|Gb/s"
	"ib_send_bw --mmap|ib_send_bw|$messages|server|--mmap=$node|Gb/s"
	"ib_write_lat --mmap|ib_write_lat|$pings|server|--mmap=$node|us"
	"ib_write_bw --use_peermr|$patched/ib_write_bw|$messages|server|--use_peermr=$window|Gb/s"
	"ib_write_lat --use_peermr|$patched/ib_write_lat|$pings|server|--use_peermr=$window|us"
)

# shellcheck source=tests/guest/perftest.sh
. "$here/perftest.sh"
trap end_receiver EXIT

fail() {
	tail -n 20 "$logs/server" "$logs/client" >&2 || true
	die "$name, $memory buffer: $*"
}

# transfer: runs the test once with the memory; sets "figure", empty if perftest
# has not got its clock right. A test of bandwidth sends a fresh pattern.
transfer() {
	local server=(-d rxe1) client=(-d rxe0) to_receiver=() pattern='' sender sender_pid
	local -n receives=$receiver

	port=$((port + 1))
	[[ $memory == host ]] || to_receiver+=("$device")
	if [[ $unit == Gb/s ]]; then
		pattern=pattern.$port
		"$here/outside.sh" pattern "$size" "$pattern"
		"$here/outside.sh" payload "$pattern" "$pattern.txt"
		sender=$([[ $receiver == server ]] && echo client || echo server)
		local -n sends=$sender
		sends+=("--payload_file_path=$share/$pattern.txt")
		to_receiver+=(--wait_destroy=600)
	fi
	receives+=("${to_receiver[@]}")

	perftest 1 "$program" "${options[@]}" -p "$port" "${server[@]}" >"$logs/server" 2>&1 &
	local server_pid=$!
	wait_for_listener
	[[ -z $pattern ]] || expect_absent "no client has run"
	local started=${EPOCHREALTIME/./}
	perftest 0 "$program" "${options[@]}" -p "$port" "${client[@]}" "$server_address" \
		>"$logs/client" 2>&1 &
	local client_pid=$!

	if [[ $receiver == server ]]; then
		sender=client sender_pid=$client_pid receiver_pid=$server_pid
	else
		sender=server sender_pid=$server_pid receiver_pid=$client_pid
	fi
	wait "$sender_pid" || fail "the $sender ended with status $?"
	local elapsed=$((${EPOCHREALTIME/./} - started))
	if [[ -n $pattern ]]; then
		kill -0 "$receiver_pid" 2>/dev/null || fail "the $receiver ended too early"
		if [[ $memory == host ]]; then
			expect_absent "the $receiver had a host buffer"
		else
			expect_present
		fi
		end_receiver
		rm -f "$share/$pattern" "$share/$pattern.txt"
	else
		wait "$receiver_pid" || fail "the $receiver ended with status $?"
		receiver_pid=
	fi
	# The typical latency; or the average bandwidth in MiB/s, which has more digits
	# than perftest gives a small number of Gb/s. On a busy machine its clock may be
	# off by far: less than all the bytes in all the time is no figure.
	figure=$(awk -v unit="$unit" -v least="$((count * size * 8 / elapsed))e-3" '
		$1 !~ /^[0-9]+$/ { next }
		unit == "us" && $5 ~ /^[0-9.]+$/ { print $5 }
		unit == "Gb/s" && $4 ~ /^[0-9.]+$/ {
			gigabits = $4 * 8 * 1048576 / 1e9
			if (gigabits >= least + 0)
				printf "%.4f\n", gigabits
		}
		' "$logs/$sender")
}

declare -A figures
step=0
for entry in "${tests[@]}"; do
	IFS='|' read -r name program words receiver device unit <<<"$entry"
	read -ra options <<<"$words"
	command -v "$program" >/dev/null || die "$program is not installed in the guest"
	for memory in host device; do
		for _ in 1 2 3 4 5; do
			transfer
			[[ -z $figure ]] || break
		done
		[[ -n $figure ]] || fail "perftest reports no figure"
		figures[$memory]=$figure
		step=$((step + 1))
		printf '[%2d/%d] %-26s %-6s buffer  %8.3f %s\n' "$step" \
			"$((${#tests[@]} * 2))" "$name" "$memory" "$figure" "$unit"
	done
	printf '%s\t%s\t%s\t%s\n' "$name" "$unit" "${figures[host]}" "${figures[device]}" \
		>>"$share/results"
done

left=$(leaves_nothing "$sysfs") || die "every program has ended, but $left"
