#!/usr/bin/env python3
# 34-stall.t - a file system that does not respond: the server's loop goes on, whatever waits for it. Judged by
# the order of events, not by time: what must go on is seen to go on while the file system stalls.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, read_vmcore
from running import fence, script, wait_for
from wiretest import BUILD, PATIENCE, SEND_MEM, Daemon, Tap

tap = Tap()
STALLFS = os.path.join(BUILD, "tools", "stallfs")
MAGIC = 0x0123456789abcdef
PAGES = 4096    # more than all dumps of the test need while something stalls
GO_ON = 40      # requests that show that a dump goes on: more than one batch, less than the server keeps in memory


class StallFS:
    """Shows the directory `source`; stall(prefix) has operations below it wait until release()."""

    def __init__(self, source):
        self.source = source
        self.control = tempfile.mkdtemp(prefix="netdump-stall-")
        self.path = os.path.join(self.control, "mounted")
        os.mkdir(self.path)
        self.process = None

    def mount(self):
        """False where it is not allowed."""
        self.process = subprocess.Popen([STALLFS, self.source, self.path, self.control], stdin=subprocess.DEVNULL)
        wait_for(lambda: os.path.ismount(self.path) or self.process.poll() is not None)
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for name in os.listdir(self.control):
            if name != "mounted":
                os.unlink(os.path.join(self.control, name))
        os.rmdir(self.path)
        os.rmdir(self.control)

    def stall(self, prefix):
        """prefix: "/" for everything; "/a/" for what is in a directory. (While "/a" is looked up, the kernel
        lets nobody change "/", so that more stalls than was meant.)"""
        new = os.path.join(self.control, "new")
        with open(new, "w", encoding="ascii") as f:
            f.write(prefix)
        os.rename(new, os.path.join(self.control, "stall"))

    def release(self):
        try:
            os.unlink(os.path.join(self.control, "stall"))
        except FileNotFoundError:
            pass

    def stalled(self):
        """Operations that have begun to wait, since ever."""
        try:
            with open(os.path.join(self.control, "stalled"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_stalled(self, prefix, after=0):
        """An operation on such a path waits; the n-th of all, `after` those that there were."""
        return wait_for(lambda: [line for line in self.stalled()[after:] if line.split(" ", 1)[1].startswith(prefix)])


class Place:
    """A server whose dump directory and configuration are on a StallFS. What it wrote is read past it."""

    def __init__(self, work, *args, config=""):
        os.makedirs(work, mode=0o700)
        self.fs = StallFS(work)
        self.daemon = Daemon(work, f"--dumpdir={self.fs.path}/dumps", f"--config={self.fs.path}/server.conf", *args,
                             config=config)

    def __enter__(self):
        self.fs.mount()
        self.daemon.__enter__()
        return self.daemon, self.fs

    def __exit__(self, *raised):
        self.fs.release()
        try:
            self.daemon.__exit__(*raised)
        finally:
            self.fs.__exit__()


def put_magic(daemon, host, magic):
    directory = os.path.join(daemon.dumps, "magic")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    with open(os.path.join(directory, host), "w", encoding="ascii") as f:
        f.write(f"{magic:016x}\n")


def begin(m, magic=0):
    """Until the dump's files are open and pages come."""
    m.crash(magic=magic)
    return m.run(until=lambda _: m.seen.count(SEND_MEM) >= 1)


def goes_on(m, n=GO_ON):
    """It is requested n more pages, and answers them."""
    goal = m.seen.count(SEND_MEM) + n
    return m.run(until=lambda _: m.seen.count(SEND_MEM) >= goal)


def finish(daemon, machines, name):
    """All dumps end right once the file system responds."""
    threads = [threading.Thread(target=m.run) for m in machines]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for m in machines:
        found = daemon.dumps_of(m.host)
        tap.equal([daemon.settled(where).get("result") for where in found], ["complete"],
                  f"{name}: then {m.host} is dumped")
        memory = read_vmcore(found[0])[-m.pages * 4096:] if len(found) == 1 else b""
        tap.ok(memory == b"".join(m.page(n) for n in range(m.pages)), f"{name}: with every byte of {m.host}")
        tap.ok(m.rebooted, f"{name}: {m.host} is rebooted")


class FastMachine(Machine):
    """Its pages cost nothing to make."""

    def page(self, pfn):
        return struct.pack(">I", pfn) * 1024


def everything(work):
    """The whole dump directory stalls: dumps that have their files go on, others begin when it responds."""
    with Place(os.path.join(work, "all")) as (daemon, fs), \
            FastMachine(daemon, "127.0.1.1", pages=PAGES) as a, FastMachine(daemon, "127.0.1.2", pages=64) as b:
        tap.ok(begin(a), "a dump has begun")
        fs.stall("/")
        b.start()
        tap.ok(fs.wait_stalled("/dumps"), "the file system stalls")
        tap.ok(goes_on(a), "pages are requested and taken nevertheless", daemon.log())
        # Text is taken, and SIGUSR1 answered.
        a.log(b"a line of text\n")
        daemon.process.send_signal(signal.SIGUSR1)
        tap.ok(wait_for(lambda: b.host in daemon.log()), "SIGUSR1 is answered", daemon.log())
        tap.ok(goes_on(a), "and again", daemon.log())
        tap.ok(b.nothing(), "who crashes now is not answered before it is on disk")
        fs.release()
        finish(daemon, [a, b], "everything stalled")


def magic(work):
    """secure=1, and magic/ stalls with nothing cached; what is on file changes meanwhile."""
    with Place(os.path.join(work, "magic"), config="secure=1\n") as (daemon, fs), \
            FastMachine(daemon, "127.0.2.1", pages=PAGES) as a, FastMachine(daemon, "127.0.2.2", pages=64) as b, \
            FastMachine(daemon, "127.0.2.3", pages=64) as c, FastMachine(daemon, "127.0.2.4", pages=64) as d:
        for m in (a, b):
            put_magic(daemon, m.host, MAGIC)
        put_magic(daemon, d.host, MAGIC)
        tap.ok(begin(a, MAGIC), "secure=1: a dump has begun")
        b.crash(magic=MAGIC)    # admitted, and nothing of it is on disk
        fs.stall("/dumps/magic/")
        for m in (c, d):
            m.start(magic=MAGIC)
        tap.ok(fs.wait_stalled("/dumps/magic/"), "magic/ stalls")
        tap.ok(goes_on(a), "a dump that runs goes on", daemon.log())
        tap.ok(b.run(), "one whose magic was checked before is dumped to its end", daemon.log())
        tap.ok(goes_on(a), "the other one goes on", daemon.log())
        tap.ok(c.nothing() and d.nothing(), "whose magic cannot be read is not answered")
        before = len(fs.stalled())
        for n in range(200):    # forged, from hosts of all kinds
            with FastMachine(daemon, f"127.0.3.{n + 1}") as m:
                m.start(magic=n)
        tap.ok(goes_on(a), "a flood of crashes does not stop it", daemon.log())
        tap.ok(len(fs.stalled()) <= before + 1, "nor is it a flood of opens", *fs.stalled()[before:])
        put_magic(daemon, c.host, MAGIC)        # was missing
        put_magic(daemon, d.host, MAGIC + 1)    # was right
        fs.release()
        for m in (c, d):        # a client repeats its START until it is answered
            m.start(magic=MAGIC)
        finish(daemon, [a, c], "magic/ stalled")
        tap.ok(d.nothing() and not daemon.dumps_of(d.host), "what is on file then counts: no dump with another magic")


def hooks(work):
    """scripts/ stalls: hooks wait, dumps do not."""
    with Place(os.path.join(work, "hooks"), config="max_concurrent_dumps=8\n") as (daemon, fs), \
            FastMachine(daemon, "127.0.4.1", pages=64) as a, FastMachine(daemon, "127.0.4.2", pages=64) as b:
        out = os.path.join(work, "hooks.out")
        for name in ("netdump-crash", "netdump-reboot"):
            script(daemon, name, f'echo "$NETDUMP_HOOK $1" >>{out}\n')
        fs.stall("/dumps/scripts/")
        a.crash()
        all_pages = lambda m: set(range(m.pages)) <= m.pfns
        tap.ok(a.run(until=all_pages), "all pages are requested while the hook's script stalls", daemon.log())
        tap.ok(fs.wait_stalled("/dumps/scripts/"), "scripts/ stalls")
        b.crash()
        tap.ok(b.run(until=all_pages), "those of a second client, too", daemon.log())
        tap.ok(not os.path.exists(out), "no hook has run")
        tap.ok(not a.rebooted and not b.rebooted, "and what must wait for hooks does")
        fs.release()
        finish(daemon, [a, b], "scripts/ stalled")
        with open(out, encoding="ascii") as f:
            ran = f.read().splitlines()
        tap.equal(sorted(ran), sorted(f"netdump-{hook} {m.host}" for hook in ("crash", "reboot") for m in (a, b)),
                  "each hook has run once")


def configuration(work):
    """The configuration file stalls: SIGHUP changes nothing until it can be read, then what stands there."""
    with Place(os.path.join(work, "conf"), config="window=64\n") as (daemon, fs), \
            FastMachine(daemon, "127.0.5.1", pages=PAGES) as a, FastMachine(daemon, "127.0.5.2", pages=64) as b:
        tap.ok(begin(a), "a dump has begun")
        fs.stall("/server.conf")
        daemon.process.send_signal(signal.SIGHUP)
        tap.ok(fs.wait_stalled("/server.conf"), "the configuration file stalls")
        tap.ok(goes_on(a), "the dump goes on", daemon.log())
        daemon.process.send_signal(signal.SIGHUP)
        tap.ok(b.crash(), "another client is answered", daemon.log())
        tap.ok(goes_on(a), "and the dump goes on", daemon.log())
        reloaded = "onfiguration"
        tap.ok(not [line for line in daemon.log().splitlines() if reloaded in line], "nothing has been read yet")
        daemon.configure("window=64\nallow=127.0.9.9\n")
        fs.release()
        tap.ok(wait_for(lambda: len([line for line in daemon.log().splitlines() if reloaded in line]) == 2),
               "two signals: read twice", daemon.log())
        with FastMachine(daemon, "127.0.5.3") as c:
            c.start()
            fence(daemon, "127.0.9.9")
            tap.ok(c.nothing(), "what stands there counts")
        daemon.configure("window=64\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len([line for line in daemon.log().splitlines() if reloaded in line]) == 3)
        finish(daemon, [a, b], "configuration stalled")

        # A pipe to which nobody writes.
        os.unlink(daemon.config)
        os.mkfifo(daemon.config)
        daemon.process.send_signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: "pipe" in daemon.log()), "a pipe is refused by a running server", daemon.log())


def end(work):
    """SIGTERM while a file system stalls: the server ends, and the next one resumes."""
    place = Place(os.path.join(work, "end"), config="secure=1\n")
    with place as (daemon, fs), FastMachine(daemon, "127.0.6.1", pages=PAGES) as a, \
            FastMachine(daemon, "127.0.6.2") as b:
        put_magic(daemon, a.host, MAGIC)
        tap.ok(begin(a, MAGIC), "a dump has begun")
        fs.stall("/dumps/magic/")
        b.start(magic=MAGIC)
        fs.wait_stalled("/dumps/magic/")
        tap.ok(goes_on(a), "it goes on")
        daemon.process.terminate()
        tap.ok(wait_for(lambda: "does not respond" in daemon.log()), "SIGTERM: the server does not wait for it",
               daemon.log())
        fs.release()    # the kernel itself holds a thread that is in such a call
        tap.equal(daemon.process.wait(PATIENCE), 0, "and ends with status 0")
        daemon.launch()
        finish(daemon, [a], "after the end")


def main():
    if not os.path.exists(STALLFS):
        print("1..0 # SKIP stallfs is not built: libfuse3 (libfuse3-dev, fuse3-devel) 3.12 or later is missing")
        return
    if not os.path.exists("/dev/fuse"):
        print("1..0 # SKIP /dev/fuse is missing: \"modprobe fuse\"")
        return
    with tempfile.TemporaryDirectory(prefix="netdump-") as work:
        with StallFS(work) as probe:
            if not probe.mount():
                print("1..0 # SKIP file systems cannot be mounted here (FUSE)")
                return
        tap.together([lambda f=f: f(work) for f in (everything, magic, hooks, configuration, end)], 3)
    tap.finish()


main()
