# tap.sh - test points for tests that are shell scripts. To be sourced; $work is a directory that the
# script has made for itself before the first check.
# shellcheck shell=sh
# shellcheck disable=SC2154
# SPDX-License-Identifier: GPL-2.0-or-later

tests=0
failed=0

# quote < TEXT: a program's output as a comment
quote() {
    sed 's/^/#   /'
}

# check DESCRIPTION COMMAND...: ok if the command succeeds; what it prints is shown if it fails
check() {
    description=$1
    shift
    tests=$((tests + 1))
    if "$@" >"$work/check" 2>&1; then
        echo "ok $tests - $description"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $description"
        echo "# failed: $*"
        head -n 20 "$work/check" | quote
    fi
}

skip() {
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

not() {
    ! "$@"
}

# await COMMAND...: until it succeeds, at most $patience seconds (default 120)
await() {
    tries=$((${patience:-120} * 10))
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

# plan: the end of all tests; fails if one has
plan() {
    echo "1..$tests"
    [ "$failed" -eq 0 ] || echo "# $failed of $tests failed"
    [ "$failed" -eq 0 ]
}
