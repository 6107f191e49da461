# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with tool_test.sh
#
# What the tests of peermr(8) are written with: a verdict for each expectation,
# and a process that holds memory of the window. Sourced by scripts that set here,
# the directory of the guest's scripts.

# shellcheck source=tests/guest/wait.sh
. "$here/wait.sh"

pass() {
	echo "PASS $1"
}

fail() {
	failed=1
	echo "FAIL $1: ${2//$'\n'/ | }"
}

skip() {
	echo "SKIP $1: $2"
}

# expect NAME STATUS PATTERN COMMAND...: the exit status, and an extended
# regular expression that some line of the output matches.
expect() {
	local name=$1 wanted=$2 pattern=$3 output status=0

	shift 3
	output=$("$@" 2>&1 </dev/null) || status=$?
	if [[ $status -ne $wanted ]]; then
		fail "$name" "exit status $status, not $wanted: $output"
	elif ! grep -qE -- "$pattern" <<<"$output"; then
		fail "$name" "no '$pattern' in: $output"
	else
		pass "$name"
	fi
}

# is NAME COMMAND...: the command succeeds.
is() {
	local name=$1

	shift
	if "$@"; then
		pass "$name"
	else
		fail "$name" "$*"
	fi
}

attribute() {
	cat "/sys/class/peermr/$window/$1"
}

python_json() {
	echo '{}' | python3 -m json.tool >/dev/null 2>&1
}

json_valid() {
	peermr "$@" --json >"$work/json" && python3 -m json.tool "$work/json" >/dev/null
}

# hold ARGUMENT...: start $hold_program, see hold.c.
hold() {
	rm -f "$work/orders"
	mkfifo "$work/orders"
	"$hold_program" "$@" <"$work/orders" >"$work/answers" 2>&1 &
	holder=$!
	exec {orders}>"$work/orders"
	if ! wait_for 60 grep -q ready "$work/answers"; then
		fail "hold" "$(cat "$work/answers")"
		exit 1
	fi
}

# End the holder: its exit status is in $held.
release() {
	exec {orders}>&-
	held=0
	{ wait "$holder" || held=$?; } 2>/dev/null
	holder=''
}

holder_answers() {
	: >"$work/answers"
	echo touch >&"$orders"
	wait_for 5 grep -q touched "$work/answers"
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

all_free() {
	[[ $(attribute buffers) == 0 ]]
}
