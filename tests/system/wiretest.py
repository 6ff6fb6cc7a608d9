# wiretest.py - what the Python tests share: TAP, the netdump-sim process, packets, captures.
# Its byte layouts are written down here once more, on purpose: a test that packed with the code it tests
# could not find a mistake in it.
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import concurrent.futures
import lzma
import os
import shlex
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
SIM = os.path.join(BUILD, "netdump-sim")
WRAP = shlex.split(os.environ.get("WRAP", ""))
# Sanitizers and valgrind have memory of their own, and are slow.
HEAVY = bool(WRAP or os.environ.get("SANITIZED") or "asan" in os.path.basename(BUILD))

(NONE, SEND_MEM, EXIT, REBOOT, HELLO, GET_NR_PAGES, GET_PAGE_SIZE, START_ACK, GET_REGS,
 SHOW_STATE) = range(10)
(R_ERROR, R_LOG, R_MEM, R_RESERVED, R_HELLO, R_NR_PAGES, R_PAGE_SIZE, R_START, R_END,
 R_REGS) = range(1, 11)
R_SHOW_STATE = 12

# Seconds that a test waits for what must happen. Long: on a busy machine everything takes its time, and one
# that waits in vain has failed anyway. What must not happen is waited for by an event behind it, see fence().
PATIENCE = 120.0

Reply = collections.namedtuple("Reply", "version nr code info payload source raw")


class Tap:
    """ok() lines, and the plan at the end. Any thread may call ok()."""

    def __init__(self):
        self.n = 0
        self.failed = 0
        self.lock = threading.Lock()

    def ok(self, good, name, *notes):
        with self.lock:
            self.n += 1
            self.failed += not good
            print(f"{'ok' if good else 'not ok'} {self.n} - {name}", flush=True)
            if not good:
                for note in notes:
                    for line in str(note).splitlines():
                        print(f"#   {line}", flush=True)
        return good

    def together(self, jobs, at_once=8):
        """Run functions at the same time: most of a dump's time is waiting. One that dies has failed."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for job in [pool.submit(job) for job in jobs]:
                try:
                    job.result()
                except Exception:  # whatever it was: the plan must not come out right
                    self.ok(False, "a test died", traceback.format_exc())

    def equal(self, is_, should, name):
        return self.ok(is_ == should, name, f"is:     {is_!r}", f"should: {should!r}")

    def finish(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)


def request(nr, command, from_=0, magic=0, to=0):
    return struct.pack(">QIIII", magic, nr, command, from_, to)


def parse(data, source=None):
    if len(data) < 13 or data[0] > 8:
        return Reply(0, None, None, None, data, source, data)
    return Reply(*struct.unpack(">BIII", data[:13]), data[13:], source, data)


class Server:
    """A server that does what the test says, and one netdump-sim that talks to it."""

    def __init__(self, *args, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.port = self.sock.getsockname()[1]
        self.host = host
        self.client = None
        self.text = []
        self.nr = 0
        self.args = args
        self.process = None

    def __enter__(self):
        target = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self.out = tempfile.TemporaryFile()
        self.process = subprocess.Popen([SIM, "--seed=1", *self.args, target], stdout=self.out,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.sock.close()
        self.out.close()

    def recv(self):
        """The next datagram; None if none comes for PATIENCE seconds."""
        try:
            data, source = self.sock.recvfrom(4096)
        except socket.timeout:
            return None
        return parse(data, source)

    def reply(self):
        """The next datagram that is no console text (that is kept in self.text)."""
        while True:
            r = self.recv()
            if r is None or (r.version != 0 and r.code != R_LOG):
                return r
            self.text.append(r)

    def quiet(self, seconds):
        """True if nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            data, source = self.sock.recvfrom(4096)
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(PATIENCE)
        self.unexpected = parse(data, source)
        return False

    def start(self):
        """Wait for START, and remember who sent it."""
        r = self.reply()
        if r is not None:
            self.client = r.source
        return r

    def send(self, data, sock=None):
        (sock or self.sock).sendto(data, self.client)

    def tell(self, command, from_=0, **more):
        self.nr += 1
        self.send(request(self.nr, command, from_, **more))
        return self.nr

    def ask(self, command, from_=0, **more):
        self.tell(command, from_, **more)
        return self.reply()

    def handshake(self, version=5):
        r = self.start()
        self.send(request(0, START_ACK, version))
        return r

    def page(self, pfn, size=4096):
        """One whole page, None if a chunk is not what it must be."""
        nr = self.tell(SEND_MEM, pfn)
        data = b""
        for at in range(0, size, 1024):
            r = self.reply()
            if r is None or (r.code, r.nr, r.info, len(r.payload)) != (R_MEM, nr, at, 1024):
                return None
            data += r.payload
        return data

    def alive(self):
        r = self.ask(HELLO)
        return r is not None and r.code == R_HELLO and r.nr == self.nr

    def wait(self):
        """The exit status of netdump-sim."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def output(self):
        self.out.seek(0)
        return self.out.read().decode()


def run_sim(*args):
    """Run to the end: status, stdout, stderr."""
    p = subprocess.run([SIM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                       stdin=subprocess.DEVNULL, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def unpack_captures(directory):
    archive = os.path.join(ROOT, "tests", "captures", "captures.tar.xz")
    with lzma.open(archive) as raw, tarfile.open(fileobj=raw) as tar:
        for member in tar:
            with tar.extractfile(member) as source, \
                    open(os.path.join(directory, os.path.basename(member.name)), "wb") as out:
                out.write(source.read())


Packet = collections.namedtuple("Packet", "source sport dest dport data")


def read_pcap(path):
    """UDP packets of a little-endian Ethernet pcap with IPv4 without options."""
    with open(path, "rb") as f:
        raw = f.read()
    at = 24
    packets = []
    while at < len(raw):
        size = struct.unpack("<I", raw[at + 8:at + 12])[0]
        ip = raw[at + 16 + 14:at + 16 + size]
        sport, dport, length = struct.unpack(">HHH", ip[20:26])
        packets.append(Packet(socket.inet_ntoa(ip[12:16]), sport, socket.inet_ntoa(ip[16:20]), dport,
                              ip[28:20 + length]))
        at += 16 + size
    return packets


def recorded_machine(packets):
    """Memory, registers and task, as the recording tells them."""
    pfns, memory, regs = {}, {}, None
    for p in packets:
        if p.source == "127.0.0.1":
            _, nr, command, from_, _ = struct.unpack(">QIIII", p.data)
            if command == SEND_MEM:
                pfns[nr] = from_
        elif len(p.data) > 13 and p.data[8] == R_MEM:
            r = parse(p.data)
            memory.setdefault(pfns[r.nr], {})[r.info] = r.payload
        elif len(p.data) > 13 and p.data[8] == R_REGS:
            payload = parse(p.data).payload
            size = len(payload) - payload.index(b"\0")
            regs = payload[23:23 + size]
    image = bytearray(256 * 4096)
    for pfn, chunks in memory.items():
        for at, chunk in chunks.items():
            image[pfn * 4096 + at:pfn * 4096 + at + len(chunk)] = chunk
    return bytes(image), regs


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


class Daemon:
    """netdump-server on a free port with a dump directory of its own. WRAP in the environment stands before the
    command, such as "valgrind -q --error-exitcode=99"."""

    def __init__(self, directory, *args, host="127.0.0.1", config=""):
        self.dumps = os.path.join(directory, "dumps")
        self.log_path = os.path.join(directory, "server.log")
        self.config = os.path.join(directory, "server.conf")
        self.host = host
        self.args = args
        self.env = None         # of the process, if not ours
        self.port = None
        os.makedirs(self.dumps, mode=0o700, exist_ok=True)
        self.configure(config)
        self.process = None

    def configure(self, text):
        with open(self.config, "w", encoding="ascii") as f:
            f.write(text)

    def launch(self):
        """Start it on its port and wait until it listens: False if it has ended instead. The log is continued."""
        heard = self.log().count("listening on")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*WRAP, os.path.join(BUILD, "netdump-server"), f"--config={self.config}", f"--addr={self.host}",
                 f"--port={self.port}", f"--dumpdir={self.dumps}", *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            if self.log().count("listening on") > heard:
                return True
            time.sleep(0.01)
        return False

    def __enter__(self):
        # Another test may take the port in between: then once more.
        for _ in range(5):
            self.port = free_port(self.host)
            if self.launch():
                return self
            self.end()
        raise RuntimeError("netdump-server does not start: " + self.log())

    def kill(self):
        """As the kernel would: nothing is tidied up."""
        self.process.kill()
        self.process.wait()

    def end(self):
        """TERM; the exit status, None where it had to be killed."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                return None
        return self.process.returncode

    def __exit__(self, *raised):
        if self.process.poll() is None and self.end() != 0 and not any(raised):
            raise RuntimeError(f"netdump-server ended with {self.process.returncode}: " + self.log()[-4000:])

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def log(self):
        try:
            with open(self.log_path, "rb") as f:
                return f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def dumps_of(self, client):
        """The directories of a client's dumps, in the order of their names."""
        return [os.path.join(self.dumps, name) for name in sorted(os.listdir(self.dumps))
                if name.startswith(client + "-")]

    def settled(self, directory):
        """Wait until the server is finished with this dump, and read its info file as a dictionary."""
        end = time.monotonic() + PATIENCE
        # The journal goes last, when the machine no longer answers.
        while os.path.exists(os.path.join(directory, "journal")) and time.monotonic() < end:
            time.sleep(0.05)
        try:
            with open(os.path.join(directory, "info"), encoding="ascii") as f:
                return dict(line.rstrip("\n").split("=", 1) for line in f)
        except FileNotFoundError:
            return {}
