# machine.py - a crashed machine that does what a test says, packet by packet, for what netdump-sim is too
# honest to do.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import random
import socket
import struct
import time

from wiretest import (
    GET_NR_PAGES, GET_PAGE_SIZE, GET_REGS, HELLO, PATIENCE, R_HELLO, R_LOG, R_MEM, R_NR_PAGES,
    R_PAGE_SIZE, R_REGS, R_SHOW_STATE, R_START, REBOOT, SEND_MEM, SHOW_STATE, START_ACK)


class Machine:
    """A socket on an address of its own. `pages` of 4 KiB, all RAM; page(pfn) gives the memory."""

    def __init__(self, daemon, host="127.0.1.1", port=0, pages=64, page_size=4096, machine=62, seed=1):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.sock.settimeout(PATIENCE)
        self.to = (daemon.host, daemon.port)
        self.host = host
        self.port = self.sock.getsockname()[1]
        self.pages = pages
        self.page_size = page_size
        self.elf_machine = machine
        self.seed = seed
        self.version = 5
        self.seen = []          # commands, in order
        self.pfns = set()       # that were requested
        self.rebooted = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def page(self, pfn):
        return random.Random(self.seed << 32 | pfn).randbytes(self.page_size)

    def send(self, data, sock=None):
        (sock or self.sock).sendto(data, self.to)

    def start(self, info=5, nr=None, text=None, magic=0, task=0xffff888000123000):
        text = text if text is not None else (f"task_struct:0x{task:x} page_offset:0xffff888000000000 "
                                              f"netdump_magic:0x{magic:x}\n").encode()
        self.send(struct.pack(">BIII", 4, self.elf_machine if nr is None else nr, R_START, info) + text)

    def reply(self, nr, code, info=0, payload=b""):
        self.send(struct.pack(">BIII", self.version, nr, code, info) + payload)

    def log(self, text, sock=None):
        self.send(struct.pack(">BIII", 4, 0, R_LOG, 0) + text, sock)

    def next(self, timeout=PATIENCE):
        """The next request as (nr, command, from, to, magic), or None when none comes."""
        self.sock.settimeout(timeout)
        try:
            data, _ = self.sock.recvfrom(2048)
        except socket.timeout:
            return None
        magic, nr, command, from_, to = struct.unpack(">QIIII", data)
        self.seen.append(command)
        if command == SEND_MEM:
            self.pfns.add(from_)
        return nr, command, from_, to, magic

    def nothing(self):
        """True if no request is here."""
        return self.next(0.001) is None

    def answer(self, nr, command, from_):
        """As an honest machine would."""
        if command == GET_PAGE_SIZE:
            self.reply(nr, R_PAGE_SIZE, self.page_size, b"PAGE_SIZE\n")
        elif command == GET_NR_PAGES:
            self.reply(nr, R_NR_PAGES, self.pages, b"Number of pages\n")
        elif command == GET_REGS:
            self.reply(nr, R_REGS, self.pages, b"Sending register info.\n" + bytes(216))
        elif command == HELLO:
            self.reply(nr, R_HELLO, 4, b"hello\n")
        elif command == SHOW_STATE:
            self.log(b"SysRq : Show State\n")
            self.reply(nr, R_SHOW_STATE, 0)
        elif command == SEND_MEM:
            data = self.page(from_)
            for at in range(0, self.page_size, 1024):
                self.reply(nr, R_MEM, at, data[at:at + 1024])
        elif command == REBOOT:
            self.rebooted += 1

    def run(self, until=lambda m: m.rebooted, timeout=PATIENCE, deaf=(), stop_after=None):
        """Answer what comes, but the commands in `deaf`, until it was told to reboot. False when the server
        falls silent before."""
        n = 0
        end = time.monotonic() + timeout
        while not until(self) and time.monotonic() < end:
            got = self.next(min(1.0, max(0.01, end - time.monotonic())))
            if got is None:
                continue
            nr, command, from_, _, _ = got
            if command not in deaf:
                self.answer(nr, command, from_)
                n += command == SEND_MEM
                if stop_after and n >= stop_after:
                    return True
        return bool(until(self))

    def crash(self, **start):
        """START, and the ACK that answers it; what follows is left in the socket."""
        self.start(**start)
        got = self.next()
        while got and got[1] != START_ACK:
            got = self.next()
        return got


def read_vmcore(directory, name="vmcore"):
    with open(os.path.join(directory, name), "rb") as f:
        return f.read()
