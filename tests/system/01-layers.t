#!/bin/sh
# The layer check can fail: it fails when core reads a clock, when a file includes
# one of a layer above it or of a neighbouring folder, when it uses what only one protocol has.
#
# SPDX-License-Identifier: GPL-2.0-or-later
set -u

build=${BUILD:-build}
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

# A copy of the source, in which something can be broken, and of its objects: make compiles what was
# broken and nothing else.
fresh() {
    rm -rf "$tmp/house"
    mkdir -p "$tmp/house/build"
    cp -a Makefile src tests client packaging "$tmp/house"
    cp -a "$build/src" "$tmp/house/build"
}

# The layer check as `make` runs it, not as part of the make that runs this test.
check() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$tmp/house" BUILD=build build/layers-ok \
        >"$tmp/out" 2>&1
}

fresh
check
ok $? "the tree follows the layer rules"

fresh
cat >>"$tmp/house/src/core/netdump/netdump.c" <<'END'
gint64 session_cheat(void);
gint64 session_cheat(void)
{
    return g_get_monotonic_time();
}
END
! check && grep -q 'core/netdump/netdump.o: may not use g_get_monotonic_time' "$tmp/out"
ok $? "core must not read the clock"

# breaks FILE HEADER: the build fails when FILE includes HEADER.
breaks() {
    fresh
    sed -i "1i #include \"$2\"" "$tmp/house/src/$1"
    ! check && grep -q "src/$1: may not include $2" "$tmp/out"
    ok $? "$1 must not include $2"
}

breaks io/store/vmcore.c server/executor.h
breaks io/store/vmcore.c io/net/sock.h
breaks core/netdump/window.h io/sys/log.h
breaks server/report.c cli/table.h
breaks io/sys/files.c files.h
breaks server/dump_files.c core/netdump/wire.h
breaks core/clients.c core/netdump/netdump.h

fresh
cat >>"$tmp/house/src/server/report.c" <<'END'
const char *wire_machine_name(guint32 machine);
const char *report_cheat(void);
const char *report_cheat(void)
{
    return wire_machine_name(3);
}
END
! check && grep -q 'server/report.o: may not use wire_machine_name of core/netdump' "$tmp/out"
ok $? "nothing outside a protocol's folder may use its functions"

fresh
echo '#include "server/loop.h"' >"$tmp/house/src/io/sys/newroom.c"
! check && grep -q 'src/io/sys/newroom.c: may not include server/loop.h' "$tmp/out"
ok $? "a new file follows the rule of its folder"

echo "1..$n"
