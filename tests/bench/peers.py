"""peers.py - other ways to get the same bytes from a machine to our disk, for comparison.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import os
import shutil
import socket
import subprocess
import threading
import time

from world import MIB, Child, Failed, tail

BLOCK = 128 * 1024


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(child, port):
    until = time.monotonic() + 60
    while time.monotonic() < until and not child.reap():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"{child.name} does not listen: {tail(child.err)}")


def make_source(world, mib):
    """A file of bytes that do not compress; in the cache, as memory would be."""
    path = world.path("source")
    block = os.urandom(MIB)
    with open(path, "wb") as f:
        for _ in range(mib):
            f.write(block)
    return path


def rate(path, mib, began):
    seconds = time.monotonic() - began
    if os.path.getsize(path) != mib * MIB:
        raise Failed(f"{os.path.getsize(path)} bytes came, not {mib} MiB")
    return {"rate": mib / seconds}


# -- scp --------------------------------------------------------------------------------------------

def find_sshd():
    return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def start_sshd(world):
    """An ssh server of our own: own keys, own port, this user, loopback only."""
    key, host, conf, port = world.path("key"), world.path("host"), world.path("sshd_config"), free_port()
    for path in (key, host):
        if subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=False).returncode != 0:
            raise Failed("ssh-keygen failed")
    with open(conf, "w", encoding="ascii") as f:
        f.write(f"ListenAddress 127.0.0.1:{port}\nHostKey {os.path.abspath(host)}\n"
                f"AuthorizedKeysFile {os.path.abspath(key)}.pub\nStrictModes no\nPidFile none\n"
                "PermitRootLogin yes\nSubsystem sftp internal-sftp\n")
    sshd = Child(world, [find_sshd(), "-D", "-e", "-f", os.path.abspath(conf)])
    await_port(sshd, port)
    return key, port


def scp(world, mib):
    source, target = make_source(world, mib), world.path("copy")
    key, port = start_sshd(world)
    began = time.monotonic()
    child = Child(world, ["scp", "-q", "-F", "/dev/null", "-i", key, "-P", str(port), "-o", "BatchMode=yes",
                          "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                          "-o", "UserKnownHostsFile=/dev/null", "127.0.0.1:" + os.path.abspath(source), target])
    if child.wait(300) != 0:
        raise Failed("scp: " + tail(child.err))
    return rate(target, mib, began)


# -- plain TCP --------------------------------------------------------------------------------------

def has_nc():
    """The one with OpenBSD's options; there are others of that name."""
    if not shutil.which("nc"):
        return False
    p = subprocess.run(["nc", "-h"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False)
    return b"OpenBSD" in p.stdout


def nc(world, mib):
    source, port = make_source(world, mib), free_port()
    receiver = Child(world, ["nc", "-l", "127.0.0.1", str(port)])
    until = time.monotonic() + 60
    # Not by a connection: it would take that one for all.
    while f"0100007F:{port:04X}" not in open("/proc/net/tcp", encoding="ascii").read():
        if time.monotonic() > until or receiver.reap():
            raise Failed(f"nc does not listen: {tail(receiver.err)}")
        time.sleep(0.01)
    began = time.monotonic()
    with open(source, "rb") as f:
        sent = subprocess.run(["nc", "-N", "127.0.0.1", str(port)], stdin=f, stdout=subprocess.DEVNULL, check=False)
    if sent.returncode != 0 or receiver.wait(300) != 0:
        raise Failed("nc: " + tail(receiver.err))
    return rate(receiver.out, mib, began)


def tcp(world, mib):
    """What nc does, where there is no nc."""
    source, target = make_source(world, mib), world.path("copy")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def send():
            with socket.create_connection(listener.getsockname()) as s, open(source, "rb") as f:
                while block := f.read(BLOCK):
                    s.sendall(block)
        sender = threading.Thread(target=send, daemon=True)
        began = time.monotonic()
        sender.start()
        s, _ = listener.accept()
        with s, open(target, "wb", buffering=0) as f:
            while block := s.recv(BLOCK):
                f.write(block)
        sender.join()
    return rate(target, mib, began)


def ways(world, mib):
    """Functions of the round by label, and notes on what is left out."""
    found, notes = {}, []
    if not (shutil.which("scp") and shutil.which("ssh-keygen") and find_sshd()):
        notes.append("scp: left out, there is no ssh server or client installed")
    elif os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
        notes.append("scp: left out, root's sshd needs the directory /run/sshd, which its service makes")
    else:
        found["scp"] = lambda r: scp(world, mib)
    if has_nc():
        found["nc"] = lambda r: nc(world, mib)
    else:
        found["plain TCP"] = lambda r: tcp(world, mib)
        notes.append("plain TCP: two threads with sockets, for there is no (OpenBSD) nc")
    return found, notes
