#!/bin/sh
# The layer check can fail: it does so when the pure core reads a clock, when an effect includes the
# pure core, when a file is in no layer.
#
# SPDX-License-Identifier: GPL-2.0-or-later
set -u

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

ok() {
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' "$tmp/out"
    fi
}

# A copy of the house in which something can be broken.
fresh() {
    rm -rf "$tmp/house"
    mkdir "$tmp/house"
    cp -r Makefile src tests "$tmp/house"
}

# The layer check as `make` runs it.
check() {
    make -C "$tmp/house" BUILD="$tmp/house/build" CC="${CC:-cc}" "$tmp/house/build/layers-ok" \
        >"$tmp/out" 2>&1
}

fresh
check
ok $? "the house as it is keeps its rules"

fresh
cat >>"$tmp/house/src/client.c" <<'EOF'
gint64 client_cheat(void);
gint64 client_cheat(void)
{
    return g_get_monotonic_time();
}
EOF
! check && grep -q 'client.o: may not use g_get_monotonic_time' "$tmp/out"
ok $? "client.c may not read the clock"

fresh
sed -i '1i #include "client.h"' "$tmp/house/src/vmcore.c"
! check && grep -q 'src/vmcore.c: may not include client.h' "$tmp/out"
ok $? "vmcore.c may not include client.h"

fresh
sed -i '1i #include "log.h"' "$tmp/house/src/window.h"
! check && grep -q 'src/window.h: may not include log.h' "$tmp/out"
ok $? "window.h may not include log.h"

fresh
echo '#include "wire.h"' >"$tmp/house/src/newroom.c"
! check && grep -q 'src/newroom.c: is in no layer' "$tmp/out"
ok $? "a new file needs a place in the table"

echo "1..$n"
