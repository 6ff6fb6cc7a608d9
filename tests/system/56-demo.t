#!/bin/sh
# 56-demo.t - the demo shows what it promises, and leaves nothing behind, also when it is interrupted.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

work=$(mktemp -d "${TMPDIR:-/tmp}/demo-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# Servers of a demo below our directory, which is part of their command line.
no_server() {
    ! grep -slq "dumpdir=$work/" /proc/[0-9]*/cmdline
}

demo() {
    TMPDIR=$work tests/demo/demo >"$work/out" 2>&1
}

check "the demo" demo
for line in '127.0.0.2: verified' '127.0.0.3: verified' 'result=complete' 'NT_PRSTATUS' \
    'netdump-crash 127.0.0.3 in 127.0.0.3-' 'netdump-reboot 127.0.0.2 in' 'KiB on disk .*vmcore'; do
    check "shows $line" grep -q "$line" "$work/out"
done
check "leaves no directory" test "$(ls "$work")" = "$(printf 'check\nout')"
check "leaves no server" no_server

for signal in INT TERM; do
    # A shell's background job ignores INT, so the demo is started by who doesn't.
    TMPDIR=$work python3 - $signal <<'END' >"$work/out" 2>&1
import os, signal, subprocess, sys, time
p = subprocess.Popen(["tests/demo/demo"], start_new_session=True, preexec_fn=lambda: [
    signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)])
time.sleep(1.5)
os.killpg(p.pid, getattr(signal, "SIG" + sys.argv[1]))
print("ended with", p.wait(30))
END
    check "SIG$signal ends it" grep -q 'ended with 1[34]' "$work/out"
    check "SIG$signal: no server is left" await no_server
    check "SIG$signal: no directory is left" test -z "$(find "$work" -name 'netdump-demo.*')"
done

plan
