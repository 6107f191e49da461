# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of the script that sources it
#
# perftest between rxe0 and rxe1, and what the host sees of it. Sourced by scripts
# that set
#   here      the directory of the scripts
#   port      of the server
#   pattern   the name of a pattern in /mnt/share, and size its length
# and define fail REASON..., which does not return.

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

# The receiver sleeps in --wait_destroy and keeps its memory until we end it.
receiver_pid=
end_receiver() {
	[[ -n $receiver_pid ]] || return 0
	kill "$receiver_pid" 2>/dev/null || true
	wait "$receiver_pid" 2>/dev/null || true
	receiver_pid=
}

wait_for_listener() {
	wait_for 60 listens "$port" || fail "the server does not listen on port $port"
}

# expect_absent WHEN: nothing of the pattern is in the device's memory.
expect_absent() {
	local runs status=0

	runs=$("$here/outside.sh" find "$pattern") || status=$?
	[[ $status -eq 1 ]] ||
		fail "control failed: $1, yet the device's memory holds (at, from, length): $runs"
}

# expect_present: all of the pattern is where the message went, and nowhere else.
expect_present() {
	local runs

	runs=$("$here/outside.sh" find "$pattern") ||
		fail "the host finds nothing of the pattern in the device's memory: $runs"
	[[ $runs =~ ^[0-9]+\ 0\ ${size}$ ]] ||
		fail "the device's memory does not hold the pattern once and whole" \
			"(at, from, length): $runs"
}

# perftest CPU PROGRAM ARGS...: becomes that program. perftest spins: as an idle
# task it never keeps a CPU from the threads of rxe, and on a CPU of its own, where
# there are two, client and server do not wait for each other to be preempted.
# In the foreground it needs a subshell of its own.
perftest() {
	exec taskset -c "$(($1 % $(nproc)))" chrt --idle 0 timeout 600 "${@:2}"
}
