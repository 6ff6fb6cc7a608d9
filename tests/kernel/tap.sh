# tap.sh - for scripts that boot kernels: test points, and what they need. To be sourced, with $work
# set before the first check.
# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

say() {
    printf '# %s\n' "$*"
}

# limit SECONDS COMMAND...: in the foreground, so that ^C reaches it
limit() {
    timeout --foreground -k 10 "$@"
}

# give_up WHY FILE: without this step the others mean nothing
give_up() {
    tests=$((tests + 1))
    failed=$((failed + 1))
    echo "not ok $tests - $1"
    tail -30 "$2" | quote
    plan
    exit 1
}

# need PROGRAM:PACKAGE...: all of them, and a static busybox as $busybox, or the end
need() {
    missing=
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
    done
    busybox=$(command -v busybox || true)
    if [ -n "$busybox" ] && readelf -l "$busybox" 2>/dev/null | grep -q INTERP; then
        missing="$missing busybox-static"
    fi
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "1..0 # SKIP not found, and no apt-get to install it with:$missing"
        exit 77
    fi
    echo "Bail out! Needed and not found:$missing"
    echo "# apt-get install --no-install-recommends$missing"
    exit 1
}
