#!/usr/bin/env python3
# 32-hostile.t - floods, forgeries, replays, strangers and sluggards: a dump in progress is not disturbed, and what
# the server spends on them is bounded. Rates are printed, not judged: they are the machine's that runs the test.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, read_vmcore
from running import fence, kept_out, open_files, Sim, status_of, wait_for
from wiretest import (
    BUILD, Daemon, HEAVY, HELLO, PATIENCE, R_END, R_ERROR, R_HELLO, R_MEM, R_NR_PAGES, R_PAGE_SIZE,
    R_REGS, R_RESERVED, R_SHOW_STATE, R_START, request, SEND_MEM, Tap)

FLOOD = os.path.join(BUILD, "tools", "flood")
RATE = 50000
tap = Tap()


class Flood:
    """tests/tools/flood.c in the background; what it says at its end."""

    def __init__(self, daemon, kind, *args, rate=RATE, seconds=30):
        self.process = subprocess.Popen(["nice", "-n", "10", FLOOD, "-k", kind, "-r", str(rate), "-s", str(seconds), *args,
                                         daemon.host, str(daemon.port)], stdout=subprocess.PIPE)

    def wait(self):
        return json.loads(self.process.communicate(timeout=5 * PATIENCE)[0])


def dump(daemon, host, *args, begun=lambda: None):
    """One machine; `begun` is called when its dump has."""
    sim = Sim(daemon, f"--bind={host}", "--seed=5", "--zero=0", *args)
    wait_for(lambda: f"{host}: dumping to" in daemon.log())
    begun()
    status, summary, said = sim.end()
    return status == 0, summary.get("mib_per_second", 0), said


def console_bounds(daemon):
    path = os.path.join(daemon.dumps, "console")
    sizes = [os.path.getsize(os.path.join(path, name)) for name in os.listdir(path)]
    return len(sizes), max(sizes, default=0)


def floods(work):
    """A dump before, during, behind each kind of flood."""
    with Daemon(os.path.join(work, "floods")) as daemon:
        memory = "--size=16M" if HEAVY else "--size=48M"
        pid, rates = daemon.process.pid, {}
        good, rates["before"], said = dump(daemon, "127.0.3.1", memory)
        tap.ok(good, "a dump before the floods", said, daemon.log())
        rss, files = status_of(pid, "VmRSS"), open_files(pid)
        kinds = [("mixed", ()), ("random", ()), ("start", ()), ("text", ()), ("announce", ()), ("mem", ())]
        if os.geteuid() == 0:
            kinds.append(("mixed", ("-f", "127.0.3.16:7766")))
        for i, (kind, args) in enumerate(kinds):
            host = f"127.0.3.{10 + i}"
            name = f"a flood of {kind}" + (", with the client's address" if args else "")
            running = []
            good, rate, said = dump(daemon, host, memory, *(("--port=7766",) if args else ()),
                                    begun=lambda k=kind, a=args: running.append(
                                        Flood(daemon, k, *a, rate=10000 if a else RATE, seconds=3)))
            sent = running[0].wait()
            rates[f"{name} ({sent['per_second']}/s)"] = rate
            tap.ok(good, f"{name}: the dump is complete, byte for byte", said, daemon.log()[-3000:])
            tap.ok(sent["back_bytes"] <= sent["sent_bytes"] and sent["back"] <= 2 * sent["sent"],
                   f"{name}: no amplification", sent)
            if kind in ("random", "text", "announce", "mem"):
                tap.equal(sent["back"], 0, f"{name}: no reply to junk")
        # Forged calls are given up in the meantime, and the table is as empty as before.
        good, rates["after the floods"], said = dump(daemon, "127.0.3.2", memory)
        tap.ok(good, "a dump after the floods", said, daemon.log()[-3000:])
        tap.ok(daemon.process.poll() is None, "the server is still running")
        peak = status_of(pid, "VmHWM")
        tap.ok(HEAVY or peak <= 48 * 1024, f"memory is bounded ({rss} KiB before, {peak} KiB at most)")
        tap.ok(open_files(pid) <= files + 40, f"open files are bounded ({files} before, {open_files(pid)} now)")
        n, size = console_bounds(daemon)
        tap.ok(n <= 2048 and size <= 1 << 20, f"the console store is bounded ({n} files, up to {size} bytes)")
        lines = len(daemon.log().splitlines())
        tap.ok(lines <= 1500, f"the log is bounded ({lines} lines)", daemon.log()[:3000])
        print("# MiB/s of the dump: " + "; ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))


def in_the_flood(work):
    """A machine that crashes while thousands of forged STARTs come: it may have to wait, but is not forgotten."""
    with Daemon(os.path.join(work, "crash")) as daemon:
        flood = Flood(daemon, "start", rate=20000, seconds=6)
        wait_for(lambda: "deferred: client table full" in daemon.log())
        status, _, said = Sim(daemon, "--bind=127.0.3.3", "--size=4M", "--timeout=600").end()
        sent = flood.wait()
        tap.ok(status == 0, f"a crash during {sent['sent']} spoofed STARTs: dumped eventually", said, daemon.log()[-3000:])


def reflection(work):
    """An unknown sender: nothing larger than what it sent, and for one START no more than a few words."""
    with Daemon(os.path.join(work, "reflect"), config="client_timeout=3\n") as daemon:
        text = b"task_struct:0x1 page_offset:0x2 netdump_magic:0x3\n"
        for length in (34, 35, len(text)):
            with Machine(daemon, f"127.0.3.{20 + length}") as m:
                m.start(text=text[:length])
                if length < 35:
                    fence(daemon, "127.0.3.91")
                    tap.ok(m.nothing(), f"a START of {13 + length} bytes, shorter than a reply: no reply")
                    continue
                got = [m.next()]
                tap.ok(got[0] and 24 * len(got) <= 13 + length, f"a START of {13 + length} bytes: {24 * len(got)} back", got)
                wait_for(lambda h=m.host: f"{h}: START received, but" in daemon.log())
                while not m.nothing():
                    pass
                tap.ok(len(m.seen) <= 12, f"{len(m.seen)} datagrams in total", m.seen)
        with Machine(daemon, "127.0.3.90") as m:
            junk = [b"", b"\x05", b"\0" * 100, bytes(range(1, 13)), struct.pack(">BIII", 5, 1, 3, 0), b"hello\n",
                    struct.pack(">BIII", 4, 62, R_START, 5), struct.pack(">BIII", 9, 62, R_START, 5) + text,
                    request(1, HELLO), struct.pack(">BIII", 4, 0, R_HELLO, 4) + b"x" * 1400]
            for data in junk:
                m.send(data)
            fence(daemon, "127.0.3.92")
            tap.ok(m.nothing(), "no reply to junk", m.seen)
        tap.ok(not [n for n in os.listdir(daemon.dumps) if n.startswith("127.")], "unverified clients leave no files")


def replayed(work):
    """What a machine said in an earlier dump, sent again in the middle of the next one, from its own port."""
    with Daemon(os.path.join(work, "replay")) as daemon, Machine(daemon, "127.0.3.4", pages=128, seed=1) as m:
        record, plain = [], m.send

        def recording(data, sock=None):
            record.append(data)
            plain(data, sock)

        m.send = recording
        m.crash()
        tap.ok(m.run(), "a dump is recorded", daemon.log())
        where = wait_for(lambda: daemon.dumps_of(m.host))[0]
        tap.equal(daemon.settled(where).get("result"), "complete", "the recorded dump is complete")
        while not m.nothing():
            pass
        m.send, m.seed, m.rebooted = plain, 2, 0
        m.crash(task=0x1234)
        step = max(1, len(record) // 100)
        while not m.rebooted and (got := m.next()):
            for data in record[:step]:
                plain(data)
            record = record[step:]
            m.answer(*got[:3])
        where = daemon.dumps_of(m.host)[-1]
        tap.equal((len(daemon.dumps_of(m.host)), daemon.settled(where).get("result")), (2, "complete"),
                  "replay during the next dump: complete")
        tap.ok(read_vmcore(where)[4096:] == b"".join(m.page(i) for i in range(128)), "every byte is from the second dump")


def forged_middle(work):
    """From the machine's own address and port, without knowing a live nr: STARTs of another task, answers, chunks."""
    with Daemon(os.path.join(work, "forged"), config="client_timeout=5\n") as daemon, \
            Machine(daemon, "127.0.3.5", pages=600) as m:
        m.crash()
        begin = time.monotonic()
        while not m.rebooted and (got := m.next()):
            nr = got[0]
            m.start(task=0x6666)
            for code, info in ((R_MEM, 0), (R_MEM, 1024), (R_RESERVED, 0), (R_ERROR, 0), (R_HELLO, 4), (R_PAGE_SIZE, 65536),
                               (R_NR_PAGES, 1), (R_REGS, 1), (R_SHOW_STATE, 0), (R_END, 0)):
                m.reply(nr ^ 0x40000000, code, info, b"X" * 1024)
            if got[1] == SEND_MEM and time.monotonic() < begin + 7:
                time.sleep(0.02)        # longer than it takes to believe in a second crash
            m.answer(*got[:3])
        where = daemon.dumps_of(m.host)
        info = daemon.settled(where[0])
        tap.equal((len(where), info.get("result"), info.get("pages")), (1, "complete", "600"),
                  "spoofed with the client's address for 7 s: one complete dump")
        tap.ok(read_vmcore(where[0])[4096:] == b"".join(m.page(i) for i in range(600)), "every byte is right")
        tap.ok(daemon.log().count("late or spoofed") <= 3, "log messages are limited", daemon.log()[-2000:])


def strangers(work):
    """allow="""
    config = "allow=127.0.1.0/24, ::ffff:127.0.2.2\nallow=2001:db8::/32\n"
    for host, good, bad in (("127.0.0.1", ("127.0.1.9", "127.0.2.2"), ("127.0.2.1", "127.0.0.1")), ("::1", (), ("::1",))):
        with Daemon(os.path.join(work, "allow" + host[:3].replace(":", "6")), host=host, config=config) as daemon:
            for i, client in enumerate(bad):
                with Machine(daemon, client) as m:
                    m.log(b"hello\n")
                    m.log(b"[...network console startup...]\n")
                    m.start()
                    tap.ok(kept_out(daemon, 3 * (i + 1)) and m.nothing(), f"allow=: no reply to {client}")
            for client in good:
                with Machine(daemon, client) as m:
                    m.log(b"hello\n")
                    m.crash()
                    tap.ok(m.run(), f"allow=: {client} is dumped", daemon.log())
            daemon.end()
            tap.equal(sorted(os.listdir(os.path.join(daemon.dumps, "console"))), [f"{c}.log" for c in sorted(good)],
                      "no console text of refused clients")
            tap.ok(not [c for c in bad if f" {c}:" in daemon.log()], "no log messages about refused clients", daemon.log())


def sluggard(work):
    """One chunk now and then, never silent for client_timeout: it keeps its slot for five of them only."""
    with Daemon(os.path.join(work, "slow"), "--concurrent=1", config="client_timeout=4\n") as daemon, \
            Machine(daemon, "127.0.3.6", pages=100000) as m:
        m.crash()
        m.run(until=lambda m: SEND_MEM in m.seen)
        nr, sent, end = 0, 0, time.monotonic() + 3 * PATIENCE
        while "127.0.3.6: dump incomplete" not in daemon.log() and time.monotonic() < end:
            while got := m.next(0.001):     # the newest request is one that is still waited for
                if got[1] == SEND_MEM:
                    nr = got[0]
                elif got[1] == HELLO:
                    m.answer(*got[:3])
            if nr:
                m.reply(nr, R_MEM, sent % 4 * 1024, b"X" * 1024)
                sent += 1
            time.sleep(0.5)
        tap.ok("client too slow" in daemon.log(), f"a chunk each half second: given up after {sent}", daemon.log())
        info = daemon.settled(daemon.dumps_of(m.host)[0])
        tap.ok(info.get("result") == "incomplete" and "too slow" in info.get("reason", ""), "info has the reason", info)
        with Machine(daemon, "127.0.3.7") as other:
            other.crash()
            tap.ok(other.run() and SEND_MEM in other.seen, "its slot is free for the next client", daemon.log())


with tempfile.TemporaryDirectory() as directory:
    floods(directory)
    in_the_flood(directory)
    tap.together([lambda: reflection(directory), lambda: replayed(directory), lambda: forged_middle(directory),
                  lambda: strangers(directory), lambda: sluggard(directory)])
tap.finish()
