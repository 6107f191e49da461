# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Sourced.

# series_is_whole PATCHES: its "series" names each patch there, and all are signed off.
series_is_whole() {
	local unsigned

	diff <(sort "$1/series") \
		<(cd "$1" && printf '%s\n' *.patch | grep -v cover-letter) || return 1
	unsigned=$(sed "s|^|$1/|" "$1/series" | xargs grep -L '^Signed-off-by: ' || true)
	[[ -z $unsigned ]] || { echo "no Signed-off-by: $unsigned" && return 1; }
}
