# netdump-hooks.sh - functions shared by the example hooks. They read it from their own directory, also
# if they are called through a symbolic link.
# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later

# shellcheck disable=SC2034 # some use it
hook=${NETDUMP_HOOK:-${0##*/}}
client=${1-}
dir=${2-}
dumpdir=${NETDUMP_DUMPDIR:-/var/spool/crash}

# Settings are shell assignments in this optional file.
# shellcheck source=/dev/null
[ ! -r "$dumpdir/scripts/netdump-hooks.conf" ] || . "$dumpdir/scripts/netdump-hooks.conf"

# The reboot waits for netdump-reboot. So a hook that takes long starts itself in a new session and exits.
# Its output goes to hooks.log in the dump's directory.
in_background() {
    [ -z "${NETDUMP_BACKGROUND-}" ] || return 0
    NETDUMP_BACKGROUND=1 setsid "$0" "$@" </dev/null >>"$2/hooks.log" 2>&1 &
    exit 0
}

# The value of a key of the info file, if it is there.
info() {
    [ ! -r "$dir/info" ] || sed -n "s/^$1=//p" "$dir/info"
}

# The line that best describes the cause of the crash.
panic_line() {
    for pattern in 'Kernel panic' 'Unable to handle' 'BUG:' 'Oops' 'sysrq'; do
        # Without the prefix: log level, time and blanks.
        line=$(grep -a -m 1 -e "$pattern" "$dir/log" 2>/dev/null) || continue
        printf '%s\n' "$line" | sed 's/^<[0-9]*>//; s/^ *\[[ 0-9.]*\] *//; s/^ *//' | cut -c 1-160
        return 0
    done
    echo "no panic message in the log"
}

# The kernel with debuginfo for the dump: the file or link scripts/vmlinux/<address>, or found by the
# release in info.
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
