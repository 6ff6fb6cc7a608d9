#!/bin/sh
# 40-readers.t - gdb and readelf read the dumps of all four machines, tshark a dump's requests.
# SPDX-License-Identifier: GPL-2.0-or-later
set -eu

build=${BUILD:-build}
server=
capture=
work=$(mktemp -d "${TMPDIR:-/tmp}/readers.XXXXXX")

cleanup() {
    status=$?
    trap - EXIT
    for pid in $server $capture; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit $status
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

# lacks FILE PATTERN: no line of the file matches (and the file is there)
lacks() {
    [ -f "$1" ] && ! grep -iE "$2" "$1"
}

# start_server: on a port that nobody has; sets server, port and dumps. A taken port ends it at once.
start_server() {
    dumps=$work/dumps
    mkdir -m 700 "$dumps"
    : >"$work/conf"
    port=$((20000 + $$ % 10000))
    for _ in 1 2 3 4 5 6 7 8; do
        port=$((port + 1))
        "$build/netdump-server" --config="$work/conf" --addr=127.0.0.1 --port=$port \
            --dumpdir="$dumps" >"$work/server.log" 2>&1 &
        server=$!
        if await bound $port && kill -0 $server 2>/dev/null; then
            return 0
        fi
        kill $server 2>/dev/null || true
        wait $server || true
        server=
    done
    echo "Bail out! netdump-server does not start"
    quote <"$work/server.log"
    exit 1
}

# bound PORT: our server has it, or has ended
bound() {
    grep -q " 0100007F:$(printf %04X "$1") " /proc/net/udp || ! kill -0 "$server" 2>/dev/null
}

# memory PAGESIZE: 4 MiB of text, each page begins with its number
memory() {
    awk -v size="$1" 'BEGIN {
        for (filler = "."; length(filler) < size; filler = filler filler)
            ;
        for (page = 0; page < 4194304 / size; page++)
            printf "page %08d%s", page, substr(filler, 14)
    }'
}

# registers LENGTH BYTES ORDER: registers of 4 or 8 bytes each, LENGTH bytes altogether; the value of
# the n-th is 0x0102030405060700 + n, or 0x01020300 + n
registers() {
    escapes=$(awk -v length_="$1" -v bytes="$2" -v order="$3" 'BEGIN {
        for (number = 1; number <= length_ / bytes; number++)
            for (i = 0; i < bytes; i++) {
                byte = order == "big" ? i + 1 : bytes - i
                printf "\\%03o", byte == bytes ? number : byte
            }
    }')
    # shellcheck disable=SC2059
    printf "$escapes"
}

# dump ADDRESS MACHINE OPTIONS...: a machine crashes and is dumped; sets vmcore
dump() {
    address=$1
    machine=$2
    shift 2
    status=0
    timeout -k 5 6000 "$build/netdump-sim" --machine="$machine" --bind="$address" --quiet \
        --verify="$dumps" "$@" "127.0.0.1:$port" >"$work/sim.log" 2>&1 || status=$?
    vmcore=$(find "$dumps" -path "$dumps/$address-*/vmcore")
    check "$machine: dumped and verified by the simulator" test $status -eq 0 -a -n "$vmcore"
    [ $status -eq 0 ] || quote <"$work/sim.log"
}

# Where a PT_NOTE and a PT_LOAD are by `readelf -lW`: type, offset, virtual address, and the others
segments() {
    awk '$1 == "NOTE" || $1 == "LOAD" { print $1, $2, $3, $4, $5, $6, $NF }' "$1"
}

# registers_in_note FILE OFFSET: the bytes of the registers that were sent, as they are in the dump
registers_in_note() {
    dd if="$1" bs=1 skip="$2" count="$(wc -c <"$work/regs")" 2>/dev/null | cmp - "$work/regs"
}

# readers NAME ADDRESS CLASS ORDER ELFNAME PAGESIZE PAGEOFFSET REGS PRSTATUS PRREG PSINFO TASK GDBREGS
# The sizes and offsets of the notes are those of the kernels' elf_prstatus of each machine.
readers() {
    name=$1 address=$2 class=$3 order=$4 elfname=$5 page_size=$6 page_offset=$7
    regs=$8 prstatus=$9
    shift 9
    pr_reg=$1 psinfo=$2 task=$3 gdbregs=$4
    memory "$page_size" >"$work/memory"
    registers "$regs" $((class / 8)) "$order" >"$work/regs"
    dump "$address" "$name" --memory="$work/memory" --regs="$work/regs" \
        --page-offset="$page_offset" --task=0x1234
    [ -n "$vmcore" ] || return 0

    readelf -hlnW "$vmcore" >"$work/elf" 2>&1 || true
    check "$name: readelf reports no problem" lacks "$work/elf" 'warning|error'
    check "$name: readelf: class" grep -E "^ *Class: +ELF$class\$" "$work/elf"
    check "$name: readelf: byte order" grep -E "^ *Data: .* $order endian" "$work/elf"
    check "$name: readelf: type" grep -E '^ *Type: +CORE' "$work/elf"
    check "$name: readelf: machine" grep -E "^ *Machine: +$elfname\$" "$work/elf"
    segments "$work/elf" >"$work/segments"
    check "$name: readelf: two segments, the notes first" \
        test "$(cut -d ' ' -f 1 "$work/segments" | tr '\n' ' ')" = "NOTE LOAD "
    want=$(printf 'LOAD 0x%06x 0x%0*x 0x%0*x 0x400000 0x400000 0x%x' "$page_size" $((class / 4)) \
        "$page_offset" $((class / 4)) 0 "$page_size")
    check "$name: readelf: memory is $want" grep -x "$want" "$work/segments"
    for note in "$prstatus NT_PRSTATUS" "$psinfo NT_PRPSINFO" "$task NT_TASKSTRUCT"; do
        want=$(printf '0x%08x' "${note% *}")
        check "$name: readelf: ${note#* } of ${note% *} bytes" \
            grep -E "CORE +${want}[[:space:]]+${note#* } " "$work/elf"
    done
    # The first note's head is n_namesz, n_descsz, n_type, and CORE without a NUL.
    notes=$(awk '$1 == "NOTE" { print $2 }' "$work/segments")
    check "$name: the registers are in NT_PRSTATUS" \
        registers_in_note "$vmcore" $((notes + 16 + pr_reg))

    case $name in
    i386 | x86_64) gdb=$native_gdb ;;
    *) gdb=$other_gdb ;;
    esac
    if [ -z "$gdb" ]; then
        skip "$name: gdb" "no gdb that knows this machine (apt-get install gdb-multiarch)"
        return 0
    fi
    last=$((4194304 - page_size))
    timeout -k 5 600 "$gdb" -nx -batch -ex "core-file $vmcore" -ex 'set print elements 13' \
        -ex "x/s $page_offset" -ex "x/s $page_offset + 5 * $page_size" \
        -ex "x/s $page_offset + $last" -ex 'info registers' >"$work/gdb" 2>&1 </dev/null || true
    for page in 0 5 $((last / page_size)); do
        check "$name: gdb reads page $page" \
            grep -E "^0x[0-9a-f]+:[[:space:]]\"page $(printf %08d $page)\"" "$work/gdb"
    done
    for pair in $gdbregs; do
        check "$name: gdb shows ${pair%:*}" grep -E "^${pair%:*} +0x${pair#*:} " "$work/gdb"
    done
}

# requests COMMAND FIELD: of the requests in the capture that have this command number
requests() {
    timeout -k 5 600 tshark -n -r "$work/pcap" -d "udp.port==$port,netdump" \
        -Y "netdump.command == $1" -T fields -e "$2" 2>"$work/tshark.err"
}

seen_reboot() {
    [ -n "$(requests 3 netdump.command)" ]
}

wireshark() {
    for tool in dumpcap tshark; do
        if ! command -v $tool >/dev/null; then
            skip "tshark decodes the requests" "no $tool (apt-get install tshark)"
            return 0
        fi
    done
    # Requests alone: replies are a thousand bytes each, and a capture may drop some.
    dumpcap -q -i lo -f "udp src port $port" -w "$work/pcap" >"$work/dumpcap.log" 2>&1 &
    capture=$!
    if ! await grep -q '^File: ' "$work/dumpcap.log" || ! kill -0 $capture 2>/dev/null; then
        kill $capture 2>/dev/null || true
        wait $capture || true
        capture=
        skip "tshark decodes the requests" "no capture: $(grep -v -m 1 "^Capturing" "$work/dumpcap.log")"
        return 0
    fi
    dump 127.0.0.9 x86_64 --size=4M --seed=40 --zero=0 --magic=1122334455667788
    check "the capture has the REBOOT" await seen_reboot
    kill -INT $capture
    wait $capture || true
    capture=
    # nr is one for each request, and the replies are told apart by it.
    for request in 7:START_NETDUMP_ACK 6:GET_PAGE_SIZE 5:GET_NR_PAGES 8:GET_REGS 9:SHOW_STATE; do
        requests "${request%:*}" netdump.magic | sort -u >"$work/magic"
        check "tshark: ${request#*:} with the client's magic" \
            grep -x 0x1122334455667788 "$work/magic"
    done
    requests 7 netdump.from | sort -u >"$work/version"
    check "tshark: the ACK's version is 5" test "$(cat "$work/version")" = 0x00000005
    requests 1 netdump.from | sort -u >"$work/asked"
    awk 'BEGIN { for (page = 0; page < 1024; page++) printf "0x%08x\n", page }' >"$work/pages"
    check "tshark: SEND_MEM for each of 1024 pages" diff "$work/pages" "$work/asked"
    timeout -k 5 600 tshark -n -r "$work/pcap" -d "udp.port==$port,netdump" \
        -Y "_ws.malformed || !netdump" >"$work/strange" 2>/dev/null || true
    check "tshark: all requests are well-formed" cmp /dev/null "$work/strange"
}

for tool in readelf timeout awk; do
    command -v $tool >/dev/null || {
        echo "1..0 # SKIP no $tool"
        exit 0
    }
done
native_gdb=
other_gdb=
for gdb in gdb gdb-multiarch; do
    command -v $gdb >/dev/null || continue
    native_gdb=$gdb
    if $gdb -nx -batch -ex 'set architecture ia64-elf64' \
        -ex 'set architecture powerpc:common64' 2>&1 </dev/null | grep -q 'powerpc:common64"'; then
        other_gdb=$gdb
    fi
done

start_server
#       name    address   class byte order ELF's name
readers i386 127.0.0.5 32 little "Intel 80386" 4096 0xc0000000 68 144 72 124 4 \
    "ebx:1020301 eax:1020307 eip:102030d eflags:102030f esp:1020310"
readers x86_64 127.0.0.6 64 little "Advanced Micro Devices X86-64" 4096 0xffff888000000000 \
    216 336 112 136 8 \
    "r15:102030405060701 rdi:10203040506070f rip:102030405060711 rsp:102030405060714"
readers ppc64 127.0.0.7 64 big PowerPC64 4096 0xc000000000000000 384 504 112 136 8 \
    "r0:102030405060701 r31:102030405060720 pc:102030405060721 lr:102030405060725"
# gdb reads ia64's memory, but no version of it reads ia64's registers from a core file elsewhere.
readers ia64 127.0.0.8 64 little "Intel IA-64" 16384 0xe000000000000000 448 1144 112 136 16 ""
wireshark

kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
check "netdump-server exits cleanly" test $status -eq 0
if ! plan; then
    echo "# the server said:"
    quote <"$work/server.log"
    exit 1
fi
