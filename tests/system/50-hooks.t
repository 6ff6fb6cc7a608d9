#!/bin/sh
# 50-hooks.t - the example scripts: each by itself, and all together under a real server.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

build=${BUILD:-build}
pids=
work=$(mktemp -d "${TMPDIR:-/tmp}/hooks.XXXXXX")
umask 022

cleanup() {
    status=$?
    trap - EXIT
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit $status
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# make_dump NAME: a finished dump's directory as the server leaves it
make_dump() {
    mkdir -p "$dumps/$1"
    printf '%s\n' client=10.0.0.5 machine=x86_64 bytes=4194304 seconds=1.500 release=6.1.0-test \
        result=complete >"$dumps/$1/info"
    printf '%s\n' 'all is well' '<1>[   12.345678] Unable to handle kernel NULL pointer dereference' \
        'Call trace:' ' some_function+0x1/0x2' '<0>Kernel panic - not syncing: Fatal exception' \
        >"$dumps/$1/log"
    head -c 300000 /dev/urandom >"$dumps/$1/vmcore"
    head -c 700000 /dev/zero >>"$dumps/$1/vmcore"
}

# hook NAME DIRECTORY [VARIABLE=VALUE...]: run an example as the server would
hook() {
    script=$1
    subject=$2
    shift 2
    env -i PATH="$bin:$PATH" LANG=C HOME=/ NETDUMP_DUMPDIR="$dumps" NETDUMP_CLIENT=10.0.0.5 \
        NETDUMP_DIR="$dumps/$subject" NETDUMP_BACKGROUND=1 "$@" \
        "$scripts/$script" 10.0.0.5 "$dumps/$subject"
}

fresh() {
    rm -rf "$dumps"
    mkdir -m 0700 "$dumps"
    mkdir "$dumps/scripts"
}

same_text() {
    printf '%s\n' "$1" | diff - "$2"
}

dumps=$work/dumps
scripts=$work/scripts
bin=$work/bin
mkdir "$scripts" "$bin"
# As they are installed: a clone may belong to a group that may write.
install -m 0755 scripts/netdump-* "$scripts"
one=10.0.0.5-2026-01-02-03:04:05

# -- summary ----------------------------------------------------------------------------------------

fresh
make_dump $one
cat >"$bin/logger" <<END
#!/bin/sh
printf '%s|' "\$@" >"$work/logged"
END
chmod +x "$bin/logger"
check "summary: runs" hook netdump-summary $one
want="--socket-errors=on|-t|netdump|-p|daemon.notice|--|10.0.0.5 crashed: Kernel panic - not syncing: \
Fatal exception; dump complete, 4 MiB in 1.500 s, $dumps/$one|"
check "summary: one line for the system log" test "$(cat "$work/logged")" = "$want"
printf 'SUMMARY_PRIORITY=kern.crit\n' >"$dumps/scripts/netdump-hooks.conf"
hook netdump-summary $one >/dev/null
check "summary: SUMMARY_PRIORITY" grep -q '|kern.crit|' "$work/logged"
printf '#!/bin/sh\nexit 1\n' >"$bin/logger"
hook netdump-summary $one >"$work/out"
check "summary: printed if there is no system log" grep -q '^10.0.0.5 crashed: Kernel' "$work/out"
sed -i '/panic/d' "$dumps/$one/log"
hook netdump-summary $one >"$work/out"
check "summary: level and time of kernel messages are removed" \
    grep -q 'crashed: Unable to handle kernel NULL pointer dereference; dump' "$work/out"
rm "$dumps/$one/log"
hook netdump-summary $one >"$work/out"
check "summary: a dump without a log" grep -q 'no panic message in the log' "$work/out"
rm "$bin/logger"

# -- mail -------------------------------------------------------------------------------------------

fresh
make_dump $one
cat >"$bin/mail" <<END
#!/bin/sh
printf '%s|' "\$@" >"$work/mailed"
cat >"$work/text"
END
cat >"$bin/crash" <<END
#!/bin/sh
echo "crash was asked: \$*"
cat
END
chmod +x "$bin/mail" "$bin/crash"
check "mail: runs" hook netdump-mail $one
check "mail: to root, with the result in the subject" \
    test "$(cat "$work/mailed")" = "-s|10.0.0.5 crashed, dump complete|root|"
check "mail: begins with the panic message" \
    test "$(head -n 1 "$work/text")" = "Kernel panic - not syncing: Fatal exception"
check "mail: has the oops" grep -q 'some_function+0x1/0x2' "$work/text"
check "mail: has the info" grep -q '^result=complete$' "$work/text"
check "mail: does not run crash without the kernel" not grep -q 'crash was asked' "$work/text"
mkdir "$dumps/scripts/vmlinux"
echo kernel >"$dumps/scripts/vmlinux/10.0.0.5"
echo "MAIL_TO=admins@example.org" >"$dumps/scripts/netdump-hooks.conf"
hook netdump-mail $one >/dev/null
check "mail: MAIL_TO" grep -q '|admins@example.org|' "$work/mailed"
check "mail: runs crash if the kernel is known" \
    grep -q "crash was asked: -s $dumps/scripts/vmlinux/10.0.0.5 $dumps/$one/vmcore" "$work/text"
check "mail: crash prints the backtrace" grep -qx bt "$work/text"
printf '#!/bin/sh\nexit 75\n' >"$bin/mail"
check "mail: fails if mail fails" not hook netdump-mail $one

# -- compress ---------------------------------------------------------------------------------------

fresh
if command -v zstd >/dev/null; then
    make_dump $one
    cp "$dumps/$one/vmcore" "$work/before"
    check "compress: runs" hook netdump-compress $one
    check "compress: the memory is in vmcore.zst" \
        sh -c "zstd -q -d -c <'$dumps/$one/vmcore.zst' | cmp - '$work/before'"
    check "compress: vmcore is removed" test ! -e "$dumps/$one/vmcore"
    check "compress: a second time does nothing" hook netdump-compress $one
    make_dump $one
    mv "$dumps/$one/vmcore" "$dumps/$one/vmcore-incomplete"
    hook netdump-compress $one >/dev/null 2>&1
    check "compress: a partial dump is kept" test -f "$dumps/$one/vmcore-incomplete"
    fresh
    make_dump $one
    printf '#!/bin/sh\nexit 1\n' >"$bin/zstd"
    chmod +x "$bin/zstd"
    check "compress: fails if zstd fails" not hook netdump-compress $one
    check "compress: after a failure vmcore is kept" \
        test "$(ls "$dumps/$one")" = "$(printf 'info\nlog\nvmcore')"
    rm "$bin/zstd"
else
    skip "compress" "no zstd"
fi
fresh
make_dump $one
mkdir "$dumps/scripts/vmlinux"
echo kernel >"$dumps/scripts/vmlinux/10.0.0.5"
cat >"$bin/makedumpfile" <<END
#!/bin/sh
printf '%s|' "\$@" >"$work/filtered"
echo small >"\$7"
END
chmod +x "$bin/makedumpfile"
check "compress: filters if the kernel is known" hook netdump-compress $one
check "compress: arguments of makedumpfile" test "$(cat "$work/filtered")" = \
    "-c|-d|31|-x|$dumps/scripts/vmlinux/10.0.0.5|vmcore|vmcore.part|"
check "compress: only vmcore.kdump remains" \
    test "$(ls "$dumps/$one")" = "$(printf 'info\nlog\nvmcore.kdump')"
printf '#!/bin/sh\nexit 1\n' >"$bin/makedumpfile"
rm "$bin/mail" "$bin/crash"

# -- upload -----------------------------------------------------------------------------------------

if command -v rclone >/dev/null; then
    fresh
    make_dump $one
    touch "$dumps/$one/journal" "$dumps/$one/vmcore.part"
    check "upload: nothing to do without UPLOAD_TO" hook netdump-upload $one
    mkdir "$work/storage"
    address=127.0.0.1:$((20000 + $$ % 10000))
    # Newer ones can serve S3; else s3rver, of npm, does; else another protocol has to do.
    if rclone serve s3 --help 2>&1 | grep -q -- --auth-key; then
        mkdir "$work/storage/bucket"
        rclone --config "$work/none" serve s3 --auth-key key,secret --addr $address \
            "$work/storage" >"$work/serve.log" 2>&1 &
        printf '%s\n' '[store]' type=s3 provider=Rclone access_key_id=key \
            secret_access_key=secret "endpoint=http://$address" >"$work/rclone.conf"
        there=bucket
        echo "# the storage is S3, by rclone"
    elif command -v s3rver >/dev/null; then
        s3rver --silent --directory "$work/storage" --address 127.0.0.1 --port "${address#*:}" \
            --configure-bucket bucket >"$work/serve.log" 2>&1 &
        printf '%s\n' '[store]' type=s3 provider=Other access_key_id=S3RVER \
            secret_access_key=S3RVER force_path_style=true "endpoint=http://$address" \
            >"$work/rclone.conf"
        there=bucket
        echo "# the storage is S3, by s3rver"
    else
        echo "# the storage is WebDAV, by rclone"
        rclone --config "$work/none" serve webdav --addr $address "$work/storage" \
            >"$work/serve.log" 2>&1 &
        printf '%s\n' '[store]' type=webdav vendor=other "url=http://$address" \
            >"$work/rclone.conf"
        there=crashes
    fi
    pids="$pids $!"
    stored() {
        env -i PATH="$PATH" HOME=/ rclone --config "$work/rclone.conf" "$@"
    }
    await stored lsf store: || cat "$work/serve.log"
    printf '%s\n' "UPLOAD_TO=store:$there" "RCLONE_CONFIG=$work/rclone.conf" \
        >"$dumps/scripts/netdump-hooks.conf"
    check "upload: runs" hook netdump-upload $one
    check "upload: info, log and vmcore are there" \
        test "$(stored lsf "store:$there/$one")" = "$(printf 'info\nlog\nvmcore')"
    stored cat "store:$there/$one/vmcore" >"$work/vmcore" || true
    check "upload: the uploaded vmcore is complete" cmp "$dumps/$one/vmcore" "$work/vmcore"
    check "upload: the local vmcore is kept" test -f "$dumps/$one/vmcore"
    echo UPLOAD_REMOVE=yes >>"$dumps/scripts/netdump-hooks.conf"
    hook netdump-upload $one >/dev/null 2>&1
    check "upload: UPLOAD_REMOVE removes the local vmcore only" \
        test "$(ls "$dumps/$one")" = "$(printf 'info\njournal\nlog\nvmcore.part')"
    make_dump $one
    sed -i "s/$address/127.0.0.1:1/" "$work/rclone.conf"
    check "upload: fails without the storage" not hook netdump-upload $one RCLONE_RETRIES=1 \
        RCLONE_LOW_LEVEL_RETRIES=1
    check "upload: after a failure nothing is removed" test -f "$dumps/$one/vmcore"
else
    skip "upload" "no rclone"
fi

# -- prune ------------------------------------------------------------------------------------------

# Five dumps, the newest first in the list, each a day (and a minute) older than the one before.
make_five() {
    fresh
    five=
    for days in 0 1 2 3 4; do
        name=10.0.0.$((9 - days))-$(date -d "$days days ago 1 minute ago" +%Y-%m-%d-%H:%M:%S)
        make_dump "$name"
        five="$five $name"
    done
}

# left N: of the five, the newest N are there
left() {
    n=0
    for name in $five; do
        n=$((n + 1))
        if [ $n -le "$1" ]; then
            [ -d "$dumps/$name" ] || return 1
        elif [ -e "$dumps/$name" ]; then
            return 1
        fi
    done
}

# prune NAME DIRECTORY VARIABLE=VALUE...: called by this name
prune() {
    name=$1
    subject=$2
    shift 2
    env -i PATH="$bin:$PATH" NETDUMP_DUMPDIR="$dumps" NETDUMP_HOOK="$name" "$@" \
        "$scripts/netdump-prune" 10.0.0.5 "$dumps/$subject"
}

# df_says FREE...: what df says of the free percent, one after another, then the last one repeatedly
df_says() {
    printf '%s\n' "$@" >"$work/free"
    cat >"$bin/df" <<END
#!/bin/sh
free=\$(head -n 1 "$work/free")
[ "\$(wc -l <"$work/free")" -eq 1 ] || sed -i 1d "$work/free"
printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 1 1 1 %s%% /\n' \\
    \$((100 - free))
END
    chmod +x "$bin/df"
}

make_five
check "prune: removes nothing by default" prune netdump-prune none
check "prune: all dumps remain" left 5
prune netdump-prune none PRUNE_DAYS=2 >"$work/out" 2>&1 || true
check "prune: by age" left 2
check "prune: prints removed dumps" test "$(grep -c '^removed 10\.0\.0\.' "$work/out")" -eq 3
make_five
prune netdump-prune none PRUNE_KEEP=3 >/dev/null
check "prune: by number" left 3
make_five
df_says 2 5 30
prune netdump-prune none PRUNE_FREE=25 >/dev/null
check "prune: oldest first until there is space" left 3
make_five
df_says 1
prune netdump-prune none PRUNE_FREE=90 PRUNE_KEEP=0 PRUNE_DAYS=0 >/dev/null
check "prune: the newest dump is kept" left 1
prune netdump-prune none PRUNE_FREE=90 PRUNE_MIN=0 >/dev/null
check "prune: PRUNE_MIN=0 removes the newest dump" left 0
make_five
df_says 10 25
check "prune: as netdump-nospace requests a retry" not prune netdump-nospace none
check "prune: as netdump-nospace makes room" left 4
check "prune: as netdump-nospace with nothing to remove requests no retry" prune netdump-nospace none
check "prune: as netdump-nospace with nothing to remove removes nothing" left 4
make_five
df_says 1
for name in $five; do
    touch "$dumps/$name/journal"
done
check "prune: running dumps are kept" prune netdump-nospace none
check "prune: all running dumps remain" left 5
make_five
rm -rf "${dumps:?}/${five##* }"
mkdir "$dumps/some-other-directory" "$work/elsewhere"
ln -s "$work/elsewhere" "$dumps/10.0.0.1-2001-01-01-00:00:00"
touch "$dumps/10.0.0.2-2001-01-01-00:00:00"
mkdir "$dumps/precious" "$dumps/precious x-2001-01-01-00:00:00" "$dumps/backup-2001-01-01-00:00:00"
make_dump 10.0.0.3-2001-01-01-00:00:00-2
make_dump "fe80::1%2-2001-01-01-00:00:00"
prune netdump-nospace 10.0.0.3-2001-01-01-00:00:00-2 PRUNE_KEEP=4 >/dev/null || true
check "prune: the dump of the call is kept" test -d "$dumps/10.0.0.3-2001-01-01-00:00:00-2"
check "prune: a dump of an IPv6 client is removed" test ! -e "$dumps/fe80::1%2-2001-01-01-00:00:00"
check "prune: other names are kept" test -d "$dumps/precious" \
    -a -d "$dumps/precious x-2001-01-01-00:00:00" -a -d "$dumps/backup-2001-01-01-00:00:00"
check "prune: other directories are kept" test -d "$dumps/some-other-directory" -a -d "$work/elsewhere" \
    -a -f "$dumps/10.0.0.2-2001-01-01-00:00:00" -a -L "$dumps/10.0.0.1-2001-01-01-00:00:00"
rm "$bin/df"

# -- dispatch ---------------------------------------------------------------------------------------

fresh
make_dump $one
parts=$dumps/scripts/netdump-crash.d
check "dispatch: a missing directory is not an error" hook netdump-dispatch $one NETDUMP_HOOK=netdump-crash
mkdir "$parts"
for part in 20-b 10-a 30-c; do
    printf '#!/bin/sh\necho "%s \044* \044NETDUMP_CLIENT"\n' $part >"$parts/$part"
done
printf '#!/bin/sh\necho 25-fails; exit 3\n' >"$parts/25-fails"
chmod 0755 "$parts"/*
cp "$parts/10-a" "$parts/15-backup~"
cp "$parts/10-a" "$parts/15.dpkg-old"
cp "$parts/10-a" "$parts/40-not-executable"
chmod -x "$parts/40-not-executable"
cp "$parts/10-a" "$parts/50-everybody"
chmod 0777 "$parts/50-everybody"
status=0
hook netdump-dispatch $one NETDUMP_HOOK=netdump-crash >"$work/out" || status=$?
args="10.0.0.5 $dumps/$one 10.0.0.5"
check "dispatch: allowed hooks run in order, also after a failure" same_text "10-a $args
20-b $args
25-fails
25-fails exited with status 3
30-c $args
$parts/50-everybody is writable by its group or others; run \"chmod go-w $parts/50-everybody\"" "$work/out"
check "dispatch: exit status of the failed hook" test $status -eq 3
chmod 0777 "$parts"
check "dispatch: refuses a world-writable directory" \
    not hook netdump-dispatch $one NETDUMP_HOOK=netdump-crash

# -- all together, under a server -------------------------------------------------------------------

fresh
mkdir "$dumps/scripts/netdump-reboot.d"
for pair in start:dispatch crash:dispatch reboot:dispatch nospace:prune; do
    ln -s "$scripts/netdump-${pair#*:}" "$dumps/scripts/netdump-${pair%:*}"
done
ln -s "$scripts/netdump-summary" "$dumps/scripts/netdump-reboot.d/10-summary"
ln -s "$scripts/netdump-mail" "$dumps/scripts/netdump-reboot.d/20-mail"
cat >"$dumps/scripts/netdump-reboot.d/30-slow" <<END
#!/bin/sh
while [ ! -e "$work/go" ]; do sleep 0.1; done
: >"\$2/slept"
END
cat >"$bin/mail" <<END
#!/bin/sh
cat >"$work/text"
END
chmod 0755 "$dumps/scripts/netdump-reboot.d/30-slow" "$bin/mail"
echo "MAIL_COMMAND=$bin/mail" >"$dumps/scripts/netdump-hooks.conf"
"$build/netdump-server" --config=/dev/null --port=0 --dumpdir="$dumps" 2>"$work/server.log" &
server=$!
pids="$pids $server"
await grep -q 'listening on' "$work/server.log"
port=$(sed -n 's/.*listening on .* port \([0-9]*\),.*/\1/p' "$work/server.log")
check "server: a dump with all hooks" timeout 600 "$build/netdump-sim" --quiet --size=4M --seed=1 \
    --bind=127.0.0.50 --verify="$dumps" "127.0.0.1:$port"
dir=$(echo "$dumps"/127.0.0.50-*)
check "server: the client reboots while hooks run in the background" \
    test ! -e "$dir/slept"
: >"$work/go"
check "server: background hooks complete" await test -e "$dir/slept"
check "server: the mail is about this dump" grep -q "^The dump is in $dir\$" "$work/text"
check "server: no warnings about hooks" not grep -E 'netdump-[a-z]+\[' "$work/server.log"
check "server: no errors in the background" not grep -E 'exited with status|not found|unbound' "$dir/hooks.log"

plan
