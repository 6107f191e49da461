# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Sourced. The cache of everything downloaded or built once: guest image, build
# root, kernels. An entry is a directory NAME-KEY, where KEY is a hash of what
# went into it; it appears by rename, so an entry that exists is complete. And
# the directories where a checkout is built, which are written to again and again.

cache_root=${XDG_CACHE_HOME:-$HOME/.cache}/peermr
cache_keep_days=14

# cache_key FILE...: a short hash of the files' contents and of PEERMR_DEBIAN_MIRROR.
cache_key() {
	{ cat -- "$@" && printf '%s' "${PEERMR_DEBIAN_MIRROR:-}"; } |
		sha256sum | cut -c1-16
}

# cache_prune NAME KEEP: drop entries of NAME that no run has used for a while.
cache_prune() {
	local entry

	while IFS= read -r entry; do
		[[ $entry == "$2" ]] || rm -rf -- "$entry"
	done < <(find "$cache_root" -mindepth 1 -maxdepth 1 -name "$1-*" \
		-type d -mtime "+$cache_keep_days")
}

# cached NAME KEY MAKER [ARG...]: print the path of the entry. If there is none,
# MAKER [ARG...] DIR fills an empty DIR first; of several callers one does it.
cached() {
	local name=$1 entry=$cache_root/$1-$2 tmp lock

	shift 2
	mkdir -p "$cache_root"
	if [[ ! -d $entry ]]; then
		exec {lock}>"$cache_root/$name.lock"
		flock "$lock"
		if [[ ! -d $entry ]]; then
			tmp=$(mktemp -d "$cache_root/.$name.XXXXXX")
			chmod 755 "$tmp"
			if ! "$@" "$tmp" >&2 {lock}>&-; then
				rm -rf -- "$tmp"
				return 1
			fi
			mv -T -- "$tmp" "$entry"
			cache_prune "$name" "$entry"
		fi
		exec {lock}>&-
	fi
	touch -- "$entry"
	printf '%s\n' "$entry"
}

# work_dir_of NAME CHECKOUT: the path that work_dir prints.
work_dir_of() {
	echo "$cache_root/$1-$(realpath -- "$2" | tr -d '\n' | sha256sum | cut -c1-16)"
}

# work_dir NAME CHECKOUT: print the directory where NAME builds that checkout. A
# new one begins as a copy of the one last used, so that make and cmake build only
# what the two checkouts differ in; the paths that they see are the same. Callers
# lock DIR/lock, which is also how they are kept from what is being copied.
work_dir() {
	local name=$1 dir last own theirs

	dir=$(work_dir_of "$@")
	mkdir -p "$dir"
	exec {own}>"$dir/lock"
	flock "$own"
	if [[ ! -e $dir/begun ]]; then
		last=$(find "$cache_root" -mindepth 2 -maxdepth 2 -path \
			"$cache_root/$name-????????????????/begun" -printf '%T@ %h\n' |
			sort -rn | sed -n '1s/^[^ ]* //p')
		if [[ -n $last ]]; then
			exec {theirs}<"$last/lock"
			flock "$theirs"
			rsync -a --delete --exclude=/lock --exclude=/begun \
				"$last/" "$dir/" ||
				find "$dir" -mindepth 1 ! -path "$dir/lock" -delete
			exec {theirs}>&-
		fi
	fi
	touch -- "$dir" "$dir/begun"
	exec {own}>&-
	cache_prune "$name" "$dir"
	printf '%s\n' "$dir"
}
