# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# peermr paths. Sourced by tool_test.sh.

# row RDMA_DEVICE PATH WORKS: the beginning of its line, for expect.
row() {
	printf '^%s +%s +%s +%s ' "$1" "$window" "$2" "$3"
}

# What Soft-RoCE does as the distribution ships it.
test_paths() {
	local total

	total=$(attribute size)
	expect paths_page 0 "$(row rxe0 page yes) *ibv_reg_mr\(\) of 2 MiB" peermr paths
	expect paths_every_device 0 "$(row rxe1 page yes)" peermr paths "$window"
	expect paths_dmabuf 0 "$(row rxe0 dma-buf no) *the kernel driver rdma_rxe .*; build it with" \
		peermr paths
	expect paths_peerdirect 0 \
		"$(row rxe0 PeerDirect no) *kernel [^ ]+ has no ib_register_peer_memory_client" peermr paths
	is paths_leaves_nothing wait_for 20 all_free
	expect paths_one_device 0 "$(row rxe1 page yes)" peermr paths --rdma-device rxe1
	is paths_only_that_device test "$(peermr paths -d rxe1 | grep -c '^rxe0')" -eq 0
	expect paths_unknown_device 1 '^peermr: mlx9_0: no such RDMA device' peermr paths -d mlx9_0
	expect paths_unknown_window 1 'no such window' peermr paths 7f:00.0
	hold "/dev/peermr/$window" "$total"
	expect paths_full 0 "$(row rxe0 page unknown) *not tried, $window has no room" peermr paths
	release
	is paths_leaves_nothing_2 wait_for 20 all_free
	if python_json; then
		is json_paths json_valid paths
		is json_paths_answers python3 -c '
import json, sys
answer = json.load(open(sys.argv[1]))
rows = {(r["rdma_device"], r["path"]): r for r in answer["paths"]}
assert len(rows) == len(answer["paths"]) == 6
assert rows["rxe0", "page"]["works"] is True
assert rows["rxe0", "dma-buf"]["works"] is False
assert rows["rxe1", "peerdirect"]["works"] is False
assert all(r["memory"] == sys.argv[2] and r["reason"] for r in rows.values())
assert rows["rxe0", "dma-buf"]["way_out"]
assert [n["kernel_driver_dmabuf"] for n in answer["rdma_devices"]] == [False, False]
' "$work/json" "$window"
	else
		skip json_paths "no python3 with json.tool here"
	fi
}

test_paths_refusals() {
	expect paths_window_permission 0 \
		"$(row rxe0 page unknown) *not tried, no permission to open /dev/peermr/$window; run as root" \
		as_nobody peermr paths
	chmod 600 /dev/infiniband/uverbs*
	expect paths_device_permission 0 \
		"$(row rxe0 dma-buf unknown) *not tried, no permission to open /dev/infiniband/uverbs[01]; run" \
		as_nobody peermr paths
	chmod 666 "/dev/peermr/$window" /dev/infiniband/uverbs*
	expect paths_unprivileged 0 "$(row rxe0 page yes)" as_nobody peermr paths
	expect paths_memlock 0 "$(row rxe0 page no) .*limit is 64 KiB.*ulimit -l" \
		bash -c 'ulimit -l 64 && exec "$@"' - setpriv --reuid=65534 --regid=65534 \
		--clear-groups peermr paths
	chmod 600 "/dev/peermr/$window"

	peermr unbind "$bdf"
	peermr bind "$bdf" --mode pfn >/dev/null
	expect paths_pfn 0 "$(row rxe0 page no) *.*mode pfn.*peermr bind $bdf --mode pages" peermr paths
	peermr unbind "$bdf"
	expect paths_no_window 0 '^no window and no GPU runtime; take a device' peermr paths
	peermr bind "$bdf" >/dev/null

	rdma link delete rxe0
	rdma link delete rxe1
	expect paths_no_device 0 '^no RDMA device; .*rdma link add' peermr paths
	rdma link add rxe0 type rxe netdev peermr0
	rdma link add rxe1 type rxe netdev peermr1
}

# In a guest with --rxe patched --rdma-core patched.
test_paths_patched() {
	expect paths_patched 0 "$(row rxe0 dma-buf yes) *ibv_reg_dmabuf_mr\(\) of 2 MiB" peermr paths
	expect paths_stock_library 0 \
		"$(row rxe0 dma-buf no) *the kernel driver registers dma-bufs, but the provider library librxe-rdmav[0-9]+\.so" \
		env -u LD_LIBRARY_PATH peermr paths
	peermr unbind "$bdf"
	peermr bind "$bdf" --mode pfn >/dev/null
	expect paths_patched_pfn 0 "$(row rxe0 dma-buf yes) *ibv_reg_dmabuf_mr\(\) of 4 KiB" peermr paths
	expect paths_patched_pfn_page 0 "$(row rxe0 page no)" peermr paths
	is paths_patched_leaves_nothing wait_for 20 all_free
	peermr unbind "$bdf"
	peermr bind "$bdf" >/dev/null
}
