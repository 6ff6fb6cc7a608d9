#!/usr/bin/env python3
# 05-simulator.t - netdump-sim, packet by packet: is it as strict as the real client, and no stricter?
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import signal
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wiretest import (
    EXIT, free_port, GET_NR_PAGES, GET_PAGE_SIZE, GET_REGS, HELLO, NONE, parse, PATIENCE, R_END,
    R_ERROR, R_HELLO, R_LOG, R_MEM, R_NR_PAGES, R_PAGE_SIZE, R_RESERVED, R_SHOW_STATE, R_START,
    read_pcap, REBOOT, recorded_machine, request, run_sim, SEND_MEM, Server, SHOW_STATE, START_ACK,
    Tap, unpack_captures)

tap = Tap()
work = tempfile.TemporaryDirectory(prefix="netdump-sim-test.")


def path(name):
    return os.path.join(work.name, name)


def write(name, data):
    with open(path(name), "wb") as f:
        f.write(data)
    return path(name)


def test_start():
    starts = {
        "i386": (3, b"task_struct:0xc1f5e000 page_offset:0xc0000000 netdump_magic:0x0\n"),
        "x86_64": (62, b"task_struct:0x10001f5e000 page_offset:0x10000000000 netdump_magic:0x0\n"),
        "ia64": (50, b"task_struct:0xe000000001f58000 page_offset:0xe000000000000000 "
                     b"netdump_magic:0x0\n"),
        "ppc64": (21, b"task_struct:0xc000000001f5c000 page_offset:0xc000000000000000 "
                      b"netdump_magic:0x0\n"),
    }
    for machine, (number, payload) in starts.items():
        with Server(f"--machine={machine}") as s:
            r = s.start()
            tap.equal((r.version, r.nr, r.code, r.info, r.payload), (4, number, R_START, 5, payload),
                      f"START of {machine}")
    with Server("--task=c0de", "--page-offset=0xffffffff80000000", "--magic=0x1122334455667788",
                "--start-text=future:0x1 more:yes") as s:
        tap.equal(s.start().payload,
                  b"task_struct:0xc0de page_offset:0xffffffff80000000 "
                  b"netdump_magic:0x1122334455667788 future:0x1 more:yes\n",
                  "START has task, page offset, magic, and --start-text")
    with Server() as s:
        first, again = s.start(), s.start()
        tap.equal(first.raw, again.raw, "START is repeated")


def test_text():
    text = b"first line\n\nthird, without an end"
    file = write("text", text)
    with Server(f"--text={file}") as s:
        s.start()
        tap.equal(b"".join(r.payload for r in s.text), b"[...network console startup...]\n" + text,
                  "the text before the crash is announced and complete")
        tap.ok(all((r.version, r.nr, r.code) == (4, 0, R_LOG) for r in s.text), "the text is sent in LOG packets")
        offsets = [sum(len(r.payload) for r in s.text[:i]) for i in range(len(s.text))]
        tap.equal([r.info for r in s.text], offsets, "info of LOG is the number of bytes")
        tap.ok(all(r.source[1] != s.client[1] for r in s.text), "the text has its own source port")
    with Server(f"--text={file}", "--netconsole") as s:
        s.start()
        tap.equal([r.raw for r in s.text],
                  [b"<5> [...network console startup...]\n", b"<5> first line\n", b"<5> \n",
                   b"<5> third, without an end"], "netconsole: lines with a level, without a header")
    with Server(f"--text={file}", "--generation=rhel3") as s:
        s.start()
        tap.ok(all(r.source == s.client for r in s.text), "RHEL 3 sends text from its netdump port")
        tap.equal(s.client[1], s.port, "RHEL 3: the source port defaults to the server's")
    with Server("--text=" + write("long", b"x" * 3000 + b"\n")) as s:
        s.start()
        tap.equal([len(r.payload) for r in s.text], [32, 1024, 1024, 953], "long lines are cut at 1024")
    with Server(f"--text={file}", "--no-crash") as s:
        tap.equal(s.wait(), 0, "--no-crash exits")
        tap.ok(s.quiet(0.001) is False and s.unexpected.code == R_LOG, "--no-crash sends its text")
        texts = [s.recv() for _ in range(3)]
        tap.ok(all(r.code == R_LOG for r in texts) and s.quiet(0.001), "--no-crash sends no START")
    log, dump = free_port("127.0.0.2"), free_port("127.0.0.2")
    with Server(f"--text={file}", f"--log-port={log}", f"--port={dump}") as s:
        s.start()
        tap.equal((s.text[0].source[1], s.client[1]), (log, dump), "--port and --log-port set the source ports")


def test_handshake():
    with Server() as s:
        s.start()
        starts = [s.ask(c) for c in (HELLO, GET_REGS, REBOOT, NONE, 4711)]
        tap.ok(all(r.code == R_START for r in starts), "before the ACK any request provokes START")
        s.send(request(0, START_ACK, 5) + b"junk after the request")
        for command in (GET_PAGE_SIZE, GET_NR_PAGES):
            s.tell(command)
        r = s.reply()
        while r.code == R_START:
            r = s.reply()
        tap.equal([r.code, s.reply().code], [R_PAGE_SIZE, R_NR_PAGES],
                  "requests after the ACK are answered in order")
        s.send(request(99, START_ACK, 5))
        r = s.reply()
        tap.equal((r.code, r.info, r.nr), (R_ERROR, START_ACK, 99), "a second ACK gets ERROR 7")
        tap.ok(s.quiet(1.3), "nothing is sent without a request after the handshake")
    for version, should in ((5, 5), (4, 4), (1, 1), (9, 5), (0x101, 1)):
        with Server() as s:
            s.handshake(version)
            tap.equal(s.ask(HELLO).version, should, f"ACK {version:#x} selects version {should}")
    with Server("--generation=rhel3", "--machine=i386") as s:
        s.handshake(5)
        tap.equal(s.ask(HELLO).version, 4, "RHEL 3 uses version 4 for any ACK")
    for version in (0, 0x500):
        with Server() as s:
            s.handshake(version)
            tap.ok(s.wait() == 0 and "rebooted" in s.output(),
                   f"an ACK from {version:#x} reboots a 64-bit client")
    with Server("--machine=i386") as s:
        s.handshake(0)
        s.tell(HELLO)
        tap.ok(any((r := s.recv()).code == R_HELLO and r.nr == s.nr for _ in range(50)),
               "but not an i386")


def test_simple_requests():
    with Server("--size=1M", "--holes=0x9f-0xb7") as s:
        s.handshake()
        r = s.ask(GET_PAGE_SIZE)
        tap.equal((r.code, r.info, r.payload), (R_PAGE_SIZE, 4096, b"PAGE_SIZE: 4096\n"), "PAGE_SIZE")
        r = s.ask(GET_NR_PAGES)
        tap.equal((r.code, r.info, r.payload), (R_NR_PAGES, 256, b"Number of pages: 256\n"), "NR_PAGES")
        r = s.ask(HELLO, magic=2 ** 64 - 1, to=77)
        tap.equal((r.code, r.info, r.nr), (R_HELLO, 4, s.nr), "HELLO; magic and `to` are ignored")
        for command in (10, 11, 4711, 0xffffffff):
            r = s.ask(command)
            tap.equal((r.code, r.info), (R_ERROR, command), f"command {command} gets an ERROR")
        s.tell(NONE)
        for length in (0, 1, 13, 23):
            s.send(request(77, HELLO)[:length])
        tap.ok(s.alive(), "NONE and truncated requests get no reply")
        s.tell(EXIT)
        r = s.reply()
        tap.equal((r.code, r.info), (R_END, 0), "EXIT ends the dump")
        tap.equal(s.wait(), 1, "EXIT is not a reboot")
    with Server() as s:
        s.handshake()
        s.tell(HELLO)
        s.tell(REBOOT)
        s.tell(HELLO)
        tap.equal(s.reply().nr, 1, "requests before REBOOT are answered")
        tap.equal(s.wait(), 0, "exit status 0 after REBOOT")
        tap.ok(s.quiet(0.001), "no reply after REBOOT")


def test_memory():
    memory = os.urandom(64 * 4096 - 100)
    file = write("memory", memory)
    with Server(f"--memory={file}", "--holes=3,8-0xa,9-12,62-63") as s:
        s.handshake()
        tap.equal(s.page(0), memory[:4096], "a page comes as four chunks in order")
        tap.equal(s.page(61), memory[61 * 4096:62 * 4096], "any page, in any order")
        for pfn, next_ in ((3, 4), (8, 13), (10, 13), (12, 13), (62, 0), (63, 0)):
            r = s.ask(SEND_MEM, pfn)
            tap.equal((r.code, r.info, len(r.raw)), (R_RESERVED, next_, 13), f"page {pfn} is not RAM")
        r = s.ask(SEND_MEM, 64)
        tap.ok((r.code, r.info) == (R_ERROR, 0) and len(r.payload) > 0, "a page after the last one: ERROR 0", r)
        tap.equal(s.ask(GET_REGS).info, 64 - 8, "REGS counts the pages that are RAM")
        tap.ok(s.page(5) == s.page(5) != None, "a repeated request gets a second reply")
    with Server(f"--memory={file}") as s:
        s.handshake()
        tap.equal(s.page(63), memory[63 * 4096:] + bytes(100), "the last page of the file is padded")
    with Server("--machine=ia64", f"--memory={file}") as s:
        s.handshake()
        tap.equal(s.page(1, 16384), memory[16384:32768], "ia64: sixteen chunks")
    with Server(f"--memory={file}", "--gso") as s:
        s.handshake()
        s.tell(HELLO)
        for pfn in range(40):
            s.tell(SEND_MEM, pfn)
        s.tell(HELLO)
        got = [s.reply() for _ in range(162)]
        tap.ok(b"".join(r.payload for r in got[1:161]) == memory[:40 * 4096]
               and [got[0].code, got[161].code] == [R_HELLO] * 2, "--gso changes no byte and no order")


def test_order():
    with Server("--size=1M", "--holes=1-255") as s:
        s.handshake()
        n, sent, got = 20000, 0, []
        # Not more than the sockets hold; at least 256 are under way all the time.
        while len(got) < n:
            while sent < n and sent - len(got) < 256:
                s.tell(SEND_MEM, 1)
                sent += 1
            got.append(s.reply().nr)
        tap.equal(got, list(range(1, n + 1)), "20,000 requests are answered in order")
        for nr in (7, 7, 7):
            s.send(request(nr, SEND_MEM, 0))
        nrs = [(r.nr, r.info) for r in (s.reply() for _ in range(12))]
        tap.equal(nrs, [(7, at) for _ in range(3) for at in (0, 1024, 2048, 3072)],
                  "duplicate requests are all answered, chunks in order")


def test_regs():
    sizes = {("i386", "rhel4"): 68, ("x86_64", "rhel4"): 216, ("ppc64", "rhel4"): 384,
             ("ia64", "rhel4"): 448, ("ia64", "rhel3"): 400}
    text = b"Sending register info.\n"
    for (machine, generation), size in sizes.items():
        regs = bytes(range(1, 41)) + bytes(size - 40)
        with Server(f"--machine={machine}", f"--generation={generation}",
                    "--regs=" + write("regs", regs)) as s:
            s.handshake()
            r = s.ask(GET_REGS)
            tap.equal(r.payload, (text + regs + bytes(400))[:23 + 40 + size],
                      f"REGS of {machine}, {generation}: strlen of text and registers, and {size}")
            tap.equal(len(r.payload) - len(r.payload.split(b"\0")[0]), size, "the size can be derived")
    with Server("--machine=i386", "--regs=" + write("regs", b"A" * 68)) as s:
        s.handshake()
        tap.equal(s.ask(GET_REGS).payload, text + b"A" * 68 + bytes(68), "registers without a zero byte")
    with Server("--machine=i386", "--regs=" + write("regs", bytes(68))) as s:
        s.handshake()
        tap.equal(s.ask(GET_REGS).payload, text + bytes(68), "registers with zeros only")
    with Server("--machine=ppc64", "--task=0") as a, Server("--machine=ppc64", "--task=0") as b:
        for s in (a, b):
            s.handshake()
        tap.equal(a.ask(GET_REGS).payload, b.ask(GET_REGS).payload, "generated registers depend on the seed")


def test_show_state():
    regs = write("regs", b"\x11" * 5 + bytes(211))
    left = b"Sending register info.\n" + b"\x11" * 5
    for generation, first in (("rhel4", False), ("rhel4-old", True), ("rhel3", True)):
        with Server(f"--regs={regs}", f"--generation={generation}") as s:
            s.handshake()
            s.ask(GET_REGS)
            s.text.clear()
            nr = s.tell(SHOW_STATE)
            r = s.recv()
            reply = r if r.code == R_SHOW_STATE else None
            tap.equal(reply is not None, first, f"{generation}: the reply is {'before' if first else 'after'} the text")
            s.tell(HELLO)  # in the middle of the text
            while reply is None:
                s.text.append(r)
                r = s.recv()
                reply = r if r.code == R_SHOW_STATE else None
            tap.equal((reply.nr, reply.info, reply.payload), (nr, 0, left), "with what was left behind")
            # A HELLO that comes too early is dropped like the first, so ask until one is answered.
            lost = s.nr
            answered = until_answered(s)
            tap.ok(answered and answered.nr > lost, "a request during the text is dropped, later ones not",
                   answered)
            tap.ok(any(b"pages of RAM" in t.payload for t in s.text), "the text arrived as LOG")
    with Server("--holes=1") as s:
        s.handshake()
        # Stopped, so that all of them are queued before the first is looked at.
        s.process.send_signal(signal.SIGSTOP)
        for _ in range(200):
            s.tell(SEND_MEM, 1)
        show = s.tell(SHOW_STATE)
        s.tell(HELLO)
        s.process.send_signal(signal.SIGCONT)
        nrs = [s.reply().nr for _ in range(202)]
        tap.equal(nrs[-2:], [show, show + 1], "requests queued after SHOW_STATE are kept")


def test_addresses():
    with Server("--generation=rhel4") as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        port.bind(("127.0.0.1", 0))
        foreign.bind(("127.0.0.99", 0))
        s.handshake()
        s.send(request(1, HELLO), foreign)
        s.send(request(2, HELLO), port)
        tap.equal(s.reply().nr, 2, "RHEL 4 checks the address of a request, not its port")
        s.tell(REBOOT)
        s.wait()
        tap.ok("1 datagrams ignored" in s.output(), "the summary counts ignored datagrams", s.output())
    with Server("--generation=rhel3") as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        s.handshake()
        s.send(request(1, HELLO), port)
        s.send(request(2, HELLO))
        tap.equal(s.reply().nr, 2, "RHEL 3 checks the port, too")
    with Server("--generation=rhel3", f"--port={free_port('127.0.0.2')}") as s:
        s.handshake()
        tap.equal(s.start().code, R_START, "RHEL 3 receives nothing if the ports differ")
    with Server(host="::1") as s:
        s.handshake()
        tap.ok(s.alive() and s.client[0] == "::1", "IPv6")
    with Server("--bind=127.0.1.254", "--clients=3", "--size=64K") as s:
        hosts, pages = {}, {}
        while len(hosts) < 3:
            s.start()
            hosts[s.client[0]] = s.client
        tap.equal(sorted(hosts), ["127.0.1.254", "127.0.1.255", "127.0.2.0"], "consecutive addresses")
        for host, client in hosts.items():
            s.client = client
            s.send(request(0, START_ACK, 5))
            s.nr += 1
            s.send(request(s.nr, SEND_MEM, 5))
            pages[host] = []
            while len(pages[host]) < 4:
                r = s.reply()
                if r.code == R_MEM and r.source == client:
                    pages[host].append(r.payload)
        tap.equal(len({b"".join(p) for p in pages.values()}), 3, "each client has its own memory")
    with Server("--clients=2", host="::1") as s:
        s.start()
        one = s.client
        while s.client == one:
            s.start()
        tap.equal(s.client[0], one[0], "two clients at ::1 differ by port")


def test_oldest():
    with Server("--oldest", "--holes=2-3", "--size=64K") as s:
        r = s.handshake()
        tap.equal((r.version, r.nr, r.info, r.payload),
                  (4, 0, 0, b"NETDUMP start, waiting for start-ACK.\n"), "the oldest START")
        tap.equal(s.page(2), bytes(4096), "a hole is sent as zeros")
        tap.equal(s.ask(GET_REGS).info, 15, "REGS has the highest pfn")
        r = s.ask(SHOW_STATE)
        tap.equal((r.code, r.info, r.version), (R_ERROR, SHOW_STATE, 4), "SHOW_STATE is unknown")


def until_answered(s, *before):
    """Send a HELLO every 50 ms, behind the datagrams `before`, until one is answered, and take in the answers to
    all of them: the first one."""
    end = time.monotonic() + PATIENCE
    first = None
    s.sock.settimeout(0.05)
    while time.monotonic() < end and first is None:
        for data in before:
            s.send(data)
        s.tell(HELLO)
        r = s.reply()
        first = r if r is not None and r.code == R_HELLO else None
    s.sock.settimeout(PATIENCE)
    if first and first.nr != s.nr:
        last = s.tell(HELLO)
        while (r := s.reply()) and r.nr != last:
            pass
    return first


def burst(n, *args):
    """Ask n times for the hole and tell what came back."""
    behind = n + 1000       # the first nr of what is sent to see the end
    with Server("--holes=1", *args) as s:
        s.start()
        s.nr = behind
        # The ACK may get lost, and so may any of these. How many are answered does not matter.
        s.sock.settimeout(0.05)
        end = time.monotonic() + PATIENCE
        r = None
        while time.monotonic() < end and (r is None or r.code != R_HELLO):
            s.send(request(0, START_ACK, 5))
            r = s.ask(HELLO)
        for nr in range(n):
            s.send(request(nr, SEND_MEM, 1))
        # It answers in order, and lets no more than 40 overtake: behind 100 answers to later ones nothing comes.
        nrs, late, last = [], 0, s.nr
        while late < 100 and time.monotonic() < end:
            s.tell(HELLO)
            while (r := s.reply()) and late < 100:
                if r.code == R_RESERVED and r.nr < n:
                    nrs.append(r.nr)
                late += r.code == R_HELLO and r.nr > last
        return nrs


def test_network():
    clean = burst(100)
    tap.equal(clean, list(range(100)), "no faults, no change")
    lossy = [burst(1000, "--loss=20", f"--seed={seed}") for seed in (5, 6)]
    tap.ok(all(500 < len(x) < 780 for x in lossy), "20 % loss in each direction leaves 64 %", *map(len, lossy))
    tap.ok(lossy[0] == sorted(lossy[0]) and lossy[0] != lossy[1], "in order, differently for each seed")
    double = burst(1000, "--dup=50")
    tap.ok(2000 < len(double) < 2500 and set(double) == set(range(1000)), "50 % duplicated in each direction",
           len(double))
    mixed = burst(1000, "--reorder=10")
    late = sum(1 for i, nr in enumerate(mixed) if nr < max(mixed[:i + 1]))
    tap.ok(sorted(mixed) == list(range(1000)) and 100 < late < 300, "10 % reordered in each direction, none lost",
           len(mixed), late)
    far = max(max(mixed[:i + 1]) - nr for i, nr in enumerate(mixed))
    tap.ok(far <= 40, "each by a few others", far)


def test_same_luck():
    """The n-th datagram fares the same for a seed: the START that comes each second tells."""
    def fates(seed):
        with Server("--loss=40", "--dup=20", f"--seed={seed}", "--text=" + write("many", b"%d\n" * 300)) as s:
            s.start()
            return [r.info for r in s.text]
    a, b, c = fates(3), fates(3), fates(4)
    tap.equal(a, b, "the same seed gives the same losses and duplicates")
    tap.ok(a != c, "another seed gives other losses")


def test_delay():
    with Server("--delay=40") as s:
        s.start()
        s.send(request(0, START_ACK, 5))
        before = time.monotonic()
        ok = s.alive()
        took = time.monotonic() - before
        tap.ok(ok and took >= 0.080, "40 ms in each direction: at least 80 ms", took)


def test_misfortunes():
    with Server("--silent-after=3", "--timeout=4", "--zero=0") as s:
        s.handshake()
        pages = [s.page(i) for i in range(3)]
        tap.ok(None not in pages, "three pages are sent")
        s.tell(HELLO)
        s.tell(SEND_MEM, 4)
        tap.equal(s.wait(), 1, "then the machine gives up when the server does")
        tap.ok(s.quiet(0.001), "and was silent")
    with Server("--deaf", "--timeout=4") as s:
        s.handshake()
        s.send(request(0, START_ACK, 5))
        tap.equal(s.start().code, R_START, "--deaf repeats START")
        tap.equal(s.wait(), 1, "--deaf stops at the timeout")
    with Server("--recrash-after=2") as s:
        first = s.handshake()
        s.page(0)
        s.page(1)
        again = s.start()
        tap.ok(again.code == R_START and again.payload != first.payload
               and again.payload.split()[1:] == first.payload.split()[1:],
               "--recrash-after: the second crash has another task", again)
        tap.equal(s.ask(SEND_MEM, 3).code, R_START, "the second crash waits for an ACK")
        s.send(request(0, START_ACK, 5))
        tap.ok(None not in [s.page(i) for i in range(4)], "the second crash is dumped completely")
    with Server("--lose-reboots=2") as s:
        s.handshake()
        for i in range(2):
            s.tell(REBOOT)
            tap.ok(s.alive(), f"REBOOT {i + 1} is lost")
        s.tell(REBOOT)
        tap.equal(s.wait(), 0, "the third REBOOT is received")
    with Server("--timeout=0.2") as s:
        tap.equal(s.wait(), 1, "without a server it gives up")


def test_summary():
    with Server("--json", "--size=64K", "--zero=0") as s:
        s.handshake()
        for pfn in (0, 1, 1):
            s.page(pfn)
        s.tell(REBOOT)
        tap.equal(s.wait(), 0, "a small dump")
        out = s.output()
        j = json.loads(out[out.index("{"):])
        m = j["machines"][0]
        tap.equal([m["pages"], m["pages_sent"], m["requests"], m["duplicate_requests"], m["bytes"], m["good"]],
                  [2, 3, 5, 1, 8192, True], "its JSON counts pages, requests and duplicates")
        tap.equal((j["seed"], j["good"], m["address"], m["port"]), (1, 1, "127.0.0.2", s.client[1]),
                  "its JSON has seed and address")


def test_usage():
    file = write("empty", b"")
    for args, word in ((["--machine=vax"], "--machine"), (["--size=5"], "--size"), (["--loss=101"], "--loss"),
                       (["--page-size=5000"], "--page-size"), (["--holes=5-3"], "--holes"),
                       (["--holes=0-99999999"], "--holes"), (["--generation=rhel9"], "--generation"),
                       (["--oldest", "--machine=ia64"], "--oldest"), (["--regs=" + file], "--regs"),
                       (["--memory=" + file], "empty"), (["--memory=/nonexistent"], "/nonexistent"),
                       (["--text=/nonexistent"], "--text"), (["--clients=65"], "--clients"),
                       (["--gso", "--loss=1"], "--gso"), (["--seed=x"], "--seed"), (["--task=xyz"], "--task"),
                       (["--bind=::1"], "--bind"), (["--nonsense"], "--nonsense"), (["--size"], "--size"),
                       (["[::1"], "[::1"), (["127.0.0.1:99999"], "99999"), (["a", "b"], "b")):
        status, _, err = run_sim(*args)
        tap.ok(status == 2 and word in err, f"{' '.join(args)} is refused", status, err)


def elf(machine, regs, task, page_offset, memory, partial=False):
    """A dump of an x86_64 as crash(8) wants it."""
    def note(kind, desc):
        return struct.pack("<III4s", 4, len(desc), kind, b"CORE") + desc
    notes = (note(1, bytes(112) + regs + bytes(8)) + note(3, bytes(136)) + note(4, struct.pack("<Q", task))
             + (note(0x70000001, struct.pack("<I", 1)) if partial else b""))
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, machine, 1, 0, 64, 0, 0, 64, 56,
                                                     2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(notes), 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 7, 4096, page_offset, 0, len(memory), len(memory), 4096)
    return (head + notes).ljust(4096, b"\0") + memory


def verified(change, name, good=False, word=""):
    """Dump a machine, let change() spoil the file, and see what netdump-sim says."""
    dumps = tempfile.mkdtemp(dir=work.name)
    with Server("--size=128K", "--holes=4-5", f"--verify={dumps}") as s:
        start = s.handshake()
        payload = s.ask(GET_REGS).payload
        regs = payload[23:23 + 216]
        task = int(start.payload.split()[0].split(b":")[1], 16)
        memory = b"".join(bytes(4096) if p in (4, 5) else s.page(p) for p in range(32))
        where = os.path.join(dumps, "127.0.0.2-2025-01-01-00:00:00")
        os.mkdir(where)
        data = change(dict(machine=62, regs=regs, task=task, page_offset=0x10000000000, memory=memory))
        if data is not None:
            with open(os.path.join(where, "vmcore"), "wb") as f:
                f.write(data)
        s.tell(REBOOT)
        tap.ok(s.wait() == (0 if good else 1) and word in s.output(), f"--verify: {name}", s.output())


def test_verify():
    def flip(data, at):
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    verified(lambda d: elf(**d), "a complete dump", good=True, word="dump is equal")
    verified(lambda d: flip(elf(**d), 4096 * 8 + 5), "one bit in a page", word="page 0x7 at byte 5")
    verified(lambda d: flip(elf(**d), 4096 * 5), "something in a hole", word="page 0x4")
    verified(lambda d: elf(**d)[:-1], "one byte missing", word="bytes")
    verified(lambda d: elf(**{**d, "regs": flip(d["regs"], 8)}), "wrong registers", word="registers")
    verified(lambda d: elf(**{**d, "task": 5}), "wrong task", word="task")
    verified(lambda d: elf(**{**d, "page_offset": 0}), "wrong page offset", word="p_vaddr")
    verified(lambda d: elf(**{**d, "machine": 50}), "wrong machine", word="e_machine")
    verified(lambda d: elf(**d, partial=True), "a dump marked as partial", word="partial")
    verified(lambda d: b"not a dump", "not an ELF file", word="not an ELF")
    verified(lambda d: elf(**d)[:100], "a truncated header", word="vmcore")
    verified(lambda d: elf(**d)[4096:] if False else None, "no file", word="no new vmcore")


def test_captures():
    unpack_captures(work.name)
    for name, args in (("rhel3-i386", ["--machine=i386", "--generation=rhel3"]),
                       ("rhel4-i386", ["--machine=i386", "--netconsole"]),
                       ("rhel4-x86_64", ["--machine=x86_64"])):
        packets = [p for p in read_pcap(path(name + ".pcap")) if p.dport != 514]
        image, regs = recorded_machine(packets)
        replies = [p.data for p in packets if p.source == "127.0.0.2" and p.sport == 6666
                   and parse(p.data).code != R_LOG]
        with Server("--memory=" + write("image", image), "--regs=" + write("regs", regs),
                    "--holes=0x9f-0xb7", "--magic=1122334455667788", *args) as s:
            got = [s.start().raw]
            asked = 0
            for p in packets:
                if p.source != "127.0.0.1":
                    continue
                command, from_ = struct.unpack(">II", p.data[12:20])
                s.send(p.data)
                answers = 0 if command in (START_ACK, REBOOT) else 1
                if command == SEND_MEM and not 0x9f <= from_ <= 0xb7:
                    answers = 4
                got += [s.reply().raw for _ in range(answers)]
                if command == SHOW_STATE:  # the text goes on behind RHEL 3's reply, and it is deaf meanwhile
                    until_answered(s)
                asked += 1
            tap.equal(asked, 241, f"{name}: 241 requests of the recording")
            tap.equal(len(got), len(replies), "the same number of replies")
            different = [i for i, (a, b) in enumerate(zip(got, replies)) if a != b]
            tap.ok(not different, "the same packets, byte for byte", *[
                f"{i}: {got[i][:60].hex()}\n   {replies[i][:60].hex()}" for i in different[:3]])
            tap.equal(s.wait(), 0, "REBOOT at the end")


def main():
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_")]
    for name, test in tests:
        if len(sys.argv) > 1 and name[5:] not in sys.argv[1:]:
            continue
        print(f"# {name[5:]}")
        before = time.monotonic()
        test()
        print(f"# {time.monotonic() - before:.1f} s")
    work.cleanup()
    tap.finish()


main()
