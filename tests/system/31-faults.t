#!/usr/bin/env python3
# 31-faults.t - the disk fills, fails, refuses, at every call: the right machine is affected, no other; what can
# be saved is, and the machine is rebooted.
# SPDX-License-Identifier: GPL-2.0-or-later
import errno
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, read_vmcore
from wiretest import BUILD, Daemon, Tap

FAULTS = os.path.join(BUILD, "faults.so")
VICTIM, OTHER = "127.0.1.1", "127.0.1.2"
tap = Tap()


def faulty(directory, fault):
    """A daemon in which a system call fails."""
    daemon = Daemon(directory)
    preload = os.environ.get("LD_PRELOAD", "")
    # A sanitizer's runtime would rather be first itself.
    asan = (os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0").strip(":")
    daemon.env = dict(os.environ, FAULT=fault, LD_PRELOAD=(preload + " " + FAULTS).strip(), ASAN_OPTIONS=asan)
    return daemon


def script(daemon, name, text):
    scripts = os.path.join(daemon.dumps, "scripts")
    os.makedirs(scripts, mode=0o755, exist_ok=True)
    path = os.path.join(scripts, name)
    with open(path, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def whole(where, m):
    data = read_vmcore(where)[4096:]
    return data == b"".join(m.page(i) for i in range(m.pages))


def both(daemon, name, call, victim_ok):
    """Two machines at once: the one whose files fail, and one whose do not."""
    with Machine(daemon, VICTIM, pages=256) as victim, Machine(daemon, OTHER, pages=256) as other:
        victim.crash()
        other.crash()
        tap.ok(victim.run(), f"{name}: the client is rebooted", daemon.log())
        tap.ok(other.run(), f"{name}: the other client is rebooted")
        dumps = daemon.dumps_of(OTHER)
        info = daemon.settled(dumps[0])
        tap.ok(info.get("result") == "complete" and whole(dumps[0], other), f"{name}: the other client's dump is complete", info)
        dumps = daemon.dumps_of(VICTIM)
        for where in dumps[:1]:
            info = daemon.settled(where)
            names = os.listdir(where)
            if victim_ok or "vmcore" in names:
                # Where no file can be made or written any more, info cannot be either.
                tap.ok(info.get("result", "complete" if call in ("openat", "write") else "") == "complete" and
                       whole(where, victim), f"{name}: the dump is complete",
                       info, names, daemon.log())
            else:
                tap.ok(info.get("result") != "complete", f"{name}: no dump is reported as complete", names, info,
                       daemon.log())
        tap.ok(dumps or not victim_ok, f"{name}: the directory exists", daemon.log())
        tap.ok(daemon.process.poll() is None, f"{name}: the server is still running", daemon.log())


def fault(work, call, number, skip, times, retry, victim_ok, pattern=VICTIM + "-"):
    name = f"{call} {errno.errorcode[number]} {'always' if times == 0 else f'{times} times'}"
    name += f" after {skip}" + (", netdump-nospace allows a retry" if retry else "")
    with faulty(tempfile.mkdtemp(dir=work), f"{call} {number} {skip} {times} {pattern}") as daemon:
        if retry is not None:
            script(daemon, "netdump-nospace", f"exit {1 if retry else 0}\n")
        both(daemon, name, call, victim_ok)


def faults(work):
    always = [("pwrite", errno.ENOSPC, 5), ("pwrite", errno.EIO, 3), ("pwrite", errno.EDQUOT, 0),
              ("pwrite", errno.EROFS, 4), ("fsync", errno.EIO, 1), ("fsync", errno.EIO, 2), ("renameat", errno.EIO, 1),
              ("ftruncate", errno.EIO, 0), ("mkdirat", errno.ENOSPC, 0), ("mkdirat", errno.EACCES, 0),
              ("openat", errno.ENOSPC, 0), ("openat", errno.EMFILE, 1), ("openat", errno.EMFILE, 2)]
    for call, number, skip in always:
        for retry in (None, True, False):
            yield lambda c=call, n=number, s=skip, r=retry: fault(work, c, n, s, 0, r, False)
    once = [("pwrite", errno.ENOSPC, 4), ("pwrite", errno.EIO, 6), ("mkdirat", errno.ENOSPC, 0)]
    for call, number, skip in once:
        yield lambda c=call, n=number, s=skip: fault(work, c, n, s, 1, True, True)
    # Nothing of the dump itself depends on these.
    yield lambda: fault(work, "write", errno.ENOSPC, 0, 0, None, True)
    yield lambda: fault(work, "fstatvfs", errno.EIO, 0, 0, None, True, "dumps")
    # A sync that fails may have lost any page.
    yield lambda: fault(work, "fdatasync", errno.EIO, 0, 0, None, False)
    # The network: what was not sent is retransmitted.
    yield lambda: fault(work, "sendmmsg", errno.ENOBUFS, 20, 30, None, True, "-")
    yield lambda: fault(work, "sendmmsg", errno.EPERM, 10, 30, None, True, "-")
    yield lambda: fault(work, "recvmmsg", errno.ENOMEM, 10, 30, None, True, "-")


def mounted(work, name, size):
    """A real file system that can fill; None where that is not permitted."""
    mount = os.path.join(work, name)
    os.mkdir(mount)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", mount], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        tap.ok(True, "a file system that fills # SKIP no permission to mount")
        return None
    return mount


def min_free(work):
    """Enough room when the dump starts, but then somebody else fills the disk: min_free is kept free."""
    mount = mounted(work, "half", "24m")
    if not mount:
        return
    try:
        with Daemon(mount, config="min_free=40\n") as daemon:
            with Machine(daemon, "127.0.1.12", page_size=65536, pages=128) as m:
                m.crash()
                m.run(stop_after=2)
                with open(os.path.join(mount, "dumps", "other"), "wb") as f:
                    f.write(bytes(12 << 20))
                tap.ok(m.run(), "min_free is reached during the dump: rebooted", daemon.log())
                info = daemon.settled(daemon.dumps_of(m.host)[0])
                tap.ok(info.get("result") == "incomplete" and "No space" in info.get("reason", ""), "info has the reason",
                       info)
                space = os.statvfs(mount)
                tap.ok(space.f_bavail * space.f_frsize > 4 << 20, "min_free is kept")
    finally:
        subprocess.run(["umount", mount], check=False)


def small_file_system(work):
    """Dumps of 8 MiB into 6 MiB."""
    mount = mounted(work, "small", "6m")
    if not mount:
        return
    try:
        for check in (1, 0):
            with Daemon(mount, config=f"space_check={check}\nmin_free=0\n") as daemon:
                with Machine(daemon, f"127.0.1.{10 + check}", pages=2048) as m:
                    m.crash()
                    tap.ok(m.run(), f"a file system that fills, space_check={check}: rebooted", daemon.log())
                    where = daemon.dumps_of(m.host)[0]
                    info = daemon.settled(where)
                    want = ("not-dumped", "not enough disk space") if check else ("incomplete", "No space left")
                    tap.ok(info.get("result") == want[0] and want[1] in info.get("reason", ""), "info has the reason",
                           info, daemon.log())
                    if not check:
                        data = read_vmcore(where, "vmcore-incomplete")[4096:]
                        stored = int(info["pages_stored"])
                        right = sum(data[i * 4096:][:4096] == m.page(i) for i in range(2048))
                        tap.ok(right >= stored > 0, f"the {stored} stored pages are correct ({right})", info)
                        os.unlink(os.path.join(where, "vmcore-incomplete"))
        room = os.path.join(mount, "dumps", "ballast")
        with open(room, "wb") as f:
            f.write(bytes(5 << 20))
        with Daemon(mount, config="min_free=0\n") as daemon:
            script(daemon, "netdump-nospace", f'rm -f "{room}"\nexit 1\n')
            with Machine(daemon, "127.0.1.13", pages=1024) as m:
                m.crash()
                tap.ok(m.run(), "netdump-nospace makes room", daemon.log())
                where = daemon.dumps_of(m.host)[0]
                tap.ok(daemon.settled(where).get("result") == "complete" and whole(where, m), "the dump is complete")
    finally:
        subprocess.run(["umount", mount], check=False)


if not os.path.exists(FAULTS):      # the loader would only grumble, and nothing would fail
    sys.exit(f"{FAULTS} is missing: make check builds it")
with tempfile.TemporaryDirectory() as directory:
    jobs = list(faults(directory)) + [lambda: small_file_system(directory), lambda: min_free(directory)]
    tap.together(jobs)
tap.finish()
