# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# What the tool says where the kernel refuses unsigned modules. Sourced by
# tool_test.sh.

emulated_device() {
	basename "$(dirname "$(grep -l 0x1110 /sys/bus/pci/devices/*/device | sed -n 1p)")"
}

test_lockdown() {
	local device

	bdf=${bdf:-$(emulated_device)}
	device=/sys/bus/pci/devices/$bdf
	if [[ -d /sys/module/peermr ]]; then
		skip lockdown "the module is loaded already; boot with --bare"
		exit 77
	fi
	mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
	if ! echo integrity >/sys/kernel/security/lockdown; then
		skip lockdown "this kernel has no lockdown"
		exit 77
	fi
	expect lockdown 1 'kernel module: .*Secure Boot or lockdown .*mokutil --import' \
		peermr bind "$bdf"
	is lockdown_changes_nothing test "$(<"$device/driver_override")" == '(null)'
}
