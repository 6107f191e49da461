# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources it
#
# What UCX is told, and how mpirun is to have ranks of one guest meet over its two
# NICs; what works is in peermr(7). Sourced.

ucx=(UCX_TLS=rc_verbs,ud_verbs:aux,self UCX_UD_VERBS_ETH_DGID_CHECK=n)
ucx_zero_copy=UCX_RNDV_THRESH=8192
by_ucx=(--mca pml ucx -x "${ucx[0]}" -x "${ucx[1]}")
zero_copy=(-x "$ucx_zero_copy")
# Ranks on different NICs: all goes over the wire.
# shellcheck disable=SC2016 # for the shell that mpirun starts
on_its_nic='UCX_NET_DEVICES=rxe$((OMPI_COMM_WORLD_RANK % 2)):1 exec "$0" "$@"'
