# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# peermr bind: what it takes, what it refuses. Sourced by tool_test.sh.

first_bar_of() { # first_bar_of FLAG: "BDF BAR" of an I/O (0x100) BAR
	local device start end flags bar

	for device in /sys/bus/pci/devices/*; do
		bar=0
		while read -r start end flags && [[ $bar -lt 6 ]]; do
			if [[ $start$end == *[1-9a-f]* && $((flags & $1)) -ne 0 ]]; then
				echo "${device##*/} $bar"
				return 0
			fi
			bar=$((bar + 1))
		done <"$device/resource"
	done
	return 1
}

virtio_device() {
	basename "$(find /sys/bus/pci/drivers/virtio-pci/ -name '0*:*' | sort | sed -n 1p)"
}

small_device() {
	local device

	for device in /sys/bus/pci/devices/*; do
		if [[ $(<"$device/vendor")$(<"$device/device") == 0x1af40x1110 &&
			$(stat -c %s "$device/resource2") == "$mib" ]]; then
			echo "${device##*/}"
			return 0
		fi
	done
	return 1
}

test_bind_refusals() {
	local name bar virtio

	expect bind_bad_bdf 1 "^peermr: 1:2:3: not a PCI address; write it like 0000:00:04.0" \
		peermr bind 1:2:3
	expect bind_bad_slot 1 'not a PCI address' peermr bind 00:20.0
	expect bind_no_device 1 '^peermr: 0000:7f:00.0: no such PCI device' peermr bind 7f:00.0
	expect bind_no_bar 1 '^peermr: 0000:00:00.0: has no memory BAR' peermr bind 00:00.0
	expect bind_absent_bar 1 "^peermr: $bdf BAR5: the device has no such BAR" \
		peermr bind "$bdf" --bar 5
	if read -r name bar < <(first_bar_of 0x100); then
		expect bind_io_bar 1 "^peermr: $name BAR$bar: holds I/O ports, not memory" \
			peermr bind "$name" --bar "$bar"
	else
		skip bind_io_bar "no device with an I/O BAR"
	fi
	virtio=$(virtio_device)
	expect bind_msix_bar 1 "^peermr: $virtio BAR1: holds the MSI-X interrupt table" \
		peermr bind "$virtio" --bar 1 --mode pfn
	expect bind_busy 1 "^peermr: $virtio: busy, driver virtio-pci has it; .*/virtio-pci/unbind" \
		peermr bind "$virtio" --bar 4 --mode pfn
	expect unbind_not_ours 1 "^peermr: $virtio: not bound to peermr but to virtio-pci" \
		peermr unbind "$virtio"
	expect bind_bound 0 "^/dev/peermr/$window  [0-9]+ [MG]iB, mode pages" peermr bind "$bdf"
	expect bind_bound_bar 0 "already bound" peermr bind "$bdf" --bar 2 --mode pages
	expect bind_bound_mode 1 "^peermr: $window: already bound in mode pages; 'peermr unbind $bdf'" \
		peermr bind "$bdf" --mode pfn
	expect bind_bound_other_bar 1 "BAR0: 256 B is below" peermr bind "$bdf" --bar 0
}

test_small_bar() {
	local small

	if ! small=$(small_device); then
		skip small_bar "no second ivshmem device with 1 MiB; see the top of this file"
		return 0
	fi
	expect small_bar_pages 1 \
		"^peermr: $small BAR2: 1 MiB is below the 2 MiB the page path needs; use --mode pfn\$" \
		peermr bind "$small" --bar 2
	expect small_bar_unnamed 1 \
		"^peermr: $small BAR2: 1 MiB is below the 2 MiB the page path needs; use --mode pfn --bar 2\$" \
		peermr bind "$small"
	expect small_bar_unnamed_pfn 1 "^peermr: $small BAR2: 1 MiB may be registers.*; use --bar 2\$" \
		peermr bind "$small" --mode pfn
	is small_bar_untouched test "$(<"/sys/bus/pci/devices/$small/driver_override")" == '(null)'
	expect small_bar_pfn 0 "^/dev/peermr/$small-bar2  1 MiB, mode pfn" \
		peermr bind "$small" --bar 2 --mode pfn
	expect small_bar_list 0 "^$small-bar2 +live +pfn +1 MiB" peermr list
	expect small_bar_unbind 0 '' peermr unbind "$small"
}

test_module() {
	peermr unbind "$bdf"
	modprobe -r peermr
	expect list_no_module 1 "^peermr: kernel module: not loaded; .*modprobe peermr" peermr list
	expect paths_no_module 0 '^no window and no GPU runtime; take a device' peermr paths
	expect bind_unprivileged 1 '^peermr: .*run as root' as_nobody peermr bind "$bdf"
	expect bind_no_module 1 '^peermr: kernel module: not installed for kernel [6-9]' \
		unshare -m bash -c 'mount -t tmpfs none /usr/lib/modules && exec "$@"' - \
		peermr bind "$bdf"
	expect bind_loads_module 0 "^/dev/peermr/$window" peermr bind "$bdf"
}
