#!/usr/bin/env python3
# 20-captures.t - the three recorded dumps, replayed to the daemon: is what it writes what was recorded?
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wiretest import BUILD, Daemon, parse, PATIENCE, R_LOG, read_pcap, recorded_machine, Tap, unpack_captures

REPLAY = os.path.join(BUILD, "tools", "netdump-replay")
tap = Tap()


def replay(daemon, capture, client):
    p = subprocess.run([REPLAY, f"--verify={daemon.dumps}", f"--bind={client}", capture, daemon.address],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=5 * PATIENCE, check=False)
    return p.returncode, p.stdout.decode()


def compare(vmcore, packets, machine):
    """A second opinion, by other code: the memory at its place, and nothing else behind the header."""
    image, regs = recorded_machine(packets)
    with open(vmcore, "rb") as f:
        data = f.read()
    memory = data[-len(image):]
    wrong = [p for p in range(256) if memory[p * 4096:][:4096] != image[p * 4096:][:4096]]
    tap.ok(not wrong and len(data) - len(image) == 4096, "256 pages as recorded, after a header of one page",
           wrong, len(data))
    at = 112 + 176 + 16 if machine == "x86_64" else 72 + 116 + 16
    tap.equal(data[at:at + len(regs)].hex(), regs.hex(), "the registers in NT_PRSTATUS")


def test(daemon, work, name, machine, registers, client):
    capture = os.path.join(work, name + ".pcap")
    packets = read_pcap(capture)
    status, said = replay(daemon, capture, client)
    tap.ok(status == 0 and " 0 of 256 pages differ" in said, f"{name}: replayed and equal",
           said, daemon.log())
    directories = daemon.dumps_of(client)
    if not tap.equal(len(directories), 1, "one directory"):
        return
    where = directories[0]
    info = daemon.settled(where)
    for key, value in (("client", client), ("machine", machine), ("page_size", "4096"), ("pages", "256"),
                       ("ram_pages", "231"), ("registers", str(registers)), ("result", "complete")):
        tap.equal(info.get(key), value, f"info: {key}")
    tap.equal(sorted(os.listdir(where)), ["info", "log", "vmcore"], "no other files")
    modes = {stat.S_IMODE(os.stat(os.path.join(where, f)).st_mode) for f in os.listdir(where)}
    tap.equal((stat.S_IMODE(os.stat(where).st_mode), modes), (0o700, {0o600}), "modes 0700 and 0600")
    compare(os.path.join(where, "vmcore"), packets, machine)
    with open(os.path.join(where, "log"), encoding="ascii") as f:
        log = f.read()
    texts = []
    for p in packets:
        if p.source == "127.0.0.2" and p.dport == 6666:
            r = parse(p.data)
            if r.version == 0 or r.code == R_LOG:
                texts.append(r.payload.decode())
    lost = [t for t in texts if t.rstrip("\n") not in log]
    tap.ok(len(texts) >= 16 and not lost, f"{len(texts)} packets of console text are in log", lost)


def main():
    with tempfile.TemporaryDirectory(prefix="netdump-captures.") as work:
        unpack_captures(work)
        with Daemon(work) as daemon:
            test(daemon, work, "rhel3-i386", "i386", 68, "127.0.0.2")
            test(daemon, work, "rhel4-i386", "i386", 68, "127.0.0.3")
            test(daemon, work, "rhel4-x86_64", "x86_64", 216, "127.0.0.4")
    tap.finish()


main()
