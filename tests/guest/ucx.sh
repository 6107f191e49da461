# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources it
#
# How mpirun is told to have ranks of one guest meet over its two NICs; what works is
# in peermr(7). Sourced.

by_ucx=(--mca pml ucx -x UCX_TLS=rc_verbs,ud_verbs:aux,self
	-x UCX_UD_VERBS_ETH_DGID_CHECK=n)
# Ranks on different NICs: all goes over the wire.
# shellcheck disable=SC2016 # for the shell that mpirun starts
on_its_nic='UCX_NET_DEVICES=rxe$((OMPI_COMM_WORLD_RANK % 2)):1 exec "$0" "$@"'
zero_copy=(-x UCX_RNDV_THRESH=8192)
