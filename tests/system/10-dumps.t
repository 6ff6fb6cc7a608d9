#!/usr/bin/env python3
# 10-dumps.t - the daemon and every kind of machine: dumps, limits, odd clients, what is left behind.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, read_vmcore
from running import wait_for
from wiretest import (
    BUILD, Daemon, HEAVY, PATIENCE, R_MEM, R_RESERVED, SEND_MEM, SHOW_STATE, SIM, START_ACK, Tap)

tap = Tap()


def one_dump(daemon, host):
    """The only dump of this machine, when the server is through with it: its directory and its info."""
    dumps = daemon.dumps_of(host)
    if len(dumps) != 1:
        tap.ok(False, f"one dump of {host}", dumps, daemon.log())
        return None, {}
    return dumps[0], daemon.settled(dumps[0])


def sim(daemon, *args):
    p = subprocess.run([SIM, *args, "--quiet", f"--verify={daemon.dumps}", daemon.address],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=5 * PATIENCE, check=False)
    return p.returncode, p.stdout.decode()


def test_simulated(daemon):
    kinds = (["--machine=i386", "--holes=0x9f-0xff"], ["--machine=x86_64", "--holes=1-2,5-5,0x300-0x3ff"],
             ["--machine=ia64"], ["--machine=ppc64"], ["--machine=ppc64", "--page-size=65536"],
             ["--machine=i386", "--oldest"], ["--machine=i386", "--generation=rhel3", "--port=0"],
             ["--generation=rhel4-old"], ["--netconsole"], ["--magic=1122334455667788"],
             ["--loss=5", "--dup=5", "--reorder=5", "--delay=1"], ["--zero=100"], ["--zero=0"],
             ["--lose-reboots=3"], ["--start-text=new_key:0x1 other:word"], ["--gso"])

    def one(i, kind):
        if "--generation=rhel3" in kind:
            kind = kind[:-1] + [f"--port={daemon.port}"]
        host = f"127.0.2.{i + 1}"
        status, said = sim(daemon, f"--bind={host}", "--size=4M", "--seed=7", *kind)
        _, info = one_dump(daemon, host)
        tap.ok(status == 0 and info.get("result") == "complete", "a dump of " + " ".join(kind), said, info,
               daemon.log())

    tap.together([lambda i=i, kind=kind: one(i, kind) for i, kind in enumerate(kinds)])


def test_many(work):
    with Daemon(os.path.join(work, "many"), "--concurrent=32") as daemon:
        status, said = sim(daemon, "--clients=32", "--bind=127.0.4.1", "--size=4M", "--loss=0.5")
        tap.ok(status == 0, "32 clients at once, all dumps complete", said, daemon.log())
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
        if HEAVY:
            print(f"# resident memory {peak} KiB, with a sanitizer or valgrind")
        else:
            tap.ok(peak <= (16 + 32) * 1024, f"resident memory at most 16 MiB + 1 MiB each ({peak} KiB)")


def test_ipv6(work):
    with Daemon(os.path.join(work, "v6"), host="::1") as daemon:
        status, said = sim(daemon, "--bind=[::1]", "--size=2M")
        tap.ok(status == 0, "IPv6", said, daemon.log())
        _, info = one_dump(daemon, "::1")
        tap.equal(info.get("client"), "::1", "the directory is named after ::1")


def test_local_address(work):
    """All addresses: the answer comes from the one that the machine wrote to, from either family."""
    with Daemon(os.path.join(work, "any"), host="127.0.0.1") as first:
        port = first.port
    daemon = Daemon(os.path.join(work, "any"))
    daemon.port, daemon.host = port, "127.0.0.1"
    p = subprocess.Popen([os.path.join(BUILD, "netdump-server"), "-f", "/dev/null", f"-p{port}", "-d",
                          daemon.dumps], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while b"listening" not in p.stderr.readline():
            pass
        daemon.host = "127.0.0.77"
        with Machine(daemon, "127.0.1.7") as m:
            m.start()
            _, source = m.sock.recvfrom(2048)
            tap.equal(source, ("127.0.0.77", port), "replies come from the destination address of START")
            m.run()
    finally:
        p.terminate()
        p.communicate()


def test_over_limit(work, limit):
    with Daemon(os.path.join(work, f"limit{limit}"), f"--concurrent={limit}") as daemon:
        machines = [Machine(daemon, f"127.0.1.{i + 1}") for i in range(limit)]
        for m in machines:
            m.crash()
            m.run(stop_after=2)
        with Machine(daemon, "127.0.1.99") as over:
            over.log(b"Oops: 0000 [#1]\n")
            over.crash()
            tap.ok(over.run(), f"--concurrent={limit}: one client more is rebooted", daemon.log())
            tap.ok(SEND_MEM not in over.seen and SHOW_STATE in over.seen, "without a dump, with SHOW_STATE")
            where, info = one_dump(daemon, "127.0.1.99")
            tap.equal((info.get("result"), sorted(os.listdir(where or "/proc/self/task"))),
                      ("not-dumped", ["info", "log"]), "the log and info of the excess client are kept")
            with open(os.path.join(where, "log"), encoding="ascii") as f:
                log = f.read()
            tap.ok("Oops: 0000" in log and "Show State" in log, "log has the text before and after the crash", log)
        for m in machines:
            tap.ok(m.run(), "the running dump completes")
            m.sock.close()


def test_odd_machines(daemon):
    with Machine(daemon, "127.0.1.20", page_size=12345) as m:
        m.crash()
        tap.ok(m.run() and SEND_MEM not in m.seen, "an invalid page size: logged and rebooted")
    tap.equal(one_dump(daemon, "127.0.1.20")[1].get("reason"),
              "invalid page size (12345)", "info has the reason")
    with Machine(daemon, "127.0.1.21", machine=999) as m:
        m.crash()
        tap.ok(m.run(), "an unknown architecture: logged and rebooted")
    with Machine(daemon, "127.0.1.22", pages=0) as m:
        m.crash()
        tap.ok(m.run(), "zero pages: logged and rebooted")
    with Machine(daemon, "127.0.1.23", pages=0xffffffff) as m:
        m.crash()
        tap.ok(m.run(), "16 TiB without space: logged and rebooted", daemon.log())
    tap.ok(daemon.process.poll() is None, "the server is still running")


def huge_page_count(work):
    """2^32 - 1 pages, of which only the first are RAM: no memory grows with the count."""
    with Daemon(os.path.join(work, "huge"), config="space_check=0\n") as daemon:
        with Machine(daemon, "127.0.1.24", pages=0xffffffff) as m:
            m.crash()
            while not m.rebooted:
                got = m.next()
                if got is None:
                    break
                nr, command, from_, _, _ = got
                if command == SEND_MEM and from_ >= 64:
                    m.reply(nr, R_RESERVED, 0)
                else:
                    m.answer(nr, command, from_)
            where, info = one_dump(daemon, "127.0.1.24")
            tap.ok(info.get("pages") == "4294967295" and info.get("pages_stored") == "64",
                   "2^32 - 1 pages with 64 of RAM", info, daemon.log())
            name = "vmcore" if info.get("result") == "complete" else "vmcore-incomplete"
            with open(os.path.join(where, name), "rb") as f:
                f.seek(4096)
                data = f.read(64 * 4096)
            tap.ok(data == b"".join(m.page(i) for i in range(64)), "the pages are at the right offsets")
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
        tap.ok(HEAVY or peak < 17 * 1024, f"resident memory: {peak} KiB")


def test_odd_answers(daemon):
    """What comes twice, for nothing, or out of range, changes nothing."""
    with Machine(daemon, "127.0.1.30", pages=32) as m:
        m.crash()
        while not m.rebooted:
            got = m.next()
            if got is None:
                break
            nr, command, from_, _, _ = got
            if command == SEND_MEM:
                m.reply(nr, R_MEM, 4096, b"X" * 1024)       # behind the page
                m.reply(nr, R_MEM, 100, b"X" * 1024)        # not aligned
                m.reply(nr + 1000, R_MEM, 0, b"X" * 1024)   # never asked
                m.reply(nr, R_MEM, 0, b"X" * 100)           # cut off
                m.answer(nr, command, from_)
                m.answer(nr, command, from_)                # twice
                m.reply(nr, R_RESERVED, 0)                  # and now it is no RAM at all
            else:
                m.answer(nr, command, from_)
        where, info = one_dump(daemon, "127.0.1.30")
        tap.equal(info.get("result"), "complete", "duplicate, unrequested and out-of-range replies")
        tap.ok(read_vmcore(where)[4096:] == b"".join(m.page(i) for i in range(32)), "every byte is right")


def test_reserved_chain(daemon):
    """RESERVED names a page that is RESERVED too."""
    ram = {0, 1, 40, 63}
    with Machine(daemon, "127.0.1.31") as m:
        m.crash()
        while not m.rebooted:
            got = m.next()
            if got is None:
                break
            nr, command, from_, _, _ = got
            if command == SEND_MEM and from_ not in ram:
                m.reply(nr, R_RESERVED, min(from_ + 3, 63))
            else:
                m.answer(nr, command, from_)
        where, info = one_dump(daemon, "127.0.1.31")
        want = b"".join(m.page(i) if i in ram else bytes(4096) for i in range(64))
        tap.ok(info.get("result") == "complete" and read_vmcore(where)[4096:] == want,
               "RESERVED that names a RESERVED page", info)


def test_two_behind_one_address(daemon):
    with Machine(daemon, "127.0.1.40", seed=1) as a, Machine(daemon, "127.0.1.40", seed=2) as b:
        a.crash()
        b.crash()
        a.run(stop_after=10)
        tap.ok(b.run() and a.run(), "two clients at one address")
        dumps = wait_for(lambda: len(daemon.dumps_of("127.0.1.40")) == 2 and daemon.dumps_of("127.0.1.40"))
        images = {}
        for where in dumps or []:
            info = daemon.settled(where)
            images[int(info["port"])] = read_vmcore(where)[4096:]
        for m in (a, b):
            tap.ok(images.get(m.port) == b"".join(m.page(i) for i in range(64)), "each dump has its own memory")


def test_silent(work):
    with Daemon(os.path.join(work, "silent"), config="client_timeout=1\n") as daemon:
        with Machine(daemon, "127.0.1.50") as m:
            m.crash()
            m.run(stop_after=20)
            tap.ok(wait_for(lambda: "dump incomplete" in daemon.log()), "a client that stops responding", daemon.log())
            where, info = one_dump(daemon, "127.0.1.50")
            tap.ok(info.get("result") == "incomplete" and "stopped responding" in info.get("reason", ""),
                   "info: incomplete, with the reason", info)
            data = read_vmcore(where, "vmcore-incomplete")
            tap.equal(len(data), 4096 + 64 * 4096, "the partial dump has its full size")
            tap.ok(b"CORE" + struct.pack("<I", 1) in data[:4096].replace(b"\0" * 0, b""), "the partial dump is marked")
            tap.ok(m.run(), "REBOOT is sent")


def test_crashes_again(work):
    with Daemon(os.path.join(work, "again")) as daemon:
        with Machine(daemon, "127.0.1.60", port=0) as m:
            m.crash(task=0x1000)
            m.run(stop_after=20)
            # It reboots by itself and crashes again: START each second, and nothing else is answered.
            acked = False
            for _ in range(int(PATIENCE)):
                m.start(task=0x2000)
                end = time.monotonic() + 1
                while time.monotonic() < end and not acked:
                    got = m.next(max(0.01, end - time.monotonic()))
                    acked = got is not None and got[1] == START_ACK
                if acked:
                    break
            tap.ok(acked, "a second crash during a dump is dumped", daemon.log())
            tap.ok(m.run(), "the second dump completes")
            dumps = daemon.dumps_of("127.0.1.60")
            results = [daemon.settled(d).get("result") for d in dumps]
            tap.equal(results, ["incomplete", "complete"], "the first dump is kept as incomplete")


def test_forged_start(daemon):
    with Machine(daemon, "127.0.1.61") as m:
        m.crash()
        m.run(stop_after=10)
        for _ in range(5):
            m.start(task=0x4444)
        tap.ok(m.run(), "START during a running dump")
        tap.equal(one_dump(daemon, "127.0.1.61")[1].get("result"), "complete", "START during a running dump does not end it")


def test_secure(work):
    with Daemon(os.path.join(work, "secure"), "--secure=1") as daemon:
        os.mkdir(os.path.join(daemon.dumps, "magic"), 0o700)

        def magic(host, data):
            with open(os.path.join(daemon.dumps, "magic", host), "wb") as f:
                f.write(data)

        magic("127.0.1.70", struct.pack("<II", 0x55667788, 0x11223344))
        magic("127.0.1.71", b"1122334455667788\n")
        magic("127.0.1.72", struct.pack(">II", 0x55667788, 0x11223344))
        magic("127.0.1.73", b"ffff334455667788\n")
        magic("127.0.1.74", b"junk")
        for host, machine, good in (("127.0.1.70", 62, True), ("127.0.1.71", 62, True), ("127.0.1.72", 21, True),
                                    ("127.0.1.73", 62, False), ("127.0.1.74", 62, False),
                                    ("127.0.1.75", 62, False)):
            with Machine(daemon, host, machine=machine) as m:
                m.start(magic=0x1122334455667788)
                if not good:
                    wait_for(lambda h=host: f" {h}: " in daemon.log())
                got = m.next(PATIENCE if good else 0.001)
                tap.ok((got is not None) == good, f"secure=1: {host} is {'' if good else 'not '}answered",
                       daemon.log())
                if good:
                    tap.equal(got[4], 0x1122334455667788, "START has the magic")
                    m.run()
        tap.ok("127.0.1.73: dump refused (secure=1): magic does not match" in daemon.log(), "the log has the reason")


def test_console(daemon):
    with Machine(daemon, "127.0.1.80") as m, Machine(daemon, "127.0.1.80") as other:
        m.log(b"good morning\n")
        other.send(b"<5> from netconsole\n")
        other.send(b"bell \x07 and \xff\n")
        store = os.path.join(daemon.dumps, "console", "127.0.1.80.log")
        want = "good morning\n<5> from netconsole\nbell \\x07 and \\xff\n"
        wait_for(lambda: os.path.exists(store) and os.path.getsize(store) >= len(want))
        with open(store, encoding="ascii") as f:
            tap.equal(f.read(), want, "console text of a running client is stored and escaped")
        m.crash()
        m.run(stop_after=3)
        other.send(b"<0> Kernel panic from another port\n")
        tap.ok(m.run(), "the client crashes")
        where, _ = one_dump(daemon, "127.0.1.80")
        with open(os.path.join(where, "log"), encoding="ascii") as f:
            log = f.read()
        tap.ok(log.startswith(want) and "Kernel panic from another port" in log, "log has all text", log)


def test_status(daemon):
    with Machine(daemon, "127.0.1.90") as m:
        m.crash()
        m.run(stop_after=8)
        daemon.process.send_signal(signal.SIGUSR1)
        line = wait_for(lambda: re.search(r"127\.0\.1\.90: dumping, \d+ of 64 pages .*", daemon.log()))
        tap.ok(line, "SIGUSR1 logs a line for the client", daemon.log())
        tap.ok(m.run(), "the dump continues")


with tempfile.TemporaryDirectory() as work:
    with Daemon(os.path.join(work, "one"), "--concurrent=32") as d:
        tap.together([lambda test=test: test(d) for test in (
            test_simulated, test_odd_machines, test_odd_answers, test_reserved_chain, test_two_behind_one_address,
            test_forged_start, test_console, test_status)])
        d.process.terminate()
        tap.equal(d.process.wait(PATIENCE), 0, "TERM: exit status 0")
    tap.together([
        lambda: test_ipv6(work), lambda: test_local_address(work), lambda: test_over_limit(work, 0),
        lambda: test_over_limit(work, 1), lambda: huge_page_count(work), lambda: test_silent(work),
        lambda: test_crashes_again(work), lambda: test_secure(work)])
    test_many(work)
tap.finish()
