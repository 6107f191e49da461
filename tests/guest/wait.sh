# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
#
# What the scripts of the guest wait for. Sourced.

# wait_for SECONDS COMMAND...: COMMAND succeeds within that time.
wait_for() {
	local deadline=$((SECONDS + $1))

	shift
	until "$@" 2>/dev/null; do
		[[ $SECONDS -lt $deadline ]] || return 1
		sleep 0.2
	done
}

# listens PORT: somebody waits for a TCP connection; 0A is LISTEN. Starts no process:
# an idle task would hardly get on beside a loop that does.
listens() {
	local state socket
	local -a sockets

	printf -v state ':%04X [0-9A-F:]* 0A ' "$1"
	mapfile -t sockets </proc/net/tcp
	[[ ! -e /proc/net/tcp6 ]] || mapfile -t -O "${#sockets[@]}" sockets </proc/net/tcp6
	for socket in "${sockets[@]}"; do
		[[ ! $socket =~ $state ]] || return 0
	done
	return 1
}

# memory_left SYSFS: of the window there: buffers, pinned, quarantined.
memory_left() {
	cat "$1/buffers" "$1/pinned" "$1/quarantined" | paste -sd ' '
}

has_all_memory_back() {
	[[ $(memory_left "$1") == "0 0 0" ]]
}

# goes_away BDF: its window, and then the module, of which this is the last; prints
# a result, status 1 if it does not go.
goes_away() {
	local reason

	if reason=$({ peermr unbind "$1" && rmmod peermr; } 2>&1); then
		echo "PASS the_module_goes_when_all_is_over"
	else
		echo "FAIL the_module_goes_when_all_is_over: $(tail -n 1 <<<"$reason")"
		return 1
	fi
}

# leaves_nothing SYSFS: memory comes back once it is zeroed. Says what does not.
leaves_nothing() {
	wait_for 10 has_all_memory_back "$1" && return
	echo "the window still has (buffers, pinned, quarantined): $(memory_left "$1")"
	return 1
}
