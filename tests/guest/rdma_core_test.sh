#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# rdma_core_test.sh [--peerdirect] [MODULE...]: rdma-core's own tests, with Debian's
# libraries as they are, with the patched libibverbs and our plug-in, with Debian's
# under "peermr run", and on request those of MRs and traffic with Debian's on devices
# that PeerDirect serves. A test passes if it ends with a front end as it does without; one
# that does not is run again on both before it counts. MODULE: test_mr and the
# like; all that run on rxe if none is given. Those of the memory providers, which
# Debian's library has none of, have to pass. Runs with --rdma-core patched.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
tests=/opt/rdma-core-peermr/tests
work=$(mktemp -d)
failed=0
export RDMA_CORE_TESTS=$tests PYTHONDONTWRITEBYTECODE=1

if [[ ! -d $tests ]]; then
	echo "rdma_core_test.sh: no $tests; needs tests/vm/run --rdma-core patched" >&2
	exit 1
fi

# Of a stock system the plug-in is no part.
mv /etc/libibverbs.d/peermr.driver /opt/rdma-core-peermr/etc/libibverbs.d/

# The interpreter does not survive test_flow and test_parent_domain on rxe, and
# some modules are for devices of one vendor.
modules() {
	local module

	for module in "$tests"/test_*.py; do
		module=$(basename "$module" .py)
		case $module in
		test_flow | test_parent_domain | test_mem_provider) ;;
		test_mlx5_* | test_efa* | test_cuda_*) ;;
		*) echo "$module" ;;
		esac
	done
}

peerdirect_set() {
	local device

	modprobe -a peerdirect peermr_client
	for device in rxe0 rxe1; do
		echo "$1" >"/sys/class/infiniband/$device/peerdirect/enabled"
	done
}

# on SYSTEM TEST...: the outcomes of the tests there.
on() {
	local system=$1

	shift
	case $system in
	stock) env -u LD_LIBRARY_PATH "$here/rdma_core/outcomes" rxe0 "$@" ;;
	patched) LD_LIBRARY_PATH=/opt/rdma-core-peermr/lib "$here/rdma_core/outcomes" rxe0 "$@" ;;
	preload) env -u LD_LIBRARY_PATH peermr run -- "$here/rdma_core/outcomes" rxe0 "$@" ;;
	peerdirect)
		peerdirect_set 1
		env -u LD_LIBRARY_PATH "$here/rdma_core/outcomes" rxe0 "$@"
		peerdirect_set 0
		;;
	esac 2>>"$work/stderr.$system"
}

report() { # report NAME REASON: a failure if there is a reason
	if [[ -z $2 ]]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $2"
		failed=1
	fi
}

# has SYSTEM LIBRARY...: whether its process had them all, by part of the path.
has() {
	local system=$1 library reason=''

	shift
	for library in "$@"; do
		grep -q "^library .*$library" "$work/$system" ||
			reason="there is no $library in the process that ran the tests"
	done
	report "the_${system}_run_has_its_front_end" "$reason"
}

outcome() { # outcome SYSTEM TEST
	awk -F '\t' -v name="$2" '$1 == name { print $2 }' "$work/$1"
}

# again SYSTEM TEST: replaces the outcome of the first run.
again() {
	local line

	line=$(on "$1" "$2" | grep -aF "$2"$'\t')
	grep -avF "$2"$'\t' "$work/$1" >"$work/rest"
	printf '%s\n' "$line" >>"$work/rest"
	mv "$work/rest" "$work/$1"
}

# Registrations of all kinds, and traffic of all kinds.
registers='^test_(mr|odp|qpex|cqex|rdmacm)$'

# compare SYSTEM [MODULES]: a line for each test, of modules whose names match; one
# line for all that both skip.
compare() {
	local system=$1 modules=${2:-.} name theirs ours skipped=0

	while IFS= read -r name; do
		[[ ${name%%.*} =~ $modules ]] || continue
		theirs=$(outcome stock "$name") ours=$(outcome "$system" "$name")
		if [[ $theirs != "$ours" ]]; then
			again stock "$name"
			again "$system" "$name"
			theirs=$(outcome stock "$name") ours=$(outcome "$system" "$name")
		fi
		if [[ $theirs == skip && $ours == skip ]]; then
			skipped=$((skipped + 1))
		elif [[ $theirs == "$ours" && -n $ours ]]; then
			report "$system.$name" ''
		else
			report "$system.$name" "${ours:-no result}, but ${theirs:-no result} on the stock system"
		fi
	done < <(awk -F '\t' 'NF > 1 && !seen[$1]++ { print $1 }' "$work/stock" "$work/$system")
	echo "# $system: $skipped tests are skipped as on the stock system"
}

peerdirect=no
if [[ ${1:-} == --peerdirect ]]; then
	peerdirect=yes
	shift
fi
if [[ $# -gt 0 ]]; then
	wanted=("$@")
else
	mapfile -t wanted < <(modules)
fi

front_ends=(patched)
if compgen -G '/usr/lib/*/libpeermr-preload.so' >/dev/null; then
	front_ends+=(preload)
else
	echo "SKIP preload: there is no libpeermr-preload.so"
fi
for system in stock "${front_ends[@]}"; do
	on "$system" "${wanted[@]}" >"$work/$system"
done
if ! grep -q $'\tok\t' "$work/stock"; then
	tail -n 20 "$work/stderr.stock" >&2
	report the_tests_run_on_the_stock_system "none of them passes there"
	exit 1
fi
if grep -q '^library .*peermr' "$work/stock"; then
	report the_stock_run_has_no_front_end "peermr is in its process"
fi
has patched /opt/rdma-core-peermr/lib/libibverbs.so libpeermr-rdmav
compare patched
if [[ ${front_ends[-1]} == preload ]]; then
	has preload libpeermr-preload
	compare preload
fi
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | grep -E "$registers")
if [[ $peerdirect == yes && ${#wanted[@]} -gt 0 ]]; then
	on peerdirect "${wanted[@]}" >"$work/peerdirect"
	compare peerdirect "$registers"
fi

on patched test_mem_provider >"$work/provider"
while IFS=$'\t' read -r name outcome reason; do
	[[ $name != library* ]] || continue
	case $outcome in
	ok) report "$name" '' ;;
	skip) echo "SKIP $name: $reason" ;;
	*) report "$name" "$outcome: $reason" ;;
	esac
done <"$work/provider"
grep -q '^test_mem_provider' "$work/provider" ||
	report test_mem_provider "it printed no result"
cat "$work"/stderr.* >&2
exit "$failed"
