# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Sourced, after cache.sh and with vm_dir set. Reads the table of kernels.
: "${vm_dir:?}"

# shellcheck disable=SC2034 # for those who source this
kernel_default=6.12

# kernel_field NAME COLUMN: one field of the table; fails for an unknown kernel.
kernel_field() {
	awk -v name="$1" -v column="$2" '
		!/^#/ && $1 == name { print $column; found = 1 }
		END { exit !found }' "$vm_dir/kernels"
}

kernel_names() {
	awk '!/^#/ && NF { print $1 }' "$vm_dir/kernels" | paste -sd' '
}

# kernel_configs NAME: the files that configure a kernel of recipe "source".
kernel_configs() {
	kernel_field "$1" 6 | tr ',' '\n' | sed -n "/./s,^,$vm_dir/,p"
}

# kernel_variables NAME: what make is told besides.
kernel_variables() {
	kernel_field "$1" 7 | tr ',' '\n' | sed '/^$/d'
}

# kernel_dir NAME: the cache entry with boot/vmlinuz, boot/release (which holds
# the output of uname -r), usr/lib/modules and usr/src.
kernel_dir() {
	local recipe source key
	local -a configs

	recipe=$(kernel_field "$1" 2)
	source=$(kernel_field "$1" 3)
	mapfile -t configs < <(kernel_configs "$1")
	key=$({ echo "$recipe $source $(kernel_variables "$1")"; cat "$vm_dir/make-kernel-$recipe" \
		"$vm_dir/debian-apt" "${configs[@]}"; } | cache_key -)
	cached "kernel-$1" "$key" "$vm_dir/make-kernel-$recipe" "$1" "$source"
}
