# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # shares variables with tool_test.sh
#
# peermr run: what becomes of the program and its environment. What it does to
# registrations is what plain_test.sh is about. Sourced by tool_test.sh.

test_run() {
	expect run_no_program 2 '^peermr: run: which program' peermr run
	expect run_not_found 127 '^peermr: no-such-program: cannot be executed: No such file' \
		peermr run -- no-such-program
	expect run_not_executable 126 '^peermr: /etc/passwd: cannot be executed: Permission denied' \
		peermr run /etc/passwd
	expect run_passes_the_status_on 7 '^fine$' peermr run -- sh -c 'echo fine; exit 7'
	expect run_leaves_the_programs_options 0 '^-d$' peermr run printf '%s\n' -d
	expect run_preloads 0 '^/usr/lib/.*/libpeermr-preload\.so$' \
		peermr run -- printenv LD_PRELOAD
	expect run_keeps_what_is_preloaded 0 '^/usr/lib/.*/libpeermr-preload\.so:libm\.so\.6$' \
		env LD_PRELOAD=libm.so.6 peermr run -- printenv LD_PRELOAD
	expect run_preloads_once 0 '^/usr/lib/.*/libpeermr-preload\.so$' \
		peermr run -- peermr run -- printenv LD_PRELOAD
	expect run_debug 0 '^1$' peermr run --debug -- printenv PEERMR_DEBUG
	expect run_warns_of_static_programs 0 'static-program: is statically linked, so it' \
		static_program
	expect run_warns_of_other_users 0 'other-user: changes the user or group' other_user
}

# Its machine code is not needed to see that there is no interpreter.
static_program() {
	local program=$work/static-program

	head -c 64 /bin/true >"$program"
	# e_phnum is 0.
	printf '\0\0' | dd of="$program" bs=1 seek=56 conv=notrunc status=none
	chmod 755 "$program"
	peermr run "$program" || true
}

other_user() {
	local program=$work/other-user

	cp /bin/true "$program"
	chown nobody "$program"
	chmod 4755 "$program"
	peermr run "$program"
}
