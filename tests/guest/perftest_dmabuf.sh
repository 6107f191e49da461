#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# perftest_dmabuf.sh: patched perftest with --use_peermr_dmabuf, on a window
# without pages and on one with them. Each transfer is of a fresh pattern, which
# the host looks for in the device's memory from outside the guest while the
# receiver still lives. Run by tests/check-outside, in a guest with
# --rxe patched --rdma-core patched.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
patched=/opt/perftest-peermr/bin
bdf=${PEERMR_BDF:?is set by tests/vm/run}
window=$bdf-bar2
size=1048576
messages=(-s "$size" -n 16 -t 4 -F)
logs=$(mktemp -d)
port=18600
failed=0 test=''

fail() {
	echo "FAIL $test: ${*//$'\n'/ | }"
	tail -n 20 "$logs"/* >&2
	end_receiver
	exit 1
}

# shellcheck source=tests/guest/perftest.sh
. "$here/perftest.sh"
trap end_receiver EXIT

# run NAME FUNCTION ARGS...: one test, in a process of its own as it may exit.
run() {
	local status=0

	test=$1
	("${@:2}") || status=$?
	case $status in
	0) echo "PASS $test" ;;
	1) failed=1 ;;
	*) failed=1 && echo "FAIL $test: it ended with status $status" ;;
	esac
	# Ports are not used twice, whatever became of the test.
	port=$((port + 1))
}

new_pattern() {
	pattern=pattern.$port
	"$here/outside.sh" pattern "$size" "$pattern" || fail "no pattern"
	"$here/outside.sh" payload "$pattern" "$pattern.txt" || fail "no payload"
}

device_memory=("--use_peermr=$window" --use_peermr_dmabuf)

buffers_are() {
	[[ $(<"/sys/class/peermr/$window/buffers") -eq $1 ]]
}

# transfer PROGRAM RECEIVER SENDER_MEMORY RECEIVER_MEMORY: RECEIVER is server or
# client, memory is host or device.
transfer() {
	local program=$patched/$1 receiver=$2 server=(-d rxe1) client=(-d rxe0)
	local sender server_pid client_pid sender_pid

	sender=$([[ $receiver == server ]] && echo client || echo server)
	local -n receives=$receiver sends=$sender
	[[ $3 == host ]] || sends+=("${device_memory[@]}")
	[[ $4 == host ]] || receives+=("${device_memory[@]}")
	new_pattern
	sends+=("--payload_file_path=$share/$pattern.txt")
	receives+=(--wait_destroy=600)

	perftest 1 "$program" "${messages[@]}" -p "$port" "${server[@]}" \
		>"$logs/server" 2>&1 &
	server_pid=$!
	wait_for_listener
	# A server that sends has the pattern in its own buffer already.
	[[ $sender == server && $3 == device ]] || expect_absent "no client has run"
	perftest 0 "$program" "${messages[@]}" -p "$port" "${client[@]}" 10.99.0.2 \
		>"$logs/client" 2>&1 &
	client_pid=$!
	if [[ $receiver == server ]]; then
		receiver_pid=$server_pid sender_pid=$client_pid
	else
		receiver_pid=$client_pid sender_pid=$server_pid
	fi
	wait "$sender_pid" || fail "the $sender ended with status $?"
	kill -0 "$receiver_pid" 2>/dev/null || fail "the $receiver ended too early"
	# What the sender had in the device goes with it.
	wait_for 60 buffers_are "$([[ $4 == host ]] && echo 0 || echo 1)" ||
		fail "$(<"/sys/class/peermr/$window/buffers") buffers are left"
	if [[ $4 == host ]]; then
		expect_absent "the $receiver had a host buffer"
	else
		expect_present
		grep -q "Calling ibv_reg_dmabuf_mr" "$logs/$receiver" ||
			fail "the $receiver registered no dma-buf"
	fi
	end_receiver
	wait_for 60 buffers_are 0 || fail "the $receiver leaves buffers behind"
	rm -f "$share/$pattern" "$share/$pattern.txt"
}

# Fetch-and-add and compare-and-swap change words and carry no pattern.
atomics() {
	perftest 1 "$patched/ib_atomic_bw" -n 100 -F -A "$1" -p "$port" -d rxe1 \
		"${device_memory[@]}" >"$logs/server" 2>&1 &
	receiver_pid=$!
	wait_for_listener
	(perftest 0 "$patched/ib_atomic_bw" -n 100 -F -A "$1" -p "$port" -d rxe0 \
		"${device_memory[@]}" 10.99.0.2) >"$logs/client" 2>&1 ||
		fail "the client ended with status $?"
	wait "$receiver_pid" || fail "the server ended with status $?"
}

latency() {
	perftest 1 "$patched/ib_write_lat" -s 8 -n 300 -F -p "$port" -d rxe1 \
		"${device_memory[@]}" >"$logs/server" 2>&1 &
	receiver_pid=$!
	wait_for_listener
	(perftest 0 "$patched/ib_write_lat" -s 8 -n 300 -F -p "$port" -d rxe0 \
		"${device_memory[@]}" 10.99.0.2) >"$logs/client" 2>&1 ||
		fail "the client ended with status $?"
	wait "$receiver_pid" || fail "the server ended with status $?"
}

# refused WORDS ARGS...: ib_write_bw fails as a client with these options, and
# says the words. With the distribution's libibverbs, which leaves a plain
# ibv_reg_mr() what it is.
refused() {
	local words=$1

	perftest 1 "$patched/ib_write_bw" "${messages[@]}" -p "$port" -d rxe1 \
		>"$logs/server" 2>&1 &
	receiver_pid=$!
	wait_for_listener
	if (perftest 0 env -u LD_LIBRARY_PATH "$patched/ib_write_bw" "${messages[@]}" \
		-p "$port" -d rxe0 "${@:2}" 10.99.0.2) >"$logs/client" 2>&1; then
		fail "it was not refused"
	fi
	grep -q "$words" "$logs/client" || fail "it does not say '$words'"
	end_receiver
}

mode_is() {
	[[ $(<"/sys/class/peermr/$window/mode") == "$1" ]] && return
	peermr unbind "$bdf" && peermr bind "$bdf" --mode "$1" >/dev/null
}

all_of_a_window() {
	local mode=$1

	if ! mode_is "$mode"; then
		echo "FAIL a_window_in_mode_${mode}_is_there: see the messages"
		failed=1
		return
	fi
	run "send_puts_bytes_into_a_dmabuf_of_mode_$mode" transfer ib_send_bw server host device
	run "write_puts_bytes_into_a_dmabuf_of_mode_$mode" transfer ib_write_bw server host device
	run "read_puts_bytes_into_a_dmabuf_of_mode_$mode" transfer ib_read_bw client host device
	run "write_goes_from_dmabuf_to_dmabuf_of_mode_$mode" transfer ib_write_bw server device device
	run "read_goes_from_dmabuf_to_dmabuf_of_mode_$mode" transfer ib_read_bw client device device
	run "fetch_and_add_works_on_dmabufs_of_mode_$mode" atomics FETCH_AND_ADD
	run "compare_and_swap_works_on_dmabufs_of_mode_$mode" atomics CMP_AND_SWAP
	run "latency_is_measured_on_dmabufs_of_mode_$mode" latency
}

run host_buffers_leave_nothing_in_the_device transfer ib_write_bw server host host
run the_option_needs_a_window refused "cannot be used without peermr window" \
	--use_peermr_dmabuf
all_of_a_window pages
all_of_a_window pfn
run without_the_option_a_pfn_window_is_refused refused "Couldn't allocate MR" \
	"--use_peermr=$window"
exit "$failed"
