#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# in_turn.sh {NAME LIMIT COMMAND}...: several suites in one guest, each in a line
# "SUITE NAME" before and "ENDED NAME STATUS" after what it prints, and named in
# the kernel's log. tests/check-suite reads both.
set -uo pipefail

while [[ $# -ge 3 ]]; do
	echo "SUITE $1"
	echo "peermr-vm: suite $1" >/dev/kmsg
	timeout -k 10 "$2" bash -c "$3"
	# In a line of its own, whatever the suite printed last.
	printf '\nENDED %s %s\n' "$1" $?
	shift 3
done
