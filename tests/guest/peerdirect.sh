#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# peerdirect.sh PROGRAM ARGUMENT...: makes the guest's window one without struct
# pages, has PeerDirect serve both RDMA devices, and runs PROGRAM of this
# directory. Needs rdma_rxe with the patches of kernel/rxe.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
if [[ ${PEERMR_RXE:-stock} != patched ]]; then
	echo "SKIP $1: needs rdma_rxe with dma-buf MRs: tests/vm/run --rxe patched"
	exit 77
fi
mode=$(<"/sys/class/peermr/${PEERMR_WINDOW##*/}/mode")
if [[ $mode != pfn ]]; then
	peermr unbind "$PEERMR_BDF" >/dev/null
	peermr bind "$PEERMR_BDF" --mode pfn >/dev/null
fi
modprobe -a peerdirect peermr_client
for device in rxe0 rxe1; do
	echo 1 >"/sys/class/infiniband/$device/peerdirect/enabled"
done
exec "$here/$1" "${@:2}"
