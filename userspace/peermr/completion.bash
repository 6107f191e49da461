# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
# Completion of peermr(8) for bash.

_peermr_words() {
	local path
	for path in "$@"; do
		[[ -e $path ]] && printf '%s\n' "${path##*/}"
	done
}

_peermr() {
	local current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	local words=''

	# A colon separates words for bash, and PCI addresses are full of them.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : -c current -p previous
	fi

	case ${COMP_WORDS[1]-}:$previous in
	bind:--bar | bind:-b) words='0 1 2 3 4 5' ;;
	bind:--mode | bind:-m) words='pages pfn' ;;
	test:--rdma-device | test:-d | paths:--rdma-device | paths:-d)
		words=$(_peermr_words /sys/class/infiniband/*)
		;;
	run:--alloc | run:-a) words=$(_peermr_words /sys/class/peermr/*) ;;
	run:--min | run:-m) ;;
	*:--gid-index | *:-g | *:--size | *:-s) ;;
	*)
		case $COMP_CWORD:${COMP_WORDS[1]-} in
		1:*) words='list show bind unbind test run paths peerdirect --help --version' ;;
		*:list) words='--json --help' ;;
		*:show)
			words="--json --help $(_peermr_words /sys/class/peermr/*)"
			;;
		*:bind)
			words="--bar --mode --help $(_peermr_words /sys/bus/pci/devices/*)"
			;;
		*:unbind)
			words="--force --help $(_peermr_words /sys/bus/pci/drivers/peermr/*:*)"
			;;
		2:peerdirect) words='enable disable --json --help' ;;
		*:peerdirect) words=$(_peermr_words /sys/class/infiniband/*) ;;
		*:test)
			words="--rdma-device --gid-index --size --help $(_peermr_words /sys/class/peermr/*)"
			;;
		2:run) words="--alloc --min --debug --help -- $(compgen -c -- "$current")" ;;
		*:run) words=$(compgen -c -f -- "$current") ;;
		*:paths)
			words="--rdma-device --json --help $(_peermr_words /sys/class/peermr/*)"
			;;
		esac
		;;
	esac

	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$current"
	fi
}

complete -F _peermr peermr
