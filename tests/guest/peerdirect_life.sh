#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# peerdirect_life.sh: switching PeerDirect on and off with peermr(8), and taking
# modules and RDMA devices away, in every order, while memory is registered.
# Needs a guest with patched rdma_rxe in which PeerDirect is not loaded yet.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
# shellcheck source=tests/guest/tool/expect.sh
. "$here/tool/expect.sh"
window=${PEERMR_WINDOW##*/}
hold_program=$here/hold
failed=0 holder=''
work=$(mktemp -d)
peers=/sys/kernel/mm/memory_peers

if [[ ${PEERMR_RXE:-stock} != patched ]]; then
	skip peerdirect_life 'needs rdma_rxe with dma-buf MRs: tests/vm/run --rxe patched'
	exit 77
fi

registered() {
	echo $(($(<"$peers/peermr/num_alloc_mrs") - $(<"$peers/peermr/num_dealloc_mrs")))
}

none_registered() {
	[[ $(registered) == 0 ]]
}

enabled() {
	[[ $(<"/sys/class/infiniband/$1/peerdirect/enabled") == 1 ]]
}

disabled() {
	! enabled "$1"
}

hold_says() {
	local said

	said=$("$here/hold" "$PEERMR_WINDOW" 1048576 rxe1 </dev/null 2>&1) || true
	[[ $said == *"$1"* ]]
}

refuses_memory() {
	hold_says 'Bad address'
}

takes_memory() {
	hold_says ready
}

stays() {
	! rmmod "$1" 2>/dev/null
}

second_one_is_refused() {
	local copy=$work/copy.ko

	# Another name, but the same symbols: as if the kernel had them.
	sed 's/peerdirect/peerdirecu/g' "$(modinfo -n peerdirect)" >"$copy"
	! insmod "$copy" 2>/dev/null &&
		[[ $(dmesg) == *'exports duplicate symbol ib_'*'register_peer_memory_client'* ]]
}

add_link() {
	rdma link add rxe1 type rxe netdev peermr1
	wait_for 10 grep -q ACTIVE /sys/class/infiniband/rxe1/ports/1/state
}

if [[ $(attribute mode) != pfn ]]; then
	peermr unbind "$PEERMR_BDF" >/dev/null
	peermr bind "$PEERMR_BDF" --mode pfn >/dev/null
fi
is a_window_without_pages_is_refused_at_first refuses_memory
expect the_tool_says_that_it_is_not_loaded 0 'not loaded; .peermr peerdirect enable' \
	peermr peerdirect
expect disabling_what_is_not_loaded_is_no_error 0 '^$' \
	bash -c 'echo; peermr peerdirect disable rxe1'
expect an_unknown_device_is_named 1 'nosuch: no such RDMA device' \
	peermr peerdirect enable nosuch
expect nobody_may_switch_without_permission 1 'rxe1: no permission; run as root' \
	as_nobody peermr peerdirect enable rxe1
is nothing_is_enabled_by_loading disabled rxe1
is loaded_but_disabled_it_is_refused refuses_memory
is the_tool_enables_a_device peermr peerdirect enable rxe1
is the_device_is_enabled enabled rxe1
is the_other_device_is_not disabled rxe0
is now_the_window_is_taken takes_memory
expect the_tool_lists_devices 0 '^rxe1 +enabled' peermr peerdirect
expect the_tool_lists_clients 0 '^peermr +[0-9.]+ +0 +0$' peermr peerdirect
is the_json_is_json json_valid peerdirect
expect a_word_too_many_is_a_mistake 2 'takes one RDMA device' \
	peermr peerdirect enable rxe0 rxe1
expect an_unknown_verb_is_a_mistake 2 'neither enable nor disable' \
	peermr peerdirect engage rxe1
is libraries_find_the_client test -s "$peers/peermr/version"
is the_symbols_exist_once second_one_is_refused

hold "$PEERMR_WINDOW" 4194304 rxe1
is a_registration_is_counted test "$(registered)" == 1
is the_windows_stay_while_memory_is_registered stays peermr
is a_device_is_disabled_while_memory_is_registered peermr peerdirect disable rxe1
is disabled_it_is_refused refuses_memory
is it_is_enabled_again peermr peerdirect enable rxe1
release
is the_holder_has_ended_well test "$held" == 0
is nothing_is_registered_after_it wait_for 5 none_registered

hold "$PEERMR_WINDOW" 4194304 rxe1
is a_device_is_disabled_again peermr peerdirect disable rxe1
release
is what_goes_while_it_is_disabled_is_counted wait_for 5 none_registered
is and_it_is_enabled_again peermr peerdirect enable rxe1

# A registered dma-buf is between its driver and peermr.ko.
hold "$PEERMR_WINDOW" 4194304 rxe1
is the_client_goes_while_its_dmabuf_is_registered rmmod peermr_client
is the_bridge_goes_while_a_dmabuf_is_registered rmmod peerdirect
is the_windows_stay_even_then stays peermr
release
is the_holder_of_a_dmabuf_has_ended_well test "$held" == 0

# By callbacks, the client is needed until the end.
is the_client_comes_with_callbacks_only modprobe peermr_client export=N
is the_device_is_enabled_for_them peermr peerdirect enable rxe1
hold "$PEERMR_WINDOW" 4194304 rxe1
is a_registration_by_callbacks_is_counted test "$(registered)" == 1
is the_client_stays_while_memory_is_registered stays peermr_client
is the_bridge_stays_while_memory_is_registered stays peerdirect
release
is nothing_is_registered_by_callbacks_in_the_end wait_for 5 none_registered
is the_client_with_callbacks_goes rmmod peermr_client
is the_client_with_dmabufs_comes_back modprobe peermr_client

# rdma_rxe waits for whoever has it open; the holder for the end of its orders.
hold "$PEERMR_WINDOW" 4194304 rxe1
rdma link delete rxe1 {orders}>&- &
deleter=$!
sleep 1
release
is a_device_goes_once_memory_is_given_back wait "$deleter"
is its_registrations_are_gone wait_for 5 none_registered
is the_device_comes_back add_link
is it_is_disabled_then disabled rxe1
is and_refuses_memory refuses_memory
is it_can_be_enabled peermr peerdirect enable rxe1
is and_takes_memory takes_memory

is the_client_goes rmmod peermr_client
is without_the_client_memory_is_refused refuses_memory
is the_bridge_goes_with_a_device_enabled rmmod peerdirect
is without_the_bridge_memory_is_refused refuses_memory
is its_directory_is_gone test ! -e "$peers"
is the_bridge_comes_back modprobe peerdirect devices=rxe1
is with_the_devices_that_its_parameter_names enabled rxe1
is the_client_comes_back modprobe peermr_client
is all_is_as_before takes_memory
is a_named_device_goes rdma link delete rxe1
is and_comes_back add_link
is and_is_enabled_at_once enabled rxe1

hold "$PEERMR_WINDOW" 4194304 rxe1
is the_window_is_taken_away_while_memory_is_registered \
	peermr unbind --force "$PEERMR_BDF"
is the_registration_outlives_the_window test "$(registered)" == 1
release
is nothing_is_registered_in_the_end wait_for 5 none_registered
is the_modules_go rmmod peermr_client peerdirect peermr
is and_come_back modprobe -a peermr peerdirect peermr_client
peermr bind "$PEERMR_BDF" --mode pfn >/dev/null
exit "$failed"
