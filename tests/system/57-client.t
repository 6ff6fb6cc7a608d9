#!/bin/sh
# 57-client.t - the client's service without its kernel module: what netdump-client, its init script
# and its units do, with real routes, neighbours and sshd. Only modprobe is a stand-in, which shows the
# parameters that it was called with in /sys as the module would.
#
# It runs as root in namespaces of its own; /etc, /usr and /var are laid over, so that `make
# install-client` can put everything where a package does, and nothing of it stays. `server` is a
# neighbour on lan0, `gateway` one on wan0.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu
export LC_ALL=C
umask 022

if [ "${1:-}" != inside ]; then
    for tool in ip unshare setpriv make getent; do
        command -v $tool >/dev/null || PATH=$PATH:/usr/sbin:/sbin
        command -v $tool >/dev/null || { echo "1..0 # SKIP no $tool" && exit 0; }
    done
    work=$(mktemp -d /tmp/client.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    # shellcheck disable=SC2016 # that shell's $1
    unshare --mount --net --pid --fork sh -c 'mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir up work &&
        mount -t overlay overlay -o lowerdir=/etc,upperdir=up,workdir=work /etc &&
        ip link add name a type veth peer name b' - "$work" >/dev/null 2>&1 ||
        { echo "1..0 # SKIP not root, or no namespaces, overlays or veth devices here" && exit 0; }
    status=0
    unshare --mount --net --pid --ipc --uts --fork --kill-child "$0" inside "$work" || status=$?
    exit $status
fi

work=$2
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# expect STATUS TEXT COMMAND...: it ends with that status, and says that ("" = nothing at all)
expect() {
    want=$1
    text=$2
    shift 2
    tests=$((tests + 1))
    got=0
    "$@" >"$work/said" 2>&1 </dev/null || got=$?
    good=not
    if [ $got -eq "$want" ]; then
        case $text in
        '') [ -s "$work/said" ] || good= ;;
        *) ! grep -qF -- "$text" "$work/said" || good= ;;
        esac
    fi
    did="$*"
    echo "${good:+not }ok $tests - ${about:+$about: }${did##*/}${text:+: \"$text\"}, status $want"
    if [ -n "$good" ]; then
        failed=$((failed + 1))
        echo "# status $got, and it said:"
        sed 's/^/#   /' "$work/said"
    fi
}

configure() {
    printf '%s\n' "$@" >/etc/default/netdump
}

# loaded TARGET [PARAMETER...]: the last modprobe had exactly these
loaded() {
    [ "$(tail -n 1 "$work/calls")" = "netdump netdump=$*" ] || {
        tail -n 1 "$work/calls"
        return 1
    }
}

calls() {
    grep -cv '^-n' "$work/calls"
}

# -- the world --------------------------------------------------------------------------------------

source_tree=$(pwd)
mount -t proc proc /proc
mount -t tmpfs tmpfs "$work"
for dir in etc usr var; do
    mkdir -p "$work/over/$dir" "$work/over/$dir.work"
    mount -t overlay overlay \
        -o "lowerdir=/$dir,upperdir=$work/over/$dir,workdir=$work/over/$dir.work" "/$dir"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /sys
mkdir -p /sys/module /run/sshd "$work/home"
cd "$source_tree"
rm -rf /etc/init.d/netdump /etc/default/netdump /etc/sysconfig/netdump /usr/src/netdump-* /var/lib/netdump
sed -i "s,^\(root:.*:\)[^:]*\(:[^:]*\)$,\1$work/home\2," /etc/passwd
hostname crasher

ip link set lo up
for pair in server:lan0:192.0.2:fd00:2: gateway:wan0:203.0.113:fd00:3:; do
    name=${pair%%:*}
    rest=${pair#*:}
    dev=${rest%%:*}
    rest=${rest#*:}
    v4=${rest%%:*}
    v6=${rest#*:}
    ip netns add "$name"
    ip link add name "$dev" type veth peer name eth0 netns "$name"
    ip -n "$name" link set lo up
    for address in "$v4.1/24" "$v6:1/64"; do
        ip -n "$name" address add "$address" dev eth0 nodad
    done
    ip -n "$name" link set eth0 up
    for address in "$v4.17/24" "$v6:17/64"; do
        ip address add "$address" dev "$dev" nodad
    done
    ip link set "$dev" up
done
# What it answers to neighbour solicitations has the flag of a router.
ip netns exec gateway sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
ip route add 198.51.100.0/24 via 203.0.113.1
ip route add fd00:9::/64 via fd00:3::1
ip route add 198.18.0.0/16 via inet6 fd00:3::1 dev wan0
mac_of() {
    ip -n "$1" -o link show eth0 | sed 's,.*link/ether \([^ ]*\).*,\1,'
}
server_mac=$(mac_of server)
gateway_mac=$(mac_of gateway)

client_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s BUILD="${BUILD:-build}" prefix=/usr "$@"
}

# -- installed as by a package ----------------------------------------------------------------------

about=
check "make install-client" client_make install-client
version=$(sed -n 's/^VERSION := //p' Makefile)
for file in /usr/sbin/netdump-client /etc/init.d/netdump; do
    check "installs $file, executable" test -x $file
done
for file in /etc/default/netdump /usr/lib/systemd/system/netdump.service \
    /usr/lib/systemd/system/netdump-refresh.service /usr/lib/systemd/system/netdump-refresh.timer \
    /usr/share/man/man8/netdump.8 /usr/share/man/man8/netdump-client.8 \
    "/usr/src/netdump-$version/Kbuild" "/usr/src/netdump-$version/main.c"; do
    check "installs $file" test -s "$file"
done
check "dkms.conf has the version" \
    grep -qx "PACKAGE_VERSION=\"$version\"" "/usr/src/netdump-$version/dkms.conf"
check "all sources of the module are installed" \
    test "$(cd client/module && ls -- *.c *.h Kbuild)" = \
    "$(cd "/usr/src/netdump-$version" && ls -- *.c *.h Kbuild)"
# shellcheck disable=SC2016 # that shell's $f
check "the configuration is valid shell and sets only an empty NETDUMPADDR" \
    test "$(sed '/^#/d; /^$/d' /etc/default/netdump)" = NETDUMPADDR=
if command -v systemd-analyze >/dev/null; then
    for unit in netdump.service netdump-refresh.service netdump-refresh.timer; do
        expect 0 '' systemd-analyze verify --man=no /usr/lib/systemd/system/$unit
    done
else
    skip "systemd-analyze verify" "no systemd-analyze"
fi

rm -f /usr/sbin/modprobe
cat >/usr/sbin/modprobe <<END
#!/bin/sh
work=$work
END
cat >>/usr/sbin/modprobe <<'END'
echo "$*" >>"$work/calls"
if [ -e "$work/no-module" ]; then
    echo "modprobe: FATAL: Module netdump not found in directory /lib/modules/6.1.0" >&2
    exit 1
fi
[ "$1" != -n ] || exit 0
if [ "$1" = -r ]; then
    # The read-only parameter of a module whose device is gone.
    umount /sys/module/netdump/parameters/mac 2>/dev/null
    rm -rf /sys/module/netdump
    exit 0
fi
if [ -e "$work/refuse" ]; then
    echo "modprobe: ERROR: could not insert 'netdump': Key was rejected by service" >&2
    exit 1
fi
mkdir -p /sys/module/netdump/parameters
cd /sys/module/netdump/parameters
for word in "$@"; do
    case $word in
    *=*) echo "${word#*=}" >"${word%%=*}" ;;
    esac
done
sed 's,.*/,,' netdump >mac
END
chmod 0755 /usr/sbin/modprobe
: >"$work/calls"
client=/usr/sbin/netdump-client
init=/etc/init.d/netdump
here=/sys/module/netdump/parameters

# -- not configured ---------------------------------------------------------------------------------

about="not configured"
expect 6 "NETDUMPADDR is not set in /etc/default/netdump; set it to the netdump server" $client start
expect 6 "NETDUMPADDR is not set" $client restart
expect 6 "NETDUMPADDR is not set" $client refresh
expect 3 "not loaded, panics are not dumped" $client status
expect 0 '' $client stop
expect 0 '' $client try-restart
about=
expect 2 "usage: netdump-client start|stop" $client
expect 2 "usage: netdump-client start|stop" $client bogus
cp /usr/sbin/netdump-client "$work/netdump-client"
chmod 0755 "$work" "$work/netdump-client"
for verb in start stop restart refresh propagate; do
    expect 4 "must be root" setpriv --reuid=65534 --clear-groups "$work/netdump-client" $verb
done
expect 3 "not loaded" setpriv --reuid=65534 --clear-groups "$work/netdump-client" status
check "nothing was loaded" not test -s "$work/calls"

# -- the way to the server --------------------------------------------------------------------------

about="a server on the same link"
configure NETDUMPADDR=192.0.2.1
expect 0 "panics are dumped from lan0 (192.0.2.17) to 192.0.2.1 port 6688 over $server_mac" $client start
check "$about: module parameters" loaded \
    "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60
expect 0 "panics are dumped: 6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac, MAC address $server_mac" \
    $client status
expect 0 '' $client start
expect 0 '' $client refresh
check "a second start does not load again" test "$(calls)" -eq 1
expect 0 "panics are no longer dumped" $client stop
check "stop unloads" test "$(tail -n 1 "$work/calls")" = "-r netdump"
expect 3 "not loaded" $client status

# way ADDRESS TARGET: started with that address, the module gets that target
way() {
    configure "NETDUMPADDR=$1"
    expect 0 "panics are dumped from" $client start
    check "$about: module parameters" loaded "$2" timeout=60
    $client stop >/dev/null
}

about="a server behind a gateway"
way 198.51.100.1 "6666@203.0.113.17/wan0,6688@198.51.100.1/$gateway_mac"
about="a server behind a gateway that has IPv6 only"
way 198.18.0.1 "6666@203.0.113.17/wan0,6688@198.18.0.1/$gateway_mac"
about="IPv6"
way fd00:2::1 "6666@fd00:2::17/lan0,6688@fd00:2::1/$server_mac"
about="IPv6 behind a router"
way fd00:9::1 "6666@fd00:3::17/wan0,6688@fd00:9::1/$gateway_mac"
about="a name"
printf '192.0.2.1 crashbox\n' >>/etc/hosts
way crashbox "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac"
about="a link-local address"
await sh -c '! ip address show dev lan0 | grep -q tentative'
link_local() {
    ip ${1:+-n "$1"} -o -6 address show dev "$2" scope link | sed 's,.*inet6 \([^/]*\)/.*,\1,'
}
way "$(link_local server eth0)%lan0" \
    "6666@$(link_local '' lan0)/lan0,6688@$(link_local server eth0)/$server_mac"

about="all of the classic names"
configure NETDUMPADDR=198.51.100.1 NETDUMPPORT=6666 LOCALPORT=7000 DEV=wan0 IDLETIMEOUT=30 \
    NETDUMPMACADDR=02:00:5E:00:00:01 'MODULEOPTIONS="extensions=3"' SYSLOGADDR=192.0.2.5
expect 0 "to 198.51.100.1 port 6666 over 02:00:5E:00:00:01" $client start
check "$about: module parameters" loaded \
    "7000@203.0.113.17/wan0,6666@198.51.100.1/02:00:5E:00:00:01" timeout=30 extensions=3
$client stop >/dev/null

about="another device than the route's"
ip address add 192.0.2.18/24 dev wan0
ip -n gateway address add 192.0.2.1/24 dev eth0
configure NETDUMPADDR=192.0.2.1 DEV=wan0
expect 0 "panics are dumped from wan0 (192.0.2.18)" $client start
check "$about: module parameters" loaded \
    "6666@192.0.2.18/wan0,6688@192.0.2.1/$gateway_mac" timeout=60
$client stop >/dev/null
ip address delete 192.0.2.18/24 dev wan0
ip -n gateway address delete 192.0.2.1/24 dev eth0

about="/etc/sysconfig"
rm /etc/default/netdump
mkdir -p /etc/sysconfig
printf 'NETDUMPADDR=192.0.2.1\nLOCALPORT=x\n' >/etc/sysconfig/netdump
expect 6 "LOCALPORT in /etc/sysconfig/netdump must be a number from 1 to 65535, not 'x'" $client start
about="another file"
printf 'NETDUMPADDR=192.0.2.1\nLOCALPORT=7001\n' >"$work/other"
expect 0 "panics are dumped from" env "NETDUMP_CONFIG=$work/other" $client start
check "$about: module parameters" loaded \
    "7001@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60
$client stop >/dev/null
rm /etc/sysconfig/netdump

# -- what goes wrong --------------------------------------------------------------------------------

before=$(calls)
about=
# wrong STATUS TEXT SETTING...
wrong() {
    want_status=$1
    want_text=$2
    shift 2
    about=$*
    configure "$@"
    expect "$want_status" "$want_text" $client start
}
ip route add 224.0.0.0/4 dev lan0
wrong 1 "no route to the server 10.99.99.99: RTNETLINK answers: Network is unreachable" \
    NETDUMPADDR=10.99.99.99
wrong 1 "no route to the server fd00:99::1" NETDUMPADDR=fd00:99::1
wrong 1 "no MAC address for 192.0.2.99 on lan0; check that host, or set NETDUMPMACADDR" NETDUMPADDR=192.0.2.99
wrong 1 "cannot resolve the server 300.1.2.3 (NETDUMPADDR)" NETDUMPADDR=300.1.2.3
wrong 1 "cannot resolve the server nobody.invalid (NETDUMPADDR)" NETDUMPADDR=nobody.invalid
wrong 1 "the server 192.0.2.17 is this host" NETDUMPADDR=192.0.2.17
wrong 1 "the server 127.0.0.1 is this host" NETDUMPADDR=127.0.0.1
wrong 1 "192.0.2.255 is not a unicast address" NETDUMPADDR=192.0.2.255
wrong 1 "224.0.0.1 is not a unicast address" NETDUMPADDR=224.0.0.1
wrong 1 "no network device eth7 (DEV in /etc/default/netdump)" NETDUMPADDR=192.0.2.1 DEV=eth7
wrong 6 "NETDUMPPORT in /etc/default/netdump must be a number from 1 to 65535, not '70000'" \
    NETDUMPADDR=192.0.2.1 NETDUMPPORT=70000
wrong 6 "must be a number from 1 to 65535, not '0'" NETDUMPADDR=192.0.2.1 LOCALPORT=0
wrong 6 "must be a number from 1 to 86400, not '1m'" NETDUMPADDR=192.0.2.1 IDLETIMEOUT=1m
wrong 6 "NETDUMPMACADDR in /etc/default/netdump is not a MAC address: '02:00:00:00:01'" \
    NETDUMPADDR=192.0.2.1 NETDUMPMACADDR=02:00:00:00:01
wrong 6 "must be none, file or ssh, not 'telnet'" NETDUMPADDR=192.0.2.1 NETDUMPKEYEXCHANGE=telnet
check "no module was loaded" test "$(calls)" -eq "$before"
: >"$work/no-module"
wrong 5 "no netdump module for this kernel, $(uname -r)" NETDUMPADDR=192.0.2.1
rm "$work/no-module"
: >"$work/refuse"
wrong 1 "cannot load the kernel module; see dmesg" NETDUMPADDR=192.0.2.1
rm "$work/refuse"
expect 7 'not loaded; run "netdump-client start"' $client refresh

# -- what changes -----------------------------------------------------------------------------------

about="the server has a new card"
configure NETDUMPADDR=192.0.2.1
$client start >/dev/null
before=$(calls)
ip -n server link set eth0 address 02:00:00:00:00:02
expect 0 "new MAC address for 192.0.2.1: 02:00:00:00:00:02" $client refresh
check "$about: the module has the address" grep -qx 02:00:00:00:00:02 $here/mac
expect 0 '' $client refresh
check "$about: the module was not reloaded" test "$(calls)" -eq "$before"
ip -n server link set eth0 address "$server_mac"

about="the network has another gateway"
configure NETDUMPADDR=198.51.100.1
expect 0 "route to the server changed, reloading the module" $client refresh
check "$about: module parameters" loaded \
    "6666@203.0.113.17/wan0,6688@198.51.100.1/$gateway_mac" timeout=60
before=$(calls)
ip -n gateway link add name other type veth peer name none
ip -n gateway link set other address 02:00:00:00:00:03
ip -n gateway address add 203.0.113.2/24 dev eth0
ip neighbour replace 203.0.113.2 lladdr 02:00:00:00:00:03 nud permanent dev wan0
ip route replace 198.51.100.0/24 via 203.0.113.2
expect 0 "new MAC address for 198.51.100.1: 02:00:00:00:00:03" $client refresh
check "$about: the module was not reloaded" test "$(calls)" -eq "$before"
check "$about: a permanent neighbour entry is kept" \
    sh -c 'ip neighbour show 203.0.113.2 | grep -q "02:00:00:00:00:03 PERMANENT"'
ip route replace 198.51.100.0/24 via 203.0.113.1

about="the server is reached through another device"
ip route add 198.51.100.1 via 192.0.2.1
expect 0 "route to the server changed, reloading the module" $client refresh
check "$about: module parameters" loaded \
    "6666@192.0.2.17/lan0,6688@198.51.100.1/$server_mac" timeout=60
ip route delete 198.51.100.1

about="the module has lost its device"
configure NETDUMPADDR=192.0.2.1
$client restart >/dev/null
mount --bind $here/mac $here/mac
mount -o remount,bind,ro $here/mac
expect 0 "kernel module lost lan0, reloading it" $client refresh
check "$about: module parameters" loaded \
    "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60
sed -i 's,lan0,gone0,' $here/netdump
expect 1 "loaded, but gone0 is gone, panics are not dumped" $client status
sed -i 's,gone0,lan0,' $here/netdump

about="loaded, and then there is no way"
before=$(calls)
configure NETDUMPADDR=192.0.2.99
expect 1 "no MAC address for" $client restart
expect 1 "no MAC address for" $client refresh
configure NETDUMPADDR=10.99.99.99
expect 1 "no route" $client try-restart
check "$about: the module is not changed" test "$(calls)" -eq "$before"
expect 0 "panics are dumped: 6666@192.0.2.17/lan0,6688@192.0.2.1/" $client status
$client stop >/dev/null

# -- magic ------------------------------------------------------------------------------------------

about="a magic in a file"
configure NETDUMPADDR=192.0.2.1 NETDUMPKEYEXCHANGE=file
expect 0 "panics are dumped" $client start
magic=$(cat /var/lib/netdump/magic)
check "$about: 16 hexadecimal digits" sh -c "echo '$magic' | grep -Eqx '[0-9a-f]{16}'"
check "$about: mode 0600" test "$(stat -c %a /var/lib/netdump/magic)" = 600
check "$about: the module has the magic" loaded \
    "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60 "magic=0x$magic"
expect 0 "panics are dumped" $client restart
check "$about: the magic is unchanged" test "$(cat /var/lib/netdump/magic)" = "$magic"
$client stop >/dev/null
echo 1234 >/var/lib/netdump/magic
expect 1 "/var/lib/netdump/magic must contain 16 hexadecimal digits" $client start
rm -r /var/lib/netdump
configure NETDUMPADDR=192.0.2.1 NETDUMPKEYEXCHANGE=file NETDUMPMAGICFILE=/proc/nowhere/magic
expect 1 "cannot write /proc/nowhere/magic" $client start

about="ssh"
configure NETDUMPADDR=192.0.2.1 NETDUMPKEYEXCHANGE=ssh
sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd || true)
if [ -z "$sshd" ] || ! command -v ssh >/dev/null || ! command -v perl >/dev/null; then
    skip "the magic by ssh" "no ssh, sshd or perl"
else
    expect 1 'no ssh key; run "netdump-client propagate" once' $client start
    # The server's user, as doc/clients.md sets it up, with a password for propagate to ask for.
    sed -i '/^netdump:/d' /etc/passwd /etc/group /etc/shadow
    echo netdump:x:985:985::/var/spool/crash:/bin/sh >>/etc/passwd
    echo netdump:x:985: >>/etc/group
    perl -e 'print "netdump:", crypt("secret", "\$6\$saltsalt\$"), ":20000:0:99999:7:::\n"' >>/etc/shadow
    rm -rf /var/spool/crash
    install -d -o 985 -g 985 -m 0700 /var/spool/crash /var/spool/crash/magic
    ssh-keygen -q -t ed25519 -N '' -f "$work/host"
    printf '192.0.2.1 %s\n' "$(cut -d' ' -f1,2 "$work/host.pub")" >/etc/ssh/ssh_known_hosts
    cat >"$work/sshd_config" <<END
Port 22
ListenAddress 192.0.2.1
HostKey $work/host
UsePAM no
PasswordAuthentication yes
PidFile $work/sshd.pid
END
    printf '#!/bin/sh\necho secret\n' >"$work/askpass"
    chmod 0755 "$work/askpass"
    start_sshd() {
        ip netns exec server "$sshd" -f "$work/sshd_config" -E "$work/sshd.log"
        await test -s "$work/sshd.pid"
    }
    start_sshd
    expect 1 "cannot install the key for netdump@192.0.2.1" \
        env SSH_ASKPASS=/bin/false SSH_ASKPASS_REQUIRE=force $client propagate
    expect 0 "key installed for netdump@192.0.2.1" \
        env "SSH_ASKPASS=$work/askpass" SSH_ASKPASS_REQUIRE=force $client propagate
    expect 0 "panics are dumped" $client start
    magic=$(cat /var/spool/crash/magic/192.0.2.17)
    check "$about: the server has 16 hexadecimal digits" \
        sh -c "echo '$magic' | grep -Eqx '[0-9a-f]{16}'"
    check "$about: for its own user only" \
        test "$(stat -c %u:%a /var/spool/crash/magic/192.0.2.17)" = 985:600
    check "$about: the module has the same magic" loaded \
        "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60 "magic=0x$magic"
    check "$about: no other files on the server" \
        test "$(ls /var/spool/crash/magic)" = 192.0.2.17
    expect 0 "panics are dumped" $client restart
    second=$(cat /var/spool/crash/magic/192.0.2.17)
    check "$about: each start has a new magic" test "$second" != "$magic"
    check "$about: the module has the new magic" loaded \
        "6666@192.0.2.17/lan0,6688@192.0.2.1/$server_mac" timeout=60 "magic=0x$second"
    expect 0 '' $client refresh
    check "$about: refresh keeps the magic" \
        test "$(cat /var/spool/crash/magic/192.0.2.17)" = "$second"
    about="ssh, and a server that wants the magic"
    build=$(realpath "${BUILD:-build}")
    printf 'port=6688\nsecure=1\nmin_free=0\ndumpdir=/var/spool/crash\n' >"$work/conf"
    cp "$build/netdump-server" "$work/server" # where that user can read it
    ip netns exec server setpriv --reuid=985 --regid=985 --clear-groups "$work/server" \
        "--config=$work/conf" >"$work/server.log" 2>&1 &
    await grep -q 'dumpdir' "$work/server.log"
    for value in "$second" "$magic"; do
        status=0
        timeout 600 "$build/netdump-sim" --quiet --size=1M --magic="$value" --timeout=15 \
            --bind=192.0.2.17 192.0.2.1 >/dev/null 2>&1 || status=$?
        echo "$status" >>"$work/statuses"
    done
    check "$about: the new magic is accepted, the previous one is refused" \
        sh -c "sed 's/[1-9].*/no/' '$work/statuses' | tr '\n' ' ' | grep -x '0 no '"
    about="ssh"
    before=$(calls)
    mv /var/spool/crash/.ssh/authorized_keys "$work/keys"
    expect 1 "cannot store the magic on the server over ssh (as netdump@192.0.2.1" $client restart
    kill "$(cat "$work/sshd.pid")"
    expect 1 "cannot store the magic on the server over ssh" $client restart
    check "$about: the module keeps the magic that the server has" \
        test "$(calls)" -eq "$before"
    $client stop >/dev/null
    mv /usr/bin/ssh /usr/bin/ssh.away
    expect 5 "ssh, for NETDUMPKEYEXCHANGE=ssh, is not installed" $client start
    mv /usr/bin/ssh.away /usr/bin/ssh
fi

# -- the init script --------------------------------------------------------------------------------

about=
configure NETDUMPADDR=192.0.2.1
expect 2 "usage: $init {start|stop" $init
expect 2 "usage: $init {start|stop" $init bogus
expect 3 "not loaded" $init status
expect 0 '' $init try-restart
expect 0 "panics are dumped from lan0" $init start
expect 0 "panics are dumped: " $init status
expect 0 '' $init start
for verb in restart force-reload try-restart condrestart; do
    before=$(calls)
    expect 0 "panics are dumped from lan0" $init $verb
    check "$verb unloads and loads" test "$(calls)" -eq $((before + 2))
done
expect 0 "panics are no longer dumped" $init stop
expect 0 '' $init stop
expect 3 "not loaded" $init status
configure NETDUMPADDR=
expect 6 "NETDUMPADDR is not set" $init start

about=
mv $client "$work/away"
expect 5 '' $init start
expect 0 '' $init stop
mv "$work/away" $client
check "make uninstall-client" client_make uninstall-client
check "make uninstall-client keeps only the configuration" test "$(cd "$work/over" && find etc usr -name '*netdump*' -type f)" = \
    etc/default/netdump

plan
