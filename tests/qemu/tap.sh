# tap.sh - for scripts that boot kernels: test points, and what they need. To be sourced, with $work
# set before the first check; sets $top, the top of the tree.
# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later

top=$(cd "$(dirname "$0")/../../.." && pwd)

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

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
    busybox=$(command -v busybox || true)
    if [ -n "$busybox" ] && readelf -l "$busybox" 2>/dev/null | grep -q INTERP; then
        set -- "$@" /nowhere/static-busybox:busybox-static
    fi
    missing=$("$top/tests/need" "$@" 2>&1) && return 0
    if ! command -v apt-get >/dev/null; then
        echo "1..0 # SKIP no apt-get to install what is $(echo "$missing" | head -n 1)"
        exit 77
    fi
    echo "Bail out! $(echo "$missing" | head -n 1)"
    echo "$missing" | quote
    exit 1
}
