# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Sourced. Turns the exit status of a function into a test's line on stdout.

# shellcheck disable=SC2034 # the exit status of those who source this
verdict_failed=0

# verdict FUNCTION [ARG...]: PASS or FAIL with the function's name. Everything it
# prints goes to stderr; the first line of it is the reason of a failure.
verdict() {
	local output status=0

	# A subshell with its own -e, which "if" and "||" would switch off.
	set +e
	output=$(
		set -e
		"$@" 2>&1
	)
	status=$?
	set -e
	[[ -z $output ]] || printf '%s:\n%s\n' "$1" "$output" >&2
	if [[ $status -eq 0 ]]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $(grep -am1 . <<<"$output" || echo "exit status $status")"
		verdict_failed=1
	fi
}
