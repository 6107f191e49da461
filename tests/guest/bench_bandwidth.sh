#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# bench_bandwidth.sh ROUNDS: ib_write_bw and ib_read_bw of rxe0 on memory at rxe1, a
# device buffer and a host buffer in turns, at 64 KiB and at 1 MiB. Prints a line a size as
# bench.h says: name, unit, then median, lowest and highest for device memory,
# for host memory, and for the ratio device/host of each turn.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
rounds=${1:?usage: bench_bandwidth.sh ROUNDS}
node=${PEERMR_WINDOW:?is set by tests/vm/run}
server_address=10.99.0.2
bytes_a_run=67108864
logs=$(mktemp -d)

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

# perftest CPU PROGRAM ARGS...: becomes that. It spins: as an idle task it never keeps
# a CPU from the threads of rxe, and client and server have each their CPU.
perftest() {
	exec taskset -c "$(($1 % $(nproc)))" chrt --idle 0 timeout 600 "${@:2}"
}

# measure_once PORT PROGRAM SIZE SERVER_OPTION...: prints the average in MiB/s, or nothing.
measure_once() {
	local port=$1 program=$2 size=$3 options server

	shift 3
	# In flight: at most 4 MiB, so that Soft-RoCE does not time out and retry. With
	# -F perftest goes on, reporting "inf", when it cannot calibrate its clock.
	options=(-s "$size" -n "$((bytes_a_run / size))" -t "$((4194304 / size < 16 ? 4194304 / size : 16))"
		-F -p "$port")
	perftest 1 "$program" -d rxe1 "${options[@]}" "$@" >"$logs/server" 2>&1 &
	server=$!
	# If it never does, the client says so.
	wait_for 20 listens "$port" || true
	if ! (perftest 0 "$program" -d rxe0 "${options[@]}" "$server_address") >"$logs/client" 2>&1 ||
		! wait "$server"; then
		tail -n 20 "$logs/server" "$logs/client" >&2
		return 1
	fi
	awk -v size="$size" '$1 == size && $4 ~ /^[0-9.]+$/ { print $4 }' "$logs/client"
}

# measure PORT PROGRAM SIZE SERVER_OPTION...: the same, tried again until there is a figure.
measure() {
	local figure

	for _ in 1 2 3 4 5; do
		figure=$(measure_once "$@")
		if [[ -n $figure ]]; then
			echo "$figure"
			return 0
		fi
	done
	echo "bench: perftest could not calibrate its clock; this machine is too busy" >&2
	return 1
}

# summary NAME FILE: FILE has a turn a line: device, host.
summary() {
	awk -v name="$1" '
		function spread(values,    i, j, swap) {
			for (i = 2; i <= NR; i++)
				for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
					swap = values[j]
					values[j] = values[j - 1]
					values[j - 1] = swap
				}
			return sprintf("\t%.4g\t%.4g\t%.4g",
				(values[int((NR + 1) / 2)] + values[int(NR / 2) + 1]) / 2,
				values[1], values[NR])
		}
		{ device[NR] = $1; host[NR] = $2; ratio[NR] = $1 / $2 }
		END { print name "\tMiB/s" spread(device) spread(host) spread(ratio) }' "$2"
}

port=19000
for row in 'ib_write_bw 65536' 'ib_write_bw 1048576' 'ib_read_bw 65536' 'ib_read_bw 1048576'; do
	read -r program size <<<"$row"
	: >"$logs/turns"
	for ((round = 0; round < rounds; round++)); do
		port=$((port + 2))
		if ((round % 2)); then
			host=$(measure "$port" "$program" "$size")
			device=$(measure "$((port + 1))" "$program" "$size" --mmap="$node")
		else
			device=$(measure "$((port + 1))" "$program" "$size" --mmap="$node")
			host=$(measure "$port" "$program" "$size")
		fi
		echo "$device $host" >>"$logs/turns"
		echo "$program $((size / 1024)) KiB, turn $((round + 1)) of $rounds:" \
			"device $device, host $host MiB/s" >&2
	done
	summary "$program $((size / 1024)) KiB" "$logs/turns"
done
