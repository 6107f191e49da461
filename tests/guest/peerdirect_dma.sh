#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# peerdirect_dma.sh: PeerDirect with an RDMA device that does DMA, a double made of
# QEMU's edu device. That is to be behind the same switch as the window, or, on a
# processor through which devices reach each other, behind an IOMMU.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
peermr unbind "$PEERMR_BDF" >/dev/null
peermr bind "$PEERMR_BDF" --mode pfn >/dev/null
modprobe -a peerdirect peermr_client
insmod "$here/modules/edu_importer.ko" nic=1
insmod "$here/modules/peer_client.ko"
udevadm settle
echo 1 >/sys/class/infiniband/edu0/peerdirect/enabled

export EDU_DEVICE
EDU_DEVICE=$(echo /dev/edu-*)
status=0
"$here/peerdirect_dma_test" "$PEERMR_WINDOW" || status=$?
if rmmod peer_client edu_importer peermr_client peerdirect; then
	echo "PASS the_modules_go_when_dma_is_over"
else
	echo "FAIL the_modules_go_when_dma_is_over: see above"
	status=1
fi
exit "$status"
