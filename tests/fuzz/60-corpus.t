#!/bin/sh
# Every fuzzer over its corpus, once: what was found stays fixed.
#
# SPDX-License-Identifier: GPL-2.0-or-later
set -u

fuzz=${BUILD:-build}/fuzz
n=0

echo "1..$(find tests/fuzz -name 'fuzz-*.c' | wc -l)"
for source in tests/fuzz/fuzz-*.c; do
    n=$((n + 1))
    name=$(basename "$source" .c)
    corpus=tests/fuzz/corpus/${name#fuzz-}
    if [ ! -x "$fuzz/$name" ]; then
        echo "ok $n - $name # SKIP not built: no clang with libFuzzer, or SANITIZE"
    elif out=$("$fuzz/$name" -runs=0 "$corpus" 2>&1); then
        echo "ok $n - $name over $(find "$corpus" -type f | wc -l) inputs"
    else
        echo "not ok $n - $name"
        printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
    fi
done
