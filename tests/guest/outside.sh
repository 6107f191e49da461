#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# outside.sh VERB ARGS...: asks the host to look at the device's memory from
# outside the guest; the same as "tests/vm/outside VERB ..." there, without the
# argument MEMORY, files being names in /mnt/share. Needs a host that runs
# "tests/vm/outside serve" on the directory that is /mnt/share here. Prints the
# answer; exit status: that of the host's command, 3 if the host does not answer.
set -euo pipefail

share=${PEERMR_SHARE:-/mnt/share}
id=$$-${EPOCHREALTIME/./}
deadline=$((SECONDS + 60))
# Nothing ever comes from it: reading from it with a timeout is a sleep that
# starts no process.
exec {silence}<> <(:)

printf '%s\n' "$*" >"$share/new.$id"
mv "$share/new.$id" "$share/request.$id"
until [[ -e $share/answer.$id ]]; do
	if [[ $SECONDS -ge $deadline ]]; then
		echo "outside: no answer from the host to '$*'; is tests/vm/outside" \
			"serving the shared directory?" >&2
		exit 3
	fi
	read -rt 0.05 -u "$silence" || true
done
{
	read -r status
	cat
} <"$share/answer.$id"
rm -f "$share/answer.$id"
exit "$status"
