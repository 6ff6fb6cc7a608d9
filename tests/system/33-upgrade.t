#!/usr/bin/env python3
# 33-upgrade.t - dumps that version 1.0 has begun, see tests/fixtures-1.0: this server finishes them, byte for byte.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import struct
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(os.path.dirname(HERE), "fixtures-1.0")
sys.path[:0] = [HERE, FIXTURES]
from cases import CASES, crash
from journals import crc32c
from running import wait_for
from wiretest import Daemon, free_port, PATIENCE, Tap

SLOT = 4096     # of 1.0: a record
BOOT_ID_AT = 189
tap = Tap()


def unpack(name, directory):
    with tarfile.open(os.path.join(FIXTURES, "dumps.tar.xz")) as tar:
        for member in tar:
            parts = member.name.split("/")
            if parts[1:2] == [name] and len(parts) > 2:
                member.name = "/".join(parts[2:])
                tar.extract(member, directory)


def of_this_boot(where):
    """As if the server had been upgraded, and the host not booted since."""
    path = os.path.join(where, "journal")
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot_id = bytes.fromhex(f.read().strip().replace("-", ""))
    with open(path, "rb") as f:
        data = bytearray(f.read())
    for at in range(0, len(data), SLOT):
        if any(data[at:at + SLOT]):
            data[at + BOOT_ID_AT:at + BOOT_ID_AT + 16] = boot_id
            struct.pack_into("<I", data, at + SLOT - 4, crc32c(data[at:at + SLOT - 4]))
    with open(path, "wb") as f:
        f.write(data)


def is_old(where):
    with open(os.path.join(where, "journal"), "rb") as f:
        return b"NDUMPJNL" in f.read()


def contents(where, name):
    try:
        with open(os.path.join(where, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def served(client):
    """What netdump-sim says at its end: its status, its summary, all of it."""
    said = client.communicate(timeout=5 * PATIENCE)[0].decode(errors="replace")
    summary = next((json.loads(line) for line in said.splitlines() if line.startswith("{")), {})
    return client.returncode, summary, said


class Server(Daemon):
    """On a port that is free, and not started yet."""

    def __init__(self, directory):
        super().__init__(directory)
        self.port = free_port()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        if self.process:
            super().__exit__(*raised)


def upgrade(work, case, booted):
    name = f"{case.name}, {'and the host was booted' if booted else 'on the same host'}"
    directory = os.path.join(work, f"{case.name}-{booted}")
    with Server(directory) as daemon:
        unpack(case.name, daemon.dumps)
        where = daemon.dumps_of(case.host)[0]
        if not booted:
            of_this_boot(where)
        tap.ok(is_old(where), f"{name}: its journal is of version 1.0")
        # A vmcore that is there already is none of this client's making.
        verify = [f"--verify={daemon.dumps}"] if case.state != 2 else []
        client = crash(case, directory, daemon.port, *verify)
        before = contents(where, "vmcore")
        try:
            tap.ok(daemon.launch(), f"{name}: the server starts", daemon.log())
            status, summary, said = served(client)
        finally:
            client.kill()
        tap.ok(status == 0, f"{name}: {'vmcore is right byte for byte, and ' if verify else ''}the client is rebooted",
               said, daemon.log())
        info = daemon.settled(where)
        tap.ok(info.get("result") == "complete" and os.path.exists(os.path.join(where, "vmcore")),
               f"{name}: the dump is complete", info, os.listdir(where))
        tap.equal(daemon.dumps_of(case.host), [where], f"{name}: there is no second one")
        if case.state == 2:
            tap.ok(before == contents(where, "vmcore"), f"{name}: vmcore is untouched")
        # The journals were synced every few hundred pages, and a third was there in any case.
        requested = summary.get("pages", case.pages)
        tap.ok(requested <= (case.pages * 3 // 4 if case.state == 0 else case.pages // 4 if booted else 0),
               f"{name}: only what was missing is requested ({requested} of {case.pages} pages)", said)


def killed_again(work, case):
    """This server is killed as well, after it has replaced the journal."""
    directory = os.path.join(work, case.name + "-again")
    with Server(directory) as daemon:
        unpack(case.name, daemon.dumps)
        where = daemon.dumps_of(case.host)[0]
        client = crash(case, directory, daemon.port, f"--verify={daemon.dumps}", "--delay=5")
        try:
            daemon.configure("window=2\n")
            daemon.launch()
            replaced = wait_for(lambda: client.poll() is not None or not is_old(where))
            tap.ok(replaced and client.poll() is None, "killed again: the journal is replaced in the middle",
                   daemon.log())
            daemon.kill()
            daemon.configure("")
            daemon.launch()
            status, _, said = served(client)
        finally:
            client.kill()
        tap.ok(status == 0, "killed again: vmcore is right byte for byte", said, daemon.log())
        tap.equal(daemon.settled(where).get("result"), "complete", "killed again: the dump is complete")


def waiting(work):
    directory = os.path.join(work, "waiting")
    cases = [c for c in CASES if c.state is None]
    with Server(directory) as daemon:
        unpack("waiting", daemon.dumps)
        clients = [crash(c, directory, daemon.port, f"--verify={daemon.dumps}") for c in cases]
        try:
            daemon.launch()
            tap.ok(wait_for(lambda: f"contacting {len(cases)} clients of the previous instance" in daemon.log()),
                   "waiting: pending clients are contacted", daemon.log())
            for case, client in zip(cases, clients):
                status, _, said = served(client)
                tap.ok(status == 0, f"{case.name}: dumped byte for byte, and rebooted", said, daemon.log())
        finally:
            for client in clients:
                client.kill()


with tempfile.TemporaryDirectory() as top:
    jobs = [lambda c=c, b=b: upgrade(top, c, b) for b in (True, False) for c in CASES if c.state is not None]
    for job in jobs:    # the clients have the same addresses in both rounds
        job()
    killed_again(top, CASES[0])
    waiting(top)
tap.finish()
