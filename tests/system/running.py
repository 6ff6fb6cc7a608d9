# running.py - what the tests of the running server share: waiting, scripts, simulated machines, /proc.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import socket
import subprocess
import time

from wiretest import BUILD, PATIENCE, SIM


def wait_for(what, patience=PATIENCE):
    """What `what` returns as soon as that is true; or else, when patience is at its end, is not."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    return what()


def fence(daemon, host):
    """Return when the server has taken in everything that was sent to it before. `host` is an address that may
    speak to it and has no console text yet."""
    path = os.path.join(daemon.dumps, "console", host + ".log")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((host, 0))
        s.sendto(b"fence\n", (daemon.host, daemon.port))
    return wait_for(lambda: os.path.exists(path))


def status_json(daemon):
    """What --status --json prints, as a dictionary."""
    p = subprocess.run([os.path.join(BUILD, "netdump-server"), "-f/dev/null", "-d", daemon.dumps, "--status",
                        "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
    return json.loads(p.stdout)


def kept_out(daemon, n):
    """Wait until allow= has kept out n datagrams in all."""
    return wait_for(lambda: status_json(daemon)["server"].get("packets_not_allowed") == n)


def seed_of(arguments):
    """From --seed=, or a new one: to be printed."""
    for a in arguments:
        if a.startswith("--seed="):
            return int(a[7:])
    return int.from_bytes(os.urandom(4), "big")


def script(daemon, name, text, mode=0o755, interpreter="#!/bin/sh\n"):
    """A script of the administrator's; its path."""
    scripts = os.path.join(daemon.dumps, "scripts")
    os.makedirs(scripts, mode=0o755, exist_ok=True)
    path = os.path.join(scripts, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(interpreter + text)
    os.chmod(path, mode)
    return path


class Sim:
    """netdump-sim in the background; a dump is verified, and the summary is JSON."""

    def __init__(self, daemon, *args):
        self.process = subprocess.Popen([SIM, "--json", f"--verify={daemon.dumps}", *args, daemon.address],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def runs(self):
        return self.process.poll() is None

    def end(self, patience=5 * PATIENCE):
        """Status, summary (empty where there is none), and all that was said."""
        try:
            said = self.process.communicate(timeout=patience)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = self.process.communicate()[0].decode(errors="replace") + "(took too long)"
        summary = {}
        for line in said.splitlines():
            if line.startswith("{"):
                summary = json.loads(line)
        return self.process.returncode, summary, said


def status_of(pid, key):
    """A number of /proc/PID/status, such as VmRSS in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    """Processes whose parent is this one."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            pass
    return found


def alive(pid):
    """It is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
