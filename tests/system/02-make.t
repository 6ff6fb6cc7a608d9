#!/bin/sh
# 02-make.t - `make help` is true: it names every target, and every target that it names is there.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

work=$(mktemp -d "${TMPDIR:-/tmp}/make.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# Not as part of the make that runs this test.
make_() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s "$@"
}

make_ -pq no-such-target >"$work/database" 2>/dev/null || true
make_ help >"$work/help"

# Targets in the help: the first column, where commas separate several.
sed -n 's/^  \([a-z][^ ]*\(, [^ ]*\)*\)  .*/\1/p' "$work/help" | tr -d ' ' | tr ',' '\n' | sort >"$work/documented"
sed -n 's/^\.PHONY: //p' "$work/database" | tr ' ' '\n' | sort >"$work/phony"
sed -n 's/^\([a-z][^ :=]*\):.*/\1/p' "$work/database" | sort >"$work/targets"

check "make help names targets" test "$(wc -l <"$work/documented")" -gt 30
check "no target is listed twice" test -z "$(uniq -d "$work/documented")"
grep -vx 'test-NAME' "$work/documented" >"$work/wanted"
check "every listed target exists" \
    test -z "$(comm -23 "$work/wanted" "$work/targets")"
comm -23 "$work/wanted" "$work/targets" | quote
# Of test-NAME there is one for each test.
grep -v '^test-' "$work/phony" | comm -13 "$work/documented" - >"$work/secret"
check "every .PHONY target is listed" test ! -s "$work/secret"
quote <"$work/secret"

find tests -name '*.t' -o -path 'tests/unit/*' -name 'test-*.c' | sed 's,.*/,,; s,^test-,,; s,\.[ct]$,,; s,^,test-,' |
    sort >"$work/tests"
grep '^test-' "$work/phony" >"$work/single"
check "each test has a target" diff "$work/tests" "$work/single"
check "make test-NAME builds and runs one test" grep -q 'unit/test-rtt' <<END
$(make_ -n BUILD="$work/build" test-rtt)
END
make_ -n BUILD="$work/build" test-rtt >"$work/rtt"
check "make test-NAME builds nothing else" not grep -q 'src/server\|src/sim' "$work/rtt"
plan
