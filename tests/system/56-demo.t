#!/bin/sh
# 56-demo.t - the demo shows what it promises, and leaves nothing behind, also when it is interrupted.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

build=$(realpath "${BUILD:-build}")
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
check "the demo removes its directory" test "$(ls "$work")" = "$(printf 'check\nout')"
check "the demo stops its server" no_server

# With machines that fall silent, so that it is in the middle when the signal comes.
mkdir "$work/silent"
ln -s "$build/netdump-server" "$work/silent"
printf '#!/bin/sh\nexec "%s" --silent-after=100 "$@"\n' "$build/netdump-sim" >"$work/silent/netdump-sim"
chmod 0755 "$work/silent/netdump-sim"
for signal in INT TERM; do
    # A background job of the shell ignores INT.
    BUILD=$work/silent TMPDIR=$work python3 - $signal <<'END' >"$work/out" 2>&1
import glob, os, signal, subprocess, sys, time
p = subprocess.Popen(["tests/demo/demo"], start_new_session=True, preexec_fn=lambda: [
    signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)])
end = time.monotonic() + 120
while not glob.glob(os.environ["TMPDIR"] + "/netdump-demo.*/dumps/127.0.0.*") and time.monotonic() < end:
    time.sleep(0.01)
os.killpg(p.pid, getattr(signal, "SIG" + sys.argv[1]))
print("ended with", p.wait(120))
END
    check "SIG$signal ends the demo" grep -q 'ended with 1[34]' "$work/out"
    check "SIG$signal: no server remains" await no_server
    check "SIG$signal: no directory remains" test -z "$(find "$work" -name 'netdump-demo.*')"
done

plan
