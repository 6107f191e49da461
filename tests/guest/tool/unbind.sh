# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# peermr unbind, with and without --force, and who holds what. Sourced by
# tool_test.sh.

qxl_device() {
	local device

	for device in /sys/bus/pci/devices/*; do
		if [[ $(<"$device/vendor")$(<"$device/device") == 0x1b360x0100 ]]; then
			echo "${device##*/}"
			return 0
		fi
	done
	return 1
}

test_holders() {
	hold "/dev/peermr/$window" $((3 * mib))
	expect show_holder 0 "4 MiB +0 +1 live +0 pid $holder \(hold\)" peermr show "$window"
	expect show_holder_json 0 "\"pid\": $holder," peermr show "$window" --json
	expect unbind_refused 1 \
		"^peermr: $window: 4 MiB at 0x[0-9a-f]+ held by pid $holder \(hold\), uid 0: 0 pinned, 1 mapping, live" \
		peermr unbind "$bdf"
	expect unbind_refused_way_out 1 "^peermr: $bdf: in use, not unbound; .*--force" \
		peermr unbind "$bdf"
	is unbind_refused_changes_nothing holder_answers
	is unbind_refused_state test "$(attribute state)" == live
	release

	hold --drop "/dev/peermr/$window" $((2 * mib)) rxe0
	expect show_quarantined 0 "2 MiB +2 MiB +0 quarantined +0 pid $holder" peermr show "$window"
	expect list_quarantined 0 "^$window.* 2 MiB +2 MiB\$" peermr list
	release
	is quarantine_ends wait_for 20 all_free
}

# A process may be called anything.
test_strange_name() {
	hold_program=$work/$'q"\\\e\xff'
	cp "$here/hold" "$hold_program"
	hold "/dev/peermr/$window" $((2 * mib))
	expect show_strange_name 0 'pid [0-9]+ \(q"\\\?\?\)' peermr show "$window"
	expect show_strange_name_json 0 '"comm": "q\\"\\\\\\u001b\\ufffd"' \
		peermr show "$window" --json
	if python_json; then
		is json_strange_name json_valid show
	fi
	release
	hold_program=$here/hold
}

# Two windows of one device: all or nothing.
test_two_windows() {
	local device

	if ! device=$(qxl_device); then
		skip two_windows "no device with two large BARs; see the top of this file"
		return 0
	fi
	expect two_windows_bind 0 "^/dev/peermr/$device-bar1  [0-9]+ MiB, mode pages" \
		peermr bind "$device"
	expect two_windows_show 0 "^$device-bar0" peermr show "$device"
	expect two_windows_test 1 "^peermr: $device: means 2 windows" peermr test "$device"
	expect two_windows_bound_bar 1 "already bound, with other BARs than BAR1 alone" \
		peermr bind "$device" --bar 1
	hold "/dev/peermr/$device-bar1" $((2 * mib))
	expect two_windows_refused 1 "^peermr: $device-bar1: 2 MiB at .* pid $holder" \
		peermr unbind "$device"
	is two_windows_unchanged test \
		"$(cat "/sys/class/peermr/$device"-bar[01]/state)" == $'live\nlive'
	release
	expect two_windows_unbind 0 '' peermr unbind "$device"
	is two_windows_gone test ! -e "/sys/class/peermr/$device-bar0"
}

test_force_mapping() {
	hold "/dev/peermr/$window" $((2 * mib))
	expect unbind_force 0 '' peermr unbind "$bdf" --force
	is unbind_force_window_gone test ! -e "/sys/class/peermr/$window"
	is unbind_force_driver_gone test ! -e "/sys/bus/pci/devices/$bdf/driver"
	is unbind_force_override_cleared \
		test "$(<"/sys/bus/pci/devices/$bdf/driver_override")" == '(null)'
	echo touch >&"$orders"
	release
	is unbind_force_holder_sigbus test "$held" -eq $((128 + 7))
	expect list_empty 0 "no windows; take a device with 'peermr bind BDF'" peermr list
	expect unbind_unbound 1 "^peermr: $bdf: not bound to peermr, nor to any driver" \
		peermr unbind "$bdf"
	expect bind_again 0 "^/dev/peermr/$window" peermr bind "$bdf" --bar 2 --mode pages
	is bind_options test "$(grep "^$bdf" /sys/bus/pci/drivers/peermr/options)" == "$bdf bar=2 mode=pages"
	expect unbind 0 '' peermr unbind "$bdf"
	is unbind_forgets test -z "$(</sys/bus/pci/drivers/peermr/options)"
	expect bind_short_name 0 "^/dev/peermr/$window" peermr bind "${bdf#0000:}"
}

test_force_pin() {
	local unbinder status=0

	hold "/dev/peermr/$window" $((2 * mib)) rxe0
	# A background job of a script ignores SIGINT; env(1) undoes that.
	env --default-signal=INT peermr unbind "$bdf" --force >"$work/unbind" 2>&1 &
	unbinder=$!
	is force_names_pins wait_for 10 grep -qE \
		"^peermr: $window: 2 MiB at 0x[0-9a-f]+ held by pid $holder \(hold\), uid 0: 2 MiB pinned" \
		"$work/unbind"
	expect force_state 0 "^$window +revoked" peermr list
	sleep 6
	is force_prints_changes_only test "$(grep -c waiting "$work/unbind")" -eq 1
	kill -INT "$unbinder"
	wait "$unbinder" || status=$?
	is force_interrupted test "$status" -eq 130
	is force_interrupted_message grep -q \
		"^peermr: $bdf: interrupted; $window is revoked but still pinned" "$work/unbind"
	is force_interrupted_still_bound test -e "/sys/bus/pci/devices/$bdf/driver"
	expect test_revoked 1 "^peermr: $window: revoked; bind its device anew" peermr test "$window"
	expect unbind_revoked_refused 1 "held by pid $holder" peermr unbind "$bdf"

	status=0
	peermr unbind "$bdf" --force >"$work/unbind" 2>&1 &
	unbinder=$!
	sleep 1.5
	kill -9 "$holder"
	release
	wait "$unbinder" || status=$?
	is force_finishes_when_pins_go test "$status" -eq 0
	is force_finished test ! -e "/sys/bus/pci/devices/$bdf/driver"
	expect bind_after_force 0 "^/dev/peermr/$window" peermr bind "$bdf"
}
