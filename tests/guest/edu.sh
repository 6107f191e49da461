#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# edu.sh direct|iommu|stale|big: has the DMA engines of QEMU's edu devices use
# dma-bufs of the window. tests/check-edu boots the guest with what each form
# needs: the engine "near" on the window's switch, where there is one, and "far"
# on the root bus.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
form=${1:?direct, iommu, stale or big}
bdf=${PEERMR_BDF:?is set by tests/vm/run}
window=${PEERMR_WINDOW:?is set by tests/vm/run}
override=/sys/module/peermr/parameters/any_host_bridge
failed=0 near='' far=''

fail() {
	echo "FAIL $1: $2"
	failed=1
}

# load BITS: the module, and with it the nodes; an engine's addresses have BITS.
load() {
	local node

	[[ ! -d /sys/module/edu_importer ]] || rmmod edu_importer || return 1
	insmod "$here/modules/edu_importer.ko" dma_bits="$1" || return 1
	udevadm settle
	for node in /dev/edu-*; do
		case $node in
		*-0000:00:*) far=$node ;;
		*) near=$node ;;
		esac
	done
}

# on NODE PROGRAM TEST...: runs these tests with that engine.
on() {
	local node=$1 program=$2 status=0

	shift 2
	if [[ ! -c $node ]]; then
		fail "$1" "the engine '$node' is not there"
		return
	fi
	EDU_DEVICE=$node "$here/$program" "$window" "$@" || status=$?
	case $status in
	0 | 77) ;;
	1) failed=1 ;;
	*) fail "$1" "exit status $status" ;;
	esac
}

# Loads peermr with the parameter for the rest of the guest's life.
let_any_host_bridge_do() {
	peermr unbind "$bdf" >/dev/null && rmmod peermr &&
		modprobe peermr any_host_bridge=1 && peermr bind "$bdf" >/dev/null
}

# The path is known: both sit on one switch.
on_one_switch() {
	on "$near" edu_dma_test \
		a_device_writes_where_the_dma_address_says \
		a_device_reads_where_the_dma_address_says \
		a_device_reads_what_the_cpu_wrote \
		a_device_on_the_same_switch_gets_the_address_in_the_bar
	on "$near" edu_revoke_test
	on "$near" edu_fault_test
	on "$near" edu_refuse_test \
		an_importer_that_needs_pages_is_refused \
		an_importer_that_cannot_be_told_is_refused \
		a_device_that_is_not_on_pci_is_refused
}

# Kernels that can map for a pair of devices have the last word about it.
the_pci_core_decides_where_it_can() {
	local test=${FUNCNAME[0]}

	if ! grep -q ' pcim_p2pdma_provider$' /proc/kallsyms; then
		echo "SKIP $test: not in this kernel"
	elif [[ -e $override ]]; then
		fail "$test" "peermr maps by itself"
	else
		echo "PASS $test"
	fi
}

# Through a root complex that is on no list.
across_the_root() {
	on "$far" edu_refuse_test a_path_that_is_not_known_is_refused
	the_pci_core_decides_where_it_can
	[[ -e $override ]] || return
	let_any_host_bridge_do ||
		{ fail any_host_bridge_lets_devices_through "cannot load peermr" && return; }
	on "$far" edu_dma_test a_device_writes_where_the_dma_address_says \
		a_device_reads_where_the_dma_address_says
	on "$far" edu_refuse_test a_device_that_does_no_dma_is_refused
}

case $form in
direct)
	load 28 || exit 1
	on "$near" edu_refuse_test an_address_with_too_many_bits_is_refused
	load 64 || exit 1
	on_one_switch
	across_the_root
	if [[ -e $override ]]; then
		load 28 || exit 1
		on "$far" edu_refuse_test an_address_with_too_many_bits_is_refused
	fi
	;;
iommu)
	load 64 || exit 1
	on "$near" edu_dma_test \
		a_device_on_the_same_switch_gets_the_address_in_the_bar
	on "$far" edu_dma_test \
		a_device_behind_an_iommu_gets_an_address_of_the_iommus \
		a_device_writes_where_the_dma_address_says \
		a_device_reads_where_the_dma_address_says
	on "$far" edu_revoke_test revocation_ends_the_mapping_before_it_returns
	load 28 || exit 1
	on "$far" edu_dma_test \
		a_narrow_device_behind_an_iommu_gets_an_address_that_it_can_reach
	;;
stale)
	load 64 || exit 1
	on "$far" edu_dma_test a_stale_dma_address_leads_to_a_fault_and_nowhere_else
	;;
big)
	load 64 || exit 1
	on "$far" edu_dma_test a_buffer_of_more_than_4_gib_is_mapped_whole
	;;
*)
	echo "edu.sh: no form '$form'" >&2
	exit 2
	;;
esac
exit "$failed"
