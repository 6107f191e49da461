# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources it
#
# The two ends of a link: rxe0 here, and there rxe1 of the same guest, or rxe0 of a
# second one (tests/check-two-guests), which is then reached by ssh. Sourced
# after wait.sh.

here_nic=rxe0 here_ip=10.99.0.1
there_nic=rxe1 there_ip=10.99.0.2
two_guests=no
if [[ -n ${PEERMR_WIRE:-} ]]; then
	two_guests=yes there_nic=rxe0
fi

# there COMMAND...: runs it at the other end.
there() {
	if [[ $two_guests == yes ]]; then
		# shellcheck disable=SC2029 # quoted for the other side
		ssh peermr-vm1 "exec $(printf '%q ' "$@")"
	else
		"$@"
	fi
}

# ends_meet: once, before the first "there".
ends_meet() {
	local share=/mnt/share

	[[ $two_guests == yes ]] || return 0
	install -dm 700 /root/.ssh
	cat >/root/.ssh/config <<-END
		Host *
		  StrictHostKeyChecking no
		  UserKnownHostsFile /dev/null
		  LogLevel ERROR
		  ControlMaster auto
		  ControlPath /run/ssh-%h
		  ControlPersist yes
	END
	ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
	cp /root/.ssh/id_ed25519.pub "$share/key.new"
	mv "$share/key.new" "$share/key"
	if ! wait_for 300 test -e "$share/ready"; then
		echo "the second guest does not come" >&2
		return 1
	fi
	# It stays, and would keep whoever reads our output waiting.
	ssh -fN peermr-vm1 </dev/null >/dev/null 2>&1
}
