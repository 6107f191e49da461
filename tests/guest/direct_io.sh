#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# direct_io.sh direct|iommu|strict|bounce|narrow: direct I/O between NVMe disks and the window.
# tests/check-direct-io boots the guest with what each form needs.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
form=${1:?direct, iommu, strict, bounce or narrow}
bdf=${PEERMR_BDF:?is set by tests/vm/run}
failed=0

fail() {
	echo "FAIL $1: $2"
	failed=1
}

# run PROGRAM TEST...
run() {
	local program=$1 status=0

	shift
	"$here/$program" "$PEERMR_WINDOW" "$@" || status=$?
	case $status in
	0 | 77) ;;
	1) failed=1 ;;
	*) fail "$program" "exit status $status" ;;
	esac
}

# the_iommu_is TYPE: what the kernel has in use for every disk; none without an IOMMU.
the_iommu_is() {
	local disk type found=0

	for disk in /sys/class/nvme/nvme*/device; do
		type=$(cat "$disk/iommu_group/type" 2>/dev/null) || type=none
		[[ $type == "$1" ]] ||
			{ fail the_disks_are_behind_the_iommu_of_this_form "type $type, not $1" && return; }
		found=1
	done
	if [[ $found -eq 1 ]]; then
		echo "PASS the_disks_are_behind_the_iommu_of_this_form"
	else
		fail the_disks_are_behind_the_iommu_of_this_form "there is no disk"
	fi
}

# tells NAME PATTERN COMMAND...: some line of what it prints matches.
tells() {
	local name=$1 pattern=$2 output

	shift 2
	output=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$output"; then
		echo "PASS $name"
	else
		fail "$name" "no '$pattern' in: ${output//$'\n'/ | }"
	fi
}

show() {
	peermr show "$PEERMR_WINDOW" "$@"
}

bounced=/sys/kernel/tracing/events/swiotlb/swiotlb_bounced

find_scsi_disk() {
	local i

	modprobe -a am53c974 sd_mod
	for ((i = 0; i < 100; i++)); do
		[[ ! -b /dev/sda ]] || return
		sleep 0.2
	done
	fail the_scsi_disk_is_there "it does not appear"
}

bind_pfn() {
	peermr unbind "$bdf" >/dev/null && peermr bind "$bdf" --mode pfn >/dev/null
}

modprobe nvme
udevadm settle
case $form in
direct)
	the_iommu_is none
	run direct_io_test
	run direct_io_life_test
	tells show_tells_that_dma_is_direct '^ +page DMA +direct$' show
	tells json_tells_that_dma_is_direct '"page_dma": "direct"' show --json
	tells no_disk_is_out_of_reach '"narrow_devices": \[\]' show --json
	bind_pfn
	tells show_tells_that_mode_pfn_has_no_pages '^ +page DMA +none' show
	run direct_io_life_test without_pages_direct_io_fails_with_efault
	;;
iommu)
	the_iommu_is DMA-FQ
	run direct_io_test
	;;
strict)
	the_iommu_is DMA
	run direct_io_test
	run direct_io_life_test
	;;
bounce)
	the_iommu_is none
	tells the_log_tells_that_dma_is_bounced \
		"peermr $bdf: peermr: BAR2: swiotlb=force: DMA to mode pages goes to copies" dmesg
	tells show_tells_that_dma_is_bounced '^ +page DMA +bounced \(swiotlb=force\)' show
	tells json_tells_that_dma_is_bounced '"page_dma": "bounced"' show --json
	run direct_io_test
	bind_pfn
	tells show_tells_that_mode_pfn_has_no_pages '^ +page DMA +none' show
	;;
narrow)
	find_scsi_disk
	tells show_names_a_disk_that_the_window_is_out_of_reach_for \
		'not from 0000:00:12.0 \(am53c974\): its DMA mask of 32 bits' show
	tells json_names_a_disk_that_the_window_is_out_of_reach_for \
		'"pci_device": "0000:00:12.0"' show --json
	echo 1 >"$bounced/enable"
	DIRECT_IO_DISK=/dev/sda run direct_io_test o_direct_read_goes_into_the_window \
		o_direct_write_comes_from_the_window
	tells the_kernel_copied_for_the_disk \
		"swiotlb_bounced: dev_name: 0000:00:12.0 dma_mask=ffffffff" \
		cat /sys/kernel/tracing/trace
	;;
*)
	echo "direct_io.sh: no form '$form'" >&2
	exit 2
	;;
esac
if peermr unbind "$bdf" >/dev/null && rmmod peermr; then
	echo "PASS the_module_goes_after_all_of_it"
else
	fail the_module_goes_after_all_of_it "it is still in use"
fi
exit "$failed"
