#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# clients_test.sh [PATTERN]: the RDMA programs of the distribution, unmodified, with
# the server at the other end of a link (ends.sh) and the client at this one, both
# with their buffers in the window by "peermr run --alloc". Registrations are traced
# in the kernel: a test passes if the program succeeds, both sides registered memory
# of the window, and nothing stays behind. One that fails in host memory as well,
# without peermr, is skipped; one that does not is run again before it counts, and a note
# tells.
# Prints a table of them all on stderr. PATTERN limits it to some programs.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
node=${PEERMR_WINDOW:?is set by tests/vm/run}
sysfs=/sys/class/peermr/${node##*/}
registrations=$here/registrations.sh
pattern=${1:-*}
port=20000
logs=$(mktemp -d)
failed=0
table=()

alloc=(peermr run --debug --alloc "${node##*/}" --min 4K --)
run=("${alloc[@]}")

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"
# shellcheck source=tests/guest/ends.sh
. "$here/ends.sh"
# shellcheck source=tests/guest/ucx.sh
. "$here/ucx.sh"
ucx+=("$ucx_zero_copy" UCX_ALLOC_PRIO=heap)

# gid_index END NIC ADDRESS
gid_index() {
	local octets

	read -ra octets <<<"${3//./ }"
	printf -v octets '%02x%02x:%02x%02x' "${octets[@]}"
	"$1" grep -l ":ffff:$octets" -r "/sys/class/infiniband/$2/ports/1/gids" |
		sed -n '1s|.*/||p'
}

# The ends, without the word that "there" is for the second guest.
here() {
	"$@"
}

# start SIDE COMMAND...: in the background; its pid is the program's own, or that of
# its ssh. Programs that poll run as idle tasks, so that they never keep a CPU from
# Soft-RoCE.
start() {
	local side=$1 cpu=0 command=(exec)

	shift
	if [[ $side == server && $two_guests == yes ]]; then
		command=(there)
	elif [[ $side == server ]]; then
		cpu=$((1 % $(nproc)))
	fi
	"${command[@]}" taskset -c "$cpu" chrt --idle 0 "${run[@]}" "$@" \
		>"$logs/$side" 2>"$logs/$side.err" </dev/null &
}

# By TCP, or by the RDMA connection manager.
serves() {
	if [[ ${by:-tcp} == cm ]]; then
		there rdma resource show cm_id | grep "LISTEN.*:$port\b" >/dev/null
	elif [[ $two_guests == yes ]]; then
		there bash -c ". $here/wait.sh; listens $port"
	else
		listens "$port"
	fi
}

is_over() {
	! kill -0 "$1" 2>/dev/null
}

# in_window SIDE: how many registrations were of what that side took from the
# window, and their bytes.
in_window() {
	sed -n 's/^peermr: alloc: .*: \([0-9]*\) bytes at \(0x[0-9a-f]*\)$/range \2 \1/p' \
		"$logs/$1.err" >"$logs/ranges"
	if [[ $1 == server ]]; then
		there "$registrations" show
	else
		"$registrations" show
	fi >>"$logs/ranges"
	local kind address length count=0 bytes=0 i
	local -a starts=() ends=()

	while read -r kind address length; do
		if [[ $kind == range ]]; then
			starts+=("$((address))") ends+=("$((address + length))")
			continue
		fi
		for i in "${!starts[@]}"; do
			if ((address >= starts[i] && address + length <= ends[i])); then
				count=$((count + 1))
				bytes=$((bytes + length))
			fi
		done
	done <"$logs/ranges"
	echo "$count $bytes"
}

finish() {
	local pid

	# A program does not end with its ssh.
	[[ $two_guests == no ]] || there pkill -9 -f -- "-p $port" || true
	for pid in "$@"; do
		is_over "$pid" || kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
}

# each_end COMMAND...: at one, and then at the other if that is another guest.
each_end() {
	"$@" && { [[ $two_guests == no ]] || there "$@"; }
}

# where_it_stands PORT: what the programs there wait for, their queue pairs, and what
# Soft-RoCE counted since it came up; for who reads the log of a failure.
where_it_stands() {
	local pid

	for pid in $(pgrep -f -- "$1"); do
		[[ $pid -ne $$ ]] || continue
		echo "$pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		cat "/proc/$pid/stack"
	done
	rdma resource show qp
	grep -v ':0$' <(grep -H . /sys/class/infiniband/*/ports/1/hw_counters/*) | sed 's|.*/||'
}

stands() {
	each_end bash -c "$(declare -f where_it_stands); where_it_stands $port" >&2
}

# client_and_server SERVER -- CLIENT: PORT in their arguments is a port of their own.
# Sets reason, and result to what each side registered in the window. With
# server_ends=no the server is ended once the client is done.
client_and_server() {
	local server_command=() server client side status count bytes left

	port=$((port + 1))
	set -- "${@//PORT/$port}"
	while [[ $1 != -- ]]; do
		server_command+=("$1")
		shift
	done
	shift
	result='' reason=''
	rm -f "$logs"/*
	each_end "$registrations" clear
	start server "${server_command[@]}"
	server=$!
	if ! wait_for 60 serves; then
		reason="the server does not listen: $(tail -qn 1 "$logs"/server "$logs"/server.err | paste -sd ' ')"
		finish "$server"
		return 1
	fi
	start client "$@"
	client=$!
	if ! wait_for 60 is_over "$client"; then
		reason='the client does not end'
		stands
		finish "$client" "$server"
		return 1
	fi
	wait "$client"
	status=$?
	if [[ ${server_ends:-yes} == no ]]; then
		finish "$server"
	elif ! wait_for 20 is_over "$server"; then
		reason='the server does not end'
		stands
		finish "$server"
		return 1
	else
		wait "$server" || reason="the server ends with status $?: $(tail -qn 1 "$logs"/server.err)"
	fi
	[[ $status -eq 0 ]] ||
		reason="the client ends with status $status: $(tail -qn 1 "$logs"/client.err)"
	[[ ${#run[@]} -gt 0 ]] || return "$((${#reason} > 0))"
	for side in server client; do
		read -r count bytes < <(in_window "$side")
		[[ $count -gt 0 || -n $reason ]] ||
			reason="the $side registered nothing in the window"
		grep -q 'from host memory' "$logs/$side.err" && [[ -z $reason ]] &&
			reason="$side: $(grep -m 1 'from host memory' "$logs/$side.err")"
		result+="${result:+, }$side $count ($bytes bytes)"
	done
	left=$(each_end bash -c ". $here/wait.sh; leaves_nothing $sysfs") || reason=${reason:-$left}
	[[ -z $reason ]]
}

# passes NAME CLIENT WHAT-WAS-SEEN
passes() {
	echo "PASS ${1}_has_its_buffers_in_the_window"
	table+=("$1|$2|works|$3")
}

# check NAME SERVER -- CLIENT
check() {
	local name=$1 how ours

	# shellcheck disable=SC2053 # it is a pattern
	[[ $name == $pattern ]] || return 0
	shift
	how="$*"
	how=${how##* -- }
	if client_and_server "$@"; then
		passes "$name" "$how" "$result"
		return
	fi
	ours=$reason
	tail -n 12 "$logs"/server* "$logs"/client* >&2
	run=()
	if ! client_and_server "$@"; then
		echo "SKIP ${name}_has_its_buffers_in_the_window: without peermr, too, $reason"
		table+=("$name|$how|-|without peermr, too, $reason")
		run=("${alloc[@]}")
		return
	fi
	run=("${alloc[@]}")
	if client_and_server "$@"; then
		echo "# $name: passed at the second try; the first time $ours"
		passes "$name" "$how" "$result"
		return
	fi
	failed=1
	echo "FAIL ${name}_has_its_buffers_in_the_window: $ours, and again: $reason"
	table+=("$name|$how|FAILS|$ours, and again: $reason")
}

perftest() {
	local name=$1 program=$2

	shift 2
	check "$name" "$program" -d "$there_nic" -F -p PORT "$@" -- \
		"$program" -d "$here_nic" -F -p PORT "$@" "$there_ip"
}

pingpong() {
	check "ibv_$1_pingpong" "ibv_$1_pingpong" -d "$there_nic" -g "$(gid_index there "$there_nic" "$there_ip")" -p PORT -n 50 "${@:2}" -- \
		"ibv_$1_pingpong" -d "$here_nic" -g "$(gid_index here "$here_nic" "$here_ip")" -p PORT -n 50 "${@:2}" "$there_ip"
}

ucx_perftest() {
	check "ucx_perftest_$1" env "${ucx[@]}" UCX_NET_DEVICES="$there_nic:1" ucx_perftest -P 0 -p PORT -- \
		env "${ucx[@]}" UCX_NET_DEVICES="$here_nic:1" ucx_perftest -P 0 -p PORT -t "$2" -s 65536 -n 20 -w 2 "$there_ip"
}

ends_meet || exit 1

if ! each_end "$registrations" start; then
	echo "FAIL registrations_are_traced: no kprobe"
	exit 1
fi

for type in write read send; do
	perftest "ib_${type}_bw" "ib_${type}_bw" -s 65536 -n 40 -t 4
	perftest "ib_${type}_lat" "ib_${type}_lat" -s 4096 -n 20
done
perftest ib_atomic_bw ib_atomic_bw -n 40
perftest ib_atomic_lat ib_atomic_lat -n 20
perftest ib_write_bw_uc ib_write_bw -c UC -s 65536 -n 40 -t 4
perftest ib_send_bw_uc ib_send_bw -c UC -s 4096 -n 40 -t 4
perftest ib_send_lat_ud ib_send_lat -c UD -s 1024 -n 20
perftest ib_send_bw_ud ib_send_bw -c UD -s 1024 -n 40 -t 4
pingpong rc -c
pingpong uc -c
pingpong ud -c
pingpong srq -c
ucx_perftest tag tag_bw
ucx_perftest put ucp_put_bw
ucx_perftest get ucp_get
by=cm
check rping rping -s -a "$there_ip" -p PORT -S 4096 -C 10 -- \
	rping -c -a "$there_ip" -I "$here_ip" -p PORT -S 4096 -C 10 -V
check ucmatose ucmatose -b "$there_ip" -p PORT -C 10 -S 4096 -- \
	ucmatose -s "$there_ip" -b "$here_ip" -p PORT -C 10 -S 4096
head -c 300000 /dev/urandom >"$logs.file"
server_ends=no
check rcopy rcopy -p PORT -- \
	rcopy "$logs.file" "$there_ip:$logs.copy" -p PORT
server_ends=yes by=tcp
check fi_pingpong_msg fi_pingpong -p verbs -e msg -d "$there_nic" -B PORT -I 10 -S 65536 -- \
	fi_pingpong -p verbs -e msg -d "$here_nic" -P PORT -I 10 -S 65536 "$there_ip"

each_end "$registrations" stop
goes_away "$PEERMR_BDF" || failed=1
for row in "test|client|result|registrations in the window, or the reason" "${table[@]}"; do
	IFS='|' read -r name how result seen <<<"$row"
	printf '%-18s %-6s %s\n%18s %s\n' "$name" "$result" "$how" '' "$seen" >&2
done
exit "$failed"
