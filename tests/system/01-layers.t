#!/bin/sh
# The layer check can fail: it fails when core reads a clock, when a file includes
# one of a layer above it or of a neighbouring folder.
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
cat >>"$tmp/house/src/core/netdump/session.c" <<'END'
gint64 session_cheat(void);
gint64 session_cheat(void)
{
    return g_get_monotonic_time();
}
END
! check && grep -q 'core/netdump/session.o: may not use g_get_monotonic_time' "$tmp/out"
ok $? "core may not read the clock"

# breaks FILE HEADER: the build fails when FILE includes HEADER.
breaks() {
    fresh
    sed -i "1i #include \"$2\"" "$tmp/house/src/$1"
    ! check && grep -q "src/$1: may not include $2" "$tmp/out"
    ok $? "$1 may not include $2"
}

breaks io/store/vmcore.c server/executor.h
breaks io/store/vmcore.c io/net/sock.h
breaks core/netdump/window.h io/sys/log.h
breaks server/report.c cli/table.h
breaks io/sys/files.c files.h

fresh
echo '#include "server/loop.h"' >"$tmp/house/src/io/sys/newroom.c"
! check && grep -q 'src/io/sys/newroom.c: may not include server/loop.h' "$tmp/out"
ok $? "a new file stands under the rule of its folder"

echo "1..$n"
