#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# bench_mpi.sh ROUNDS: bench_mpi between rxe0 and rxe1.
set -euo pipefail

here=$(dirname -- "$(realpath -- "$0")")
# shellcheck source=tests/guest/ucx.sh
. "$here/ucx.sh"

exec mpirun -n 2 --allow-run-as-root --oversubscribe --bind-to none "${by_ucx[@]}" \
	"${zero_copy[@]}" bash -c "$on_its_nic" \
	"$here/bench_mpi" "${PEERMR_WINDOW##*/}" "$1"
