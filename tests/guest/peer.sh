#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# peer.sh: what the second of two guests runs: it does what the first one tells it
# to by ssh, until the host says in the shared directory that this is over.
set -euo pipefail

share=/mnt/share

# shellcheck source=tests/guest/wait.sh
. "$(dirname -- "$(realpath -- "$0")")/wait.sh"

wait_for 300 test -e "$share/key"
install -dm 700 /root/.ssh
install -m 600 "$share/key" /root/.ssh/authorized_keys
mkdir -p /run/sshd
# Sessions get the limits and the environment that tests have.
export -p | sed -n 's/^declare -x \(PATH\|PEERMR_[A-Z_]*\)="\(.*\)"$/\1=\2/p' \
	>/root/.ssh/environment
/usr/sbin/sshd -o UsePAM=no -o PermitUserEnvironment=yes -o MaxSessions=100
touch "$share/ready"
until [[ -e $share/over ]]; do
	sleep 0.5
done
leaves_nothing "/sys/class/peermr/${PEERMR_WINDOW##*/}"
goes_away "$PEERMR_BDF"
