# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# The command line, peermr list and peermr show. Sourced by tool_test.sh.

test_command_line() {
	expect version 0 '^peermr [0-9]+\.[0-9]+\.[0-9]+ \(libpeermr' peermr --version
	expect help 0 '^Usage: peermr COMMAND' peermr --help
	expect no_command 2 '^Usage: peermr' peermr
	expect unknown_command 2 "^peermr: frob: no such command; 'peermr --help'" peermr frob
	for command in list show bind unbind test paths; do
		expect "${command}_help" 0 "^Usage: peermr $command" peermr "$command" --help
		expect "${command}_unknown_option" 2 "^peermr: $command: --frob is not an option" \
			peermr "$command" --frob
		expect "${command}_unknown_letter" 2 "^peermr: $command: -% is not an option" \
			peermr "$command" -%h
	done
	expect bind_without_device 2 'takes the address of one PCI device' peermr bind
	expect unbind_without_device 2 'takes the address of one PCI device' peermr unbind
	expect bind_bar_number 2 "'6' is not the number of a BAR" peermr bind "$bdf" --bar 6
	expect bind_bar_missing 2 'needs a value' peermr bind "$bdf" --bar
	expect bind_mode_name 2 "'dax' is not a mode" peermr bind "$bdf" --mode dax
	expect test_size_unit 2 "'1Q' is not a size" peermr test "$window" --size 1Q
	expect test_size_overflow 2 'is not a size' peermr test "$window" --size 20000000T
	expect test_size_zero 2 'is not a size' peermr test "$window" --size 0
	expect output_full 1 'standard output: cannot write' bash -c 'peermr --help >/dev/full'
}

test_list_and_show() {
	expect list 0 "^$window +live +pages" peermr list
	expect show 0 "^ +granule +2 MiB" peermr show "$window"
	expect show_path 0 "^$window" peermr show "/dev/peermr/$window"
	expect show_device 0 "^$window" peermr show "$bdf"
	expect show_short 0 "^$window" peermr show "${window#0000:}"
	expect show_unknown 1 "^peermr: 0000:7f:00.0-bar9: no such window; 'peermr list'" \
		peermr show 7f:00.0-bar9
	expect show_list_json_keys 0 '"buffer_count": 0' peermr list --json
	if python_json; then
		is json_list json_valid list
		is json_show json_valid show
	else
		skip json_list "no python3 with json.tool here"
	fi
}
