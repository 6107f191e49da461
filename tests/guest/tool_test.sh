#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# tool_test.sh: every command and every message of peermr(8), in the guest, as
# root, with $PEERMR_BDF bound and rxe0 and rxe1 up. A device with a BAR of
# 1 MiB and one with two large BARs make it complete:
#   tests/vm/run --qemu "-object memory-backend-ram,id=small,size=1M
#     -device ivshmem-plain,memdev=small,addr=0x11
#     -device qxl,addr=0x12,ram_size_mb=4,vram_size_mb=4" -- .../tool_test.sh
# tool_test.sh kernel: of these, what is the kernel's doing rather than the tool's.
# tool_test.sh patched: what it says where Soft-RoCE registers dma-bufs; in a guest
# with --rxe patched --rdma-core patched.
# tool_test.sh lockdown: what the tool says where unsigned modules are refused;
# in a guest booted with --bare, for good.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
mib=1048576
bdf=${PEERMR_BDF:-}
window=$bdf-bar2
work=$(mktemp -d)
failed=0
holder=''
hold_program=$here/hold

clean_up() {
	[[ -z $holder ]] || kill -9 "$holder" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT

# shellcheck source=tests/guest/tool/expect.sh
. "$here/tool/expect.sh"

if [[ ${1:-} == lockdown ]]; then
	# shellcheck source=tests/guest/tool/lockdown.sh
	. "$here/tool/lockdown.sh"
	test_lockdown
	exit "$failed"
fi
if [[ -z $bdf || ! -e /dev/peermr/$window ]]; then
	skip tool_test "PEERMR_BDF does not name a bound device"
	exit 77
fi

# shellcheck source=tests/guest/tool/show.sh
. "$here/tool/show.sh"
# shellcheck source=tests/guest/tool/bind.sh
. "$here/tool/bind.sh"
# shellcheck source=tests/guest/tool/unbind.sh
. "$here/tool/unbind.sh"
# shellcheck source=tests/guest/tool/rdma.sh
. "$here/tool/rdma.sh"
# shellcheck source=tests/guest/tool/paths.sh
. "$here/tool/paths.sh"

if [[ ${1:-} == patched ]]; then
	test_paths_patched
	exit "$failed"
fi

if [[ ${1:-} == kernel ]]; then
	test_small_bar
	test_holders
	test_force_mapping
	test_force_pin
	test_paths
	test_module
	exit "$failed"
fi

test_command_line
test_list_and_show
test_bind_refusals
test_small_bar
test_two_windows
test_holders
test_strange_name
test_force_mapping
test_force_pin
test_rdma
test_rdma_refusals
test_paths
test_paths_refusals
test_module
exit "$failed"
