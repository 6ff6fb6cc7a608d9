#!/bin/sh
# 55-service.t - make install, the init script, the systemd unit, the shell's completion, bootstrap.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

build=$(realpath "${BUILD:-build}")
work=$(mktemp -d "${TMPDIR:-/tmp}/service.XXXXXX")

cleanup() {
    status=$?
    trap - EXIT
    for file in "$work"/run/*.pid; do
        [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    rm -rf "$work"
    exit $status
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# status STATUS COMMAND...
status() {
    want=$1
    shift
    got=0
    "$@" || got=$?
    [ $got -eq "$want" ]
}

# -- make install -----------------------------------------------------------------------------------

# Quietly, with what is built, and without a jobserver of the make that runs us.
make_install() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s BUILD="$build" DESTDIR="$work/dest" \
        prefix=/opt/nd sysconfdir=/opt/etc localstatedir=/opt/var "$@"
}

check "make install" make_install install
dest=$work/dest/opt
for file in nd/sbin/netdump-server nd/bin/netdump-sim etc/init.d/netdump-server \
    nd/share/doc/netdump-server/examples/netdump-mail; do
    check "installs $file, executable" test -x "$dest/$file"
done
for file in etc/netdump-server.conf etc/logrotate.d/netdump-server etc/default/netdump-server \
    nd/lib/systemd/system/netdump-server.service nd/lib/sysusers.d/netdump-server.conf \
    nd/lib/tmpfiles.d/netdump-server.conf nd/share/man/man8/netdump-server.8 \
    nd/share/man/man5/netdump-server.conf.5 nd/share/man/man1/netdump-sim.1 \
    nd/share/doc/netdump-server/README nd/share/doc/netdump-server/clients.md \
    nd/share/bash-completion/completions/netdump-server; do
    check "installs $file" test -s "$dest/$file"
done
check "the unit starts the installed program" \
    grep -qx ExecStart=/opt/nd/sbin/netdump-server "$dest/nd/lib/systemd/system/netdump-server.service"
check "the init script starts the installed program" \
    grep -qx daemon=/opt/nd/sbin/netdump-server "$dest/etc/init.d/netdump-server"
check "no file contains the paths of a package" \
    not grep -rnE '(^|[^t.])(/usr/sbin/netdump|/var/spool/crash|/etc/netdump-server)' \
    --include='netdump-server*' --include='*.md' "$dest/etc" "$dest/nd/lib" "$dest/nd/share/man"
echo mine >"$dest/etc/netdump-server.conf"
make_install install >/dev/null
check "an existing configuration is kept" test "$(cat "$dest/etc/netdump-server.conf")" = mine
make_install uninstall
check "make uninstall keeps only the configuration" \
    test "$(cd "$dest" && find . -type f | sort | tr '\n' ' ')" = \
    "./etc/default/netdump-server ./etc/logrotate.d/netdump-server ./etc/netdump-server.conf "

# -- the init script --------------------------------------------------------------------------------

mkdir -m 0700 "$work/dumps" "$work/run"
printf 'port=0\ndumpdir=%s\n' "$work/dumps" >"$work/conf"
cat >"$work/redhat" <<'END'
success() { printf '[  OK  ]'; }
failure() { printf '[FAILED]'; return 1; }
END

# init LIBRARY COMMAND: the script with our paths, and with one of the libraries
init() {
    sed -e "s,^daemon=.*,daemon=$build/netdump-server," -e "s,^config=.*,config=$work/conf," \
        -e "s,^rundir=.*,rundir=$work/run," -e "s,^user=.*,user=$(id -un)," \
        -e "s,/var/lock/subsys/,$work/no-such-directory/," \
        -e "s,/etc/default/netdump-server,$work/default," -e "s,/etc/sysconfig/netdump-server,," \
        netdump-server.init >"$work/init"
    case $1 in
    redhat) sed -i -e 's,/lib/lsb/init-functions,/nonexistent,' \
        -e "s,/etc/rc.d/init.d/functions,$work/redhat," "$work/init" ;;
    none) sed -i -e 's,/lib/lsb/init-functions,/nonexistent,' \
        -e 's,/etc/rc.d/init.d/functions,/nonexistent,' "$work/init" ;;
    esac
    shift
    sh "$work/init" "$@"
}

pid() {
    cat "$work/run/netdump-server.pid"
}

logged_pid_is() {
    [ "$(cat "$work/dumps/.netdump-server.lock")" = "$1" ]
}

check "chkconfig header: disabled" grep -qx '# chkconfig: - [0-9]* [0-9]*' \
    netdump-server.init
check "LSB header: no start runlevel" grep -qx '# Default-Start: *' \
    netdump-server.init
check "no command: usage" status 2 init debian
check "status: not running" status 3 init debian status
check "stop: nothing to do" init debian stop
check "condrestart: nothing to do" init debian condrestart
check "condrestart does not start the server" status 3 init debian status
for library in debian redhat none; do
    check "$library: start" init $library start
    check "$library: status" init $library status
    first=$(pid)
    check "$library: start again: nothing to do" init $library start
    check "$library: the same server" test "$(pid)" = "$first"
    echo client_timeout=30 >>"$work/conf"
    check "$library: reload" init $library reload
    check "$library: the same server" test "$(pid)" = "$first"
    echo nonsense >>"$work/conf"
    check "$library: reload of a bad configuration fails" status 6 init $library reload
    init $library reload >"$work/out" 2>&1 || true
    check "$library: reload prints the error" grep -q 'conf:[0-9]*: "nonsense" is not a key=value' \
        "$work/out"
    check "$library: the server continues" init $library status
    sed -i -e /nonsense/d -e /client_timeout/d "$work/conf"
    check "$library: restart" init $library restart
    check "$library: another server" test "$(pid)" != "$first"
    first=$(pid)
    check "$library: condrestart" init $library condrestart
    check "$library: another server again" test "$(pid)" != "$first"
    check "$library: stop" init $library stop
    check "$library: stopped" status 3 init $library status
done
# That reading fails although it is there is as near as a test comes to a process that ends just now.
mkdir -p "$work/proc/1/comm"
echo 1 >"$work/run/netdump-server.pid"
init debian status >/dev/null 2>&1 || true
sed -i "s,/proc/,$work/proc/," "$work/init"
sh "$work/init" status >/dev/null 2>"$work/out" || true
check "status while the server exits" test ! -s "$work/out"
echo 9999999 >"$work/run/netdump-server.pid"
check "a stale pidfile" status 1 init debian status
check "start with a stale pidfile" init debian start
init debian stop >/dev/null
echo prot=1 >>"$work/conf"
check "a failed start is reported" status 1 init debian start
init debian start >"$work/out" 2>&1 || true
check "a failed start prints the reason" grep -q 'unknown key "prot"; did you mean "port"' "$work/out"
sed -i /prot/d "$work/conf"
echo 'DAEMON_ARGS="--concurrent=7777"' >"$work/default"
check "options from the defaults file" status 1 init debian start
rm "$work/default"

# -- systemd ----------------------------------------------------------------------------------------

# The datagrams of Type=notify, as systemd gets them.
check "readiness, reload and stop are reported to systemd" python3 - "$build/netdump-server" "$work" <<'END'
import os, signal, socket, subprocess, sys
server, work = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(work + "/notify")
s.settimeout(120)
p = subprocess.Popen([server, "--config=" + work + "/conf"], stderr=subprocess.DEVNULL,
                     env=dict(os.environ, NOTIFY_SOCKET=work + "/notify"))
def told(*wanted):
    got = []
    while len(got) < len(wanted):
        got += [l for l in s.recv(4096).decode().split("\n") if l.partition("=")[0] in
                ("READY", "RELOADING", "STOPPING")]
    assert got == list(wanted), got
try:
    told("READY=1")
    p.send_signal(signal.SIGHUP)
    told("RELOADING=1", "READY=1")
    p.send_signal(signal.SIGTERM)
    told("STOPPING=1")
    assert p.wait(120) == 0
finally:
    p.kill()
END

if command -v systemd-analyze >/dev/null &&
    systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
    systemd-analyze security --offline=true packaging/netdump-server.service >"$work/security" 2>&1 ||
        true
    exposure=$(sed -n 's/.*exposure level.*: \([0-9.]*\).*/\1/p' "$work/security")
    echo "# systemd-analyze security: ${exposure:-no answer}"
    check "the unit's exposure is below 3.0" awk "BEGIN { exit !(\"$exposure\" != \"\" && $exposure < 3) }"
else
    skip "the unit's exposure" "no systemd-analyze that works offline"
fi

# -- the shell's completion -------------------------------------------------------------------------

if [ -r /usr/share/bash-completion/bash_completion ]; then
    # offer LINE...: what is offered for the last word
    offer() {
        PATH=$build:$PATH bash -c '. /usr/share/bash-completion/bash_completion
            . packaging/completion/netdump-server
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
            compopt() { :; }
            _netdump "$1" "${!#}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf "%s\n" "${COMPREPLY[@]}"' - "$@"
    }
    offer netdump-server --st >"$work/out" 2>&1
    check "completion: an option" grep -qx -- --status "$work/out"
    offer netdump-sim --machine i >"$work/out" 2>&1
    check "completion: a machine" test "$(sort "$work/out" | tr '\n' ' ')" = "i386 ia64 "
    offer netdump-server --dumpdir "$work/du" >"$work/out" 2>&1
    check "completion: a directory" grep -qx "$work/dumps" "$work/out"
else
    skip "completion" "no bash-completion"
fi

# -- bootstrap --------------------------------------------------------------------------------------

check "bootstrap --help names its commands" sh -c './bootstrap --help | grep -q "demo|check"'
check "bootstrap without a command is refused" status 2 ./bootstrap nothing
# A system where hardly anything is there, for a user who is not root.
mkdir "$work/bin"
for tool in sh dirname sed sort tr cat printf rm mktemp getconf; do
    ln -s "$(command -v $tool)" "$work/bin/$tool"
done
printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
printf '#!/bin/sh\necho called >%s\n' "$work/called" >"$work/bin/apt-get"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/pkg-config"
chmod +x "$work/bin/id" "$work/bin/apt-get" "$work/bin/pkg-config"
sed "s,^PATH=.*,PATH=$work/bin," bootstrap >"$work/bootstrap"
PATH=$work/bin sh "$work/bootstrap" build >"$work/out" 2>&1 && echo "# it did not fail" >>"$work/out"
check "bootstrap without root prints what to install" grep -qE \
    '^bootstrap:     sudo apt-get install -y .*gcc .*libglib2.0-dev .*libpopt-dev .*make' "$work/out"
check "bootstrap without root installs nothing" test ! -e "$work/called"
check "bootstrap without root fails" not grep -q 'did not fail' "$work/out"
mv "$work/bin/apt-get" "$work/bin/dnf"
PATH=$work/bin sh "$work/bootstrap" build >"$work/out" 2>&1 || true
check "bootstrap prints package names of Fedora" grep -qE 'sudo dnf install -y .*glib2-devel .*popt-devel' \
    "$work/out"
rm "$work/bin/dnf"
PATH=$work/bin sh "$work/bootstrap" build >"$work/out" 2>&1 || true
check "bootstrap on other systems prints the names" grep -q 'neither apt-get nor dnf' "$work/out"

plan
