#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# plain_test.sh preload|plugin: programs that know nothing of device memory reach
# that of a window without struct pages through plain ibv_reg_mr(), which fails
# without our front end. preload: "peermr run" is the front end; plugin: libibverbs
# with the plug-in is, which the dynamic linker finds by its configuration, and no
# variable is set. Needs tests/check-outside on the host.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
share=/mnt/share
size=1048576
port=18515
node=${PEERMR_WINDOW:?is set by tests/vm/run}
sysfs=/sys/class/peermr/${node##*/}
logs=$(mktemp -d)
pattern=
started=()
failed=0

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

# stock: with Debian's own libraries, which no front end has touched.
case ${1:-} in
preload)
	stock=(env -u LD_LIBRARY_PATH)
	front_end=(peermr run --)
	;;
plugin)
	unset LD_LIBRARY_PATH
	debian=$(dirname -- "$(ldconfig -p | awk '$1 == "libibverbs.so.1" { print $NF; exit }')")
	stock=(env LD_LIBRARY_PATH="$debian")
	front_end=()
	echo /opt/rdma-core-peermr/lib >/etc/ld.so.conf.d/000-peermr.conf
	ldconfig
	;;
*)
	echo "usage: plain_test.sh preload|plugin" >&2
	exit 2
	;;
esac

# check NAME FUNCTION ARG...: the last line that FUNCTION prints is the reason of
# a failure.
check() {
	local name=$1 reason

	shift
	rm -rf "${logs:?}"/*
	started=()
	if { "$@" && leaves_nothing "$sysfs"; } >"$logs/reason" 2>&1; then
		echo "PASS $name"
		return
	fi
	failed=1
	reason=$(tail -n 1 "$logs/reason")
	echo "FAIL $name: ${reason:-no reason}"
	tail -n 20 "$logs"/* >&2
	[[ ${#started[@]} -eq 0 ]] || kill "${started[@]}" 2>/dev/null
}

fresh_pattern() {
	[[ -z $pattern ]] || rm -f "$share/$pattern" "$share/$pattern.txt"
	pattern=pattern.${EPOCHREALTIME/./}
	"$here/outside.sh" pattern "$size" "$pattern"
}

# The host finds all of the pattern in the device's memory, in one place.
arrived() {
	local found

	found=$("$here/outside.sh" find "$pattern")
	[[ $found =~ ^[0-9]+\ 0\ ${size}$ ]] && return
	echo "the device's memory holds of the pattern (at, from, length): ${found:-nothing}"
	return 1
}

# wait_beside PID COMMAND...: until the command succeeds, while the process lives.
wait_beside() {
	local pid=$1

	shift
	for _ in {1..600}; do
		! "$@" || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	"$@"
}

plain_app_is_refused() {
	local last

	fresh_pattern
	last=$("${stock[@]}" "$here/$1" "$node" "$share/$pattern" "$2" </dev/null |
		tail -n 1)
	[[ $last == "ibv_reg_mr: Bad address" ]] && return
	echo "the last line of $1 is '$last'"
	return 1
}

plain_app_works() {
	local go pid

	fresh_pattern
	mkfifo "$logs/go"
	timeout 120 "${front_end[@]}" "$here/$1" "$node" "$share/$pattern" "$2" \
		<"$logs/go" >"$logs/out" 2>"$logs/err" &
	pid=$!
	started+=("$pid")
	exec {go}>"$logs/go"
	if ! wait_beside "$pid" grep -qx written "$logs/out"; then
		exec {go}>&-
		echo "$1: $(tail -n 1 "$logs/out")"
		return 1
	fi
	arrived || return
	exec {go}>&-
	wait "$pid" && [[ $(tail -n 1 "$logs/out") == read ]] && return
	echo "$1: $(tail -n 1 "$logs/out")"
	return 1
}

# perftest NAME CPU COMMAND...: in the background. perftest spins: as an idle task
# it never keeps a CPU from the threads of rxe.
perftest() {
	local log=$logs/$1 cpu=$(($2 % $(nproc)))

	shift 2
	timeout 120 taskset -c "$cpu" chrt --idle 0 "$@" >"$log" 2>&1 &
	started+=("$!")
}

perftest_is_refused() {
	port=$((port + 1))
	perftest server 0 "${stock[@]}" ib_write_bw -d rxe1 -s "$size" -n 16 -t 4 -F \
		-p "$port" --mmap="$node"
	wait_beside "$!" listens "$port" && {
		perftest client 0 "${stock[@]}" ib_write_bw -d rxe0 -s "$size" -n 16 -t 4 \
			-F -p "$port" 10.99.0.2
		wait "$!"
	}
	wait "${started[0]}" && echo "ib_write_bw succeeds" && return 1
	grep -q "Couldn't allocate MR" "$logs/server" && return
	echo "ib_write_bw does not say that it could not allocate an MR"
	return 1
}

perftest_works() {
	local server client

	port=$((port + 1))
	fresh_pattern
	"$here/outside.sh" payload "$pattern" "$pattern.txt"
	perftest server 1 "${front_end[@]}" ib_write_bw -d rxe1 -s "$size" -n 16 -t 4 -F \
		-p "$port" --mmap="$node" --wait_destroy=60
	server=$!
	wait_beside "$server" listens "$port" || { echo "the server does not listen" && return 1; }
	perftest client 0 ib_write_bw -d rxe0 -s "$size" -n 16 -t 4 -F -p "$port" \
		--payload_file_path="$share/$pattern.txt" 10.99.0.2
	client=$!
	wait "$client" || { echo "the client ends with status $?" && return 1; }
	arrived || return
	kill "$server"
	wait "$server"
	return 0
}

if ! { peermr unbind "$PEERMR_BDF" && peermr bind "$PEERMR_BDF" --mode pfn; } >&2; then
	echo "FAIL the_window_is_in_mode_pfn: peermr cannot bind $PEERMR_BDF so"
	exit 1
fi

check "without_${1}_ibv_reg_mr_gives_efault" plain_app_is_refused plain_app function
check "without_${1}_a_looked_up_ibv_reg_mr_gives_efault" \
	plain_app_is_refused plain_app_dlopen function
check "${1}_takes_ibv_reg_mr" plain_app_works plain_app function
check "${1}_takes_the_macro_ibv_reg_mr" plain_app_works plain_app macro
check "${1}_takes_ibv_reg_mr_iova" plain_app_works plain_app iova
for LOOKUP in dlsym dlvsym; do
	export LOOKUP
	check "${1}_takes_ibv_reg_mr_from_$LOOKUP" plain_app_works plain_app_dlopen function
	check "${1}_takes_ibv_reg_mr_iova2_from_$LOOKUP" plain_app_works plain_app_dlopen macro
done
check "without_${1}_unmodified_perftest_fails" perftest_is_refused
check "${1}_takes_unmodified_perftest" perftest_works
exit "$failed"
