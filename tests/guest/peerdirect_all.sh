#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# peerdirect_all.sh [PATTERN]: all tests of PeerDirect, in one guest. With a file
# of bytes it leaves a process behind that has written them into the window, for
# tests/check-peerdirect to look for them.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
failed=0 suffix=''

# The names of the tests get the suffix that is set.
run() {
	local program=$1 status=0

	shift
	echo "peermr-vm: suite $program" >/dev/kmsg
	timeout -k 10 400 "$here/$program" "$@" |
		sed -u "s/^\(PASS\|FAIL\|SKIP\) [^: ]*/&$suffix/"
	status=${PIPESTATUS[0]}
	case $status in
	0 | 77) ;;
	1) failed=1 ;;
	*)
		echo "FAIL $program: exit status $status"
		failed=1
		;;
	esac
}

run peerdirect.sh peerdirect_test "$PEERMR_WINDOW"
# As where the kernel has PeerDirect.
rmmod peermr_client
modprobe peermr_client export=N
suffix=_by_callbacks
run peerdirect.sh peerdirect_test "$PEERMR_WINDOW"
suffix=''
run peerdirect.sh peer_client_test
for module in peer_client peermr_client peerdirect; do
	if [[ -e /sys/module/$module ]] && ! rmmod "$module"; then
		echo "FAIL the_modules_go_when_all_is_done: $module stays"
		failed=1
	fi
done
run peerdirect_life.sh
if [[ -n ${1:-} ]]; then
	output=$(mktemp)
	"$here/peerdirect.sh" peerdirect_outside "$1" >"$output" 2>&1 &
	for ((try = 0; try < 300; try++)); do
		if ! kill -0 $! 2>/dev/null || grep -q ready "$output"; then
			break
		fi
		sleep 0.1
	done
	cat "$output"
fi
exit "$failed"
