#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# registrations.sh start | clear | show | stop: a trace of what pins the memory of a
# registration for every NIC's driver. "show" prints a line for each, "mr ADDRESS
# LENGTH" in hexadecimal.
set -euo pipefail

trace=/sys/kernel/tracing

case $1 in
start)
	# Its arguments are (device, address, length, access), or since 7.3
	# (device, attributes, number, address, length, access).
	if grep -q ' ib_umem_get_attr_or_va\b' /proc/kallsyms; then
		probe='ib_umem_get_attr_or_va address=%cx length=%r8'
	else
		probe='ib_umem_get address=%si length=%dx'
	fi
	echo "p:registration $probe" >"$trace/kprobe_events"
	echo 1 >"$trace/events/kprobes/registration/enable"
	;;
clear)
	: >"$trace/trace"
	;;
show)
	sed -n 's/.*registration: .* address=\(0x[0-9a-f]*\) length=\(0x[0-9a-f]*\)$/mr \1 \2/p' \
		"$trace/trace"
	;;
stop)
	echo 0 >"$trace/events/kprobes/registration/enable"
	: >"$trace/kprobe_events"
	;;
esac
