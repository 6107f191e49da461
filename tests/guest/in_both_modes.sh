#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# in_both_modes.sh COMMAND...: runs COMMAND with the window of PEERMR_BDF bound in
# mode pfn and then in mode pages, which it is left in. Exit status: the worse of
# the two.
set -euo pipefail

status=77
for mode in pfn pages; do
	peermr unbind "$PEERMR_BDF" >/dev/null
	peermr bind "$PEERMR_BDF" --mode "$mode" >/dev/null
	echo "in mode $mode" >&2
	result=0
	"$@" || result=$?
	case $status-$result in
	0-77) ;;
	77-* | 0-*) status=$result ;;
	esac
done
exit "$status"
