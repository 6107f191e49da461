#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# rxe_dmabuf.sh EXPORTER: what Soft-RoCE does with dma-bufs of peermr or udmabuf,
# in a guest with --rxe patched --rdma-core patched.
set -uo pipefail

here=$(dirname -- "$(realpath -- "$0")")
verdict=77
for program in rxe_dmabuf_test rxe_dmabuf_life_test; do
	status=0
	"$here/$program" "$1" || status=$?
	case $status:$verdict in
	77:* | 0:1) ;;
	0:*) verdict=0 ;;
	1:*) verdict=1 ;;
	*) exit "$status" ;;
	esac
done
exit "$verdict"
