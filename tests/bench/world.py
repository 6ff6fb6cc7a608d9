"""world.py - what a benchmark starts and makes, and how all of it is gone at the end.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
PAGE = 4096
MIB = 1 << 20
GIB = 1 << 30


class Failed(Exception):
    """A measurement that has no result, and why."""


def tail(path, lines=5):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:]).strip()
    except OSError:
        return ""


def spawn(argv, keep, **more):
    """A process that dies with us, whatever we die of. It is in the list `keep` before a signal can end us."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def in_child():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        p = subprocess.Popen(argv, start_new_session=True, preexec_fn=in_child, **more)
        keep(p)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


class Child:
    """A process of which the output is in files."""

    def __init__(self, world, argv, inside=None, env=None):
        self.name = os.path.basename(argv[0])
        self.out = world.path(self.name + ".out")
        self.err = world.path(self.name + ".err")
        self.cpu = None
        self.world = world
        if inside:
            argv = ["nsenter", f"--net=/proc/{inside}/ns/net", "--"] + argv
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            spawn(argv, self.born, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(env or {})})

    def born(self, p):
        self.p = p
        self.world.children.append(self)

    def reap(self, block=False):
        """True if it has ended; then self.cpu has its seconds of CPU, user and system."""
        if self.p.returncode is None:
            pid, status, usage = os.wait4(self.p.pid, 0 if block else os.WNOHANG)
            if pid == 0:
                return False
            self.p.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            self.world.children.remove(self)
        return True

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while not self.reap():
            if time.monotonic() > until:
                self.kill()
                raise Failed(f"{self.name} did not end in {seconds} s: {tail(self.err)}")
            time.sleep(0.005)
        return self.p.returncode

    def await_line(self, pattern, path, seconds=60):
        """The match of the first line of its output that matches."""
        until = time.monotonic() + seconds
        while True:
            ended = self.reap()
            with open(path, encoding="utf-8", errors="replace") as f:
                for line in f:
                    m = re.search(pattern, line)
                    if m:
                        return m
            if ended or time.monotonic() > until:
                raise Failed(f"{self.name} did not start: {tail(self.err)}")
            time.sleep(0.005)

    def kill(self, signo=signal.SIGKILL):
        if self.p.returncode is None:
            os.kill(self.p.pid, signo)
            if signo == signal.SIGKILL:
                self.reap(block=True)


class Line:
    """Two network namespaces with a wire between them; they vanish with the processes that hold them."""

    SERVER, CLIENT = "192.0.2.1", "192.0.2.2"

    def __init__(self):
        self.holders = []
        try:
            for _ in range(2):
                spawn(["unshare", "--net", "cat"], self.holders.append, stdin=subprocess.PIPE,
                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.server, self.client = (p.pid for p in self.holders)
            self.await_namespaces()
            self.run(None, "ip", "link", "add", "wire0", "netns", str(self.server), "type", "veth",
                     "peer", "name", "wire1", "netns", str(self.client))
            for pid, device, address in ((self.server, "wire0", self.SERVER), (self.client, "wire1", self.CLIENT)):
                self.run(pid, "ip", "address", "add", address + "/24", "dev", device)
                self.run(pid, "ip", "link", "set", device, "up")
                self.run(pid, "ip", "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def await_namespaces(self):
        ours = os.readlink("/proc/self/ns/net")
        until = time.monotonic() + 60
        for p in self.holders:
            while os.readlink(f"/proc/{p.pid}/ns/net") == ours:
                if p.poll() is not None or time.monotonic() > until:
                    raise Failed("no network namespace: " + p.stderr.read().decode().strip())
                time.sleep(0.005)

    @staticmethod
    def run(pid, *argv):
        inside = ["nsenter", f"--net=/proc/{pid}/ns/net", "--"] if pid else []
        try:
            p = subprocess.run(inside + list(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        except OSError as e:
            raise Failed(str(e)) from e
        if p.returncode != 0:
            raise Failed(f"{' '.join(argv)}: {p.stdout.decode().strip()}")

    def shape(self, bits):
        """The client sends so many bits a second at most. The queue is long enough that nothing is lost:
        what a full queue does is the business of the loss case."""
        self.run(self.client, "tc", "qdisc", "replace", "dev", "wire1", "root", "tbf", "rate", f"{bits}bit",
                 "burst", "16kb", "limit", "4mb")

    def close(self):
        for p in self.holders:
            p.stdin.close()
            p.kill()
            p.wait()
            p.stderr.close()
        self.holders = []


class World:
    def __init__(self, build, directory):
        self.build = build
        self.children = []
        self.dir = tempfile.mkdtemp(prefix="bench-", dir=directory)
        self.n = 0
        self.closers = []

    def tool(self, name):
        return os.path.abspath(os.path.join(self.build, name))

    def path(self, name):
        self.n += 1
        return os.path.join(self.dir, f"{self.n}-{name}")

    def free(self):
        st = os.statvfs(self.dir)
        return st.f_bavail * st.f_frsize

    def tidy(self):
        """What one measurement has left behind."""
        for child in list(self.children):
            child.kill()
        for name in os.listdir(self.dir):
            path = os.path.join(self.dir, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def close(self):
        for child in list(self.children):
            child.kill()
        for closer in self.closers:
            closer()
        shutil.rmtree(self.dir, ignore_errors=True)


class Server:
    """A netdump-server with a dump directory of its own."""

    def __init__(self, world, address="127.0.0.1", inside=None, rmem_max=0, program=None):
        self.dumps = world.path("dumps")
        os.mkdir(self.dumps, 0o700)
        env = {"LD_PRELOAD": world.tool("bench/rcvbuf.so"), "BENCH_RMEM_MAX": str(rmem_max),
               # A server that was built with it insists on being the first to be loaded.
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"} if rmem_max else {}
        self.child = Child(world, [program or world.tool("netdump-server"), "--config=/dev/null", "--port=0",
                                   f"--addr={address}", f"--dumpdir={self.dumps}", "--concurrent=64"],
                           inside=inside, env=env)
        m = self.child.await_line(r"listening on .* port (\d+)", self.child.err)
        self.port = int(m.group(1))
        self.at = f"{address}:{self.port}"
        with open(self.child.err, encoding="utf-8", errors="replace") as f:
            hint = re.search(r"receive buffer is (\d+) KiB", f.read())
        self.small_buffer = int(hint.group(1)) * 2048 if hint else None

    def infos(self):
        infos = []
        for path in glob.glob(self.dumps + "/*/info"):
            with open(path, encoding="utf-8") as f:
                infos.append(dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line))
        return infos

    def await_infos(self, n):
        until = time.monotonic() + 120
        while True:
            infos = self.infos()
            if len(infos) == n and all(i.get("result") == "complete" for i in infos):
                return infos
            if time.monotonic() > until or self.child.reap():
                raise Failed(f"{len(infos)} of {n} dumps, "
                             f"{[i.get('result') for i in infos]}: {tail(self.child.err)}")
            time.sleep(0.01)

    def peak_memory(self):
        with open(f"/proc/{self.child.p.pid}/status", encoding="ascii", errors="replace") as f:
            return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024

    def drops(self):
        """Datagrams that the kernel dropped for want of buffer: the last column of /proc/net/udp."""
        with open(f"/proc/{self.child.p.pid}/net/udp", encoding="ascii") as f:
            rows = [line.split() for line in f]
        return sum(int(row[-1]) for row in rows[1:] if int(row[1].split(":")[1], 16) == self.port)

    def end(self):
        self.child.kill(signal.SIGTERM)
        if self.child.wait(120) != 0:
            raise Failed(f"netdump-server ended with status {self.child.p.returncode}: {tail(self.child.err)}")
        return self.child.cpu


def simulate(world, options, at, inside=None):
    """Run simulated machines; what the simulator's --json says."""
    child = Child(world, [world.tool("netdump-sim"), "--json", "--timeout=60"] + options + [at], inside=inside)
    status = child.wait(900)
    try:
        with open(child.out, encoding="utf-8") as f:
            said = json.load(f)
    except ValueError as e:
        raise Failed(f"netdump-sim {' '.join(options)}: status {status}: {tail(child.err)}") from e
    bad = [f"{m['address']} {m['state']}{': ' + m['difference'] if m.get('difference') else ''}"
           for m in said["machines"] if not m["good"]]
    if bad or status != 0:
        raise Failed(f"netdump-sim {' '.join(options)}: {'; '.join(bad[:3]) or tail(child.err)}")
    said["cpu"] = child.cpu
    return said
