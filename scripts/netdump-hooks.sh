# netdump-hooks.sh - what the example scripts share. They read it from the directory that they are in
# themselves, also where they are called by a link.
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later

# shellcheck disable=SC2034 # some use it
hook=${NETDUMP_HOOK:-${0##*/}}
client=${1-}
dir=${2-}
dumpdir=${NETDUMP_DUMPDIR:-/var/spool/crash}

# Settings are shell assignments in this file. It may be missing.
# shellcheck source=/dev/null
[ ! -r "$dumpdir/scripts/netdump-hooks.conf" ] || . "$dumpdir/scripts/netdump-hooks.conf"

# A machine is not told to reboot before its netdump-reboot has ended. What takes long starts itself
# again in a session of its own, and ends. What it prints goes to hooks.log in the dump's directory.
in_background() {
    [ -z "${NETDUMP_BACKGROUND-}" ] || return 0
    NETDUMP_BACKGROUND=1 setsid "$0" "$@" </dev/null >>"$2/hooks.log" 2>&1 &
    exit 0
}

# What the info file says of a key; nothing if it doesn't.
info() {
    [ ! -r "$dir/info" ] || sed -n "s/^$1=//p" "$dir/info"
}

# The line that says best why the machine crashed.
panic_line() {
    for pattern in 'Kernel panic' 'Unable to handle' 'BUG:' 'Oops' 'sysrq'; do
        # Without netconsole's level, kernel time and spaces at the front.
        line=$(grep -a -m 1 -e "$pattern" "$dir/log" 2>/dev/null) || continue
        printf '%s\n' "$line" | sed 's/^<[0-9]*>//; s/^ *\[[ 0-9.]*\] *//; s/^ *//' | cut -c 1-160
        return 0
    done
    echo "no reason found in its log"
}

# The kernel with debuginfo that belongs to the dump: named for the machine by a link or file
# scripts/vmlinux/<address>, or found by the release that info tells.
vmlinux() {
    release=$(info release)
    for file in "$dumpdir/scripts/vmlinux/$client" "/usr/lib/debug/lib/modules/$release/vmlinux" \
        "/usr/lib/debug/boot/vmlinux-$release"; do
        if [ -f "$file" ] && [ -r "$file" ]; then
            echo "$file"
            return 0
        fi
    done
    return 1
}
