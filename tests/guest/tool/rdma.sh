# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # uses variables of tool_test.sh
#
# peermr test. Sourced by tool_test.sh.

test_rdma() {
	local total

	total=$(attribute size)
	expect rdma 0 '^[1-9][0-9]+ bytes verified' peermr test "$window"
	expect rdma_device 0 '^RDMA device rxe1 port 1, GID [0-9]+ \(::ffff:10\.' \
		peermr test "$window" --rdma-device rxe1:1 --size 2M
	expect rdma_device_to_device 0 '^RDMA WRITE, device to device +ok' \
		peermr test "$window" -d rxe0
	expect rdma_odd_size 0 '^[1-9][0-9]+ bytes verified' peermr test "$window" --size 5M
	is rdma_leaves_nothing wait_for 20 all_free
	expect rdma_no_device 1 '^peermr: mlx9_0: no such RDMA device' \
		peermr test "$window" -d mlx9_0
	expect rdma_no_port 1 '^peermr: rxe0: has no port 7' peermr test "$window" -d rxe0:7
	expect rdma_no_gid 1 '^peermr: rxe0: port 1 has no GID 255' \
		peermr test "$window" -d rxe0 --gid-index 255
	expect rdma_no_window 1 'no such window' peermr test 7f:00.0-bar2
	expect rdma_no_space 1 "^peermr: $window: no room for a buffer" \
		peermr test "$window" --size $((total + 2 * mib))
	hold "/dev/peermr/$window" $((total - 2 * mib))
	expect rdma_no_second_buffer 0 'note: no room for a second buffer' \
		peermr test "$window"
	release
	is rdma_leaves_nothing_2 wait_for 20 all_free

	echo $((2 * mib)) >"/sys/class/peermr/$window/quota"
	expect show_quota 0 '^ +quota +2 MiB' peermr show "$window"
	expect rdma_quota 1 "^peermr: $window: .* exceeds the quota of 2 MiB" \
		peermr test "$window" --size 4M
	echo 0 >"/sys/class/peermr/$window/quota"
}

test_rdma_refusals() {
	ip link add tool0 type veth peer name tool1
	rdma link add rxe9 type rxe netdev tool0
	expect rdma_port_down 1 '^peermr: rxe9: port 1 is down .*bring its link' \
		peermr test "$window" -d rxe9
	rdma link delete rxe9
	ip link delete tool0

	expect node_permission 1 "^peermr: $window: no permission to open .*; run as root" \
		as_nobody peermr test "$window"
	expect show_permission 1 'no permission to open' as_nobody peermr show "$window"
	expect list_unprivileged 0 "^$window" as_nobody peermr list
	chmod 666 "/dev/peermr/$window" /dev/infiniband/uverbs*
	expect memlock 1 'host memory: .*limit of locked memory is 64 KiB, .*ulimit -l 16384' \
		bash -c 'ulimit -l 64 && exec "$@"' - setpriv --reuid=65534 --regid=65534 \
		--clear-groups peermr test "$window" --size 4M
	expect rdma_unprivileged 0 'bytes verified' as_nobody peermr test "$window"
	chmod 600 "/dev/peermr/$window"

	peermr unbind "$bdf"
	peermr bind "$bdf" --mode pfn >/dev/null
	expect rdma_pfn 1 "^peermr: device memory: .*$window is in mode pfn.*--mode pages" \
		peermr test "$window"
	peermr unbind "$bdf"
	peermr bind "$bdf" >/dev/null

	rdma link delete rxe0
	rdma link delete rxe1
	expect rdma_none 1 "^peermr: RDMA: no RDMA device; .*rdma link add" peermr test "$window"
	rdma link add rxe0 type rxe netdev peermr0
	rdma link add rxe1 type rxe netdev peermr1
}
