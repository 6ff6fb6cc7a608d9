#!/usr/bin/env python3
# 11-hooks.t - the administrator's hooks: when they run, with what, and what they cannot do to the server.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine
from running import alive, children, script, Sim, wait_for
from wiretest import Daemon, SHOW_STATE, Tap

tap = Tap()
HOST = "127.0.1.1"


def lines_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def dumped(daemon, m, name, result="complete"):
    """The machine was rebooted, whatever its scripts did."""
    tap.ok(m.run(), f"{name}: the client is rebooted", daemon.log())
    dumps = daemon.dumps_of(m.host)
    tap.equal([daemon.settled(where).get("result") for where in dumps], [result], f"{name}: its dump is {result}")
    tap.ok(daemon.process.poll() is None, f"{name}: the server is still running", daemon.log())


def announcements(work):
    with Daemon(os.path.join(work, "starts")) as daemon:
        out = os.path.join(work, "starts.out")
        script(daemon, "netdump-start", f'echo "$# $1 $NETDUMP_HOOK $NETDUMP_CLIENT ${{NETDUMP_DIR-none}}" >>{out}\n')
        for host in (HOST, "127.0.1.2"):
            with Machine(daemon, host) as m, Machine(daemon, host) as other:
                for _ in range(5):
                    m.log(b"[...network console startup...]\n")
                    other.send(b"<6>netconsole: network logging started\n")
        want = {f"1 {host} netdump-start {host} none" for host in (HOST, "127.0.1.2")}
        tap.ok(wait_for(lambda: set(lines_of(out)) == want), "netdump-start: one argument, no directory",
               lines_of(out), daemon.log())
        # A crash goes through the same queue: what is behind it has been.
        script(daemon, "netdump-crash", f"echo crash >>{out}\n")
        with Machine(daemon, HOST) as m:
            m.crash()
            dumped(daemon, m, "after netdump-start")
        tap.equal(len(lines_of(out)), 3, "netdump-start ran once for each client, after 20 announcements")


REPORT = """
import json, os, sys
fds = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        fds[fd] = os.readlink("/proc/self/fd/" + fd)
    except OSError:
        pass
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
json.dump({"argv": sys.argv, "env": dict(os.environ), "fds": fds, "cwd": os.getcwd(), "pid": os.getpid(),
           "group": os.getpgrp(), "umask": os.umask(0), "blocked": status["SigBlk"],
           "input": sys.stdin.read(), "info": os.listdir(sys.argv[2])}, open(sys.argv[2] + "/" + sys.argv[0].split("/")[-1], "w"))
"""


def surroundings(work):
    """What a script gets: arguments, environment, descriptors, directory, signals, group."""
    with Daemon(os.path.join(work, "around")) as daemon, Machine(daemon, HOST) as m:
        names = ("netdump-crash", "netdump-reboot")
        for name in names:
            script(daemon, name, REPORT, interpreter=f"#!{sys.executable} -IS\n")
        ignored = script(daemon, "netdump-nospace", "exit 1\n")
        m.crash()
        dumped(daemon, m, "hooks that report their environment")
        where = daemon.dumps_of(HOST)[0]
        for name in names:
            tap.ok(os.path.exists(os.path.join(where, name)), f"{name} ran", daemon.log())
            with open(os.path.join(where, name), encoding="utf-8") as f:
                got = json.load(f)
            tap.equal(got["argv"], [os.path.join(daemon.dumps, "scripts", name), HOST, where], f"{name}: arguments")
            path = got["env"].pop("PATH", "")
            tap.ok(path.endswith("/usr/sbin:/usr/bin:/sbin:/bin"), f"{name}: PATH", path)
            got["env"].pop("LC_CTYPE", None)        # Python's own
            tap.equal(got["env"], {"LANG": "C", "HOME": "/", "NETDUMP_HOOK": name, "NETDUMP_CLIENT": HOST,
                                   "NETDUMP_DIR": where, "NETDUMP_DUMPDIR": daemon.dumps}, f"{name}: environment")
            tap.equal((sorted(got["fds"]), got["fds"].get("0"), got["input"]), (["0", "1", "2"], "/dev/null", ""),
                      f"{name}: no inherited descriptor, empty input")
            tap.ok(got["fds"].get("1", "").startswith("pipe:") and got["fds"]["1"] == got["fds"]["2"],
                   f"{name}: its output is a pipe", got["fds"])
            tap.equal((got["cwd"], got["group"], got["umask"], int(got["blocked"], 16)), ("/", got["pid"], 0o77, 0),
                      f"{name}: working directory /, own process group, umask 077, no signal blocked")
            tap.ok(name == "netdump-crash" or {"info", "vmcore", "log"} >= set(got["info"]) - {"journal", *names},
                   f"{name}: the dump is finished", got["info"])
        tap.ok(ignored and "netdump-nospace" not in daemon.log(), "netdump-nospace does not run if there is space")


def order(work):
    """For one machine one after the other; REBOOT waits for netdump-reboot."""
    with Daemon(os.path.join(work, "order")) as daemon, Machine(daemon, HOST, pages=32) as m:
        out, done, go = (os.path.join(work, name) for name in ("order.out", "order.done", "order.go"))
        script(daemon, "netdump-crash",
               f"echo crash >>{out}\nwhile ! [ -e {done} ]; do sleep 0.05; done; echo crash ends >>{out}\n")
        script(daemon, "netdump-reboot",
               f'echo reboot >>{out}; grep -q result=complete "$2/info" && echo complete >>{out}\n'
               f"while ! [ -e {go} ]; do sleep 0.05; done; echo reboot ends >>{out}\n")
        m.crash()
        m.run(until=lambda m: SHOW_STATE in m.seen)
        with open(done, "w", encoding="ascii"):
            pass
        m.run(until=lambda m: "complete" in lines_of(out))
        tap.equal((lines_of(out), m.rebooted), (["crash", "crash ends", "reboot", "complete"], 0),
                  "netdump-reboot runs after netdump-crash, before REBOOT, and can read the result")
        with open(go, "w", encoding="ascii"):
            pass
        dumped(daemon, m, "in order")
        tap.equal(lines_of(out)[-1], "reboot ends", "REBOOT waited for it")


def nospace(work):
    for status, tries in ((0, 0), (1, 1), (7, 1)):
        with Daemon(os.path.join(work, f"nospace{status}")) as daemon, \
                Machine(daemon, HOST, pages=0xffffffff) as m:
            out = os.path.join(work, f"nospace{status}.out")
            script(daemon, "netdump-nospace", f'echo "$1 $2" >>{out}; exit {status}\n')
            m.crash()
            dumped(daemon, m, f"netdump-nospace, status {status}", "not-dumped")
            tap.equal(lines_of(out), [f"{HOST} {daemon.dumps_of(HOST)[0]}"], "the hook ran once")
            tap.equal((daemon.log().count("retrying (netdump-nospace"), len(re.findall("only|console log saved", daemon.log()))), (tries, 2 + tries),
                      f"{tries} retries")


def hanging(work, name, text, word):
    with Daemon(os.path.join(work, name), config="script_timeout=1\n") as daemon, Machine(daemon, HOST) as m:
        pids = os.path.join(work, name.replace(" ", "-") + ".pids")
        script(daemon, "netdump-crash", f"echo $$ >>{pids}\n{text.format(pids=pids)}")
        script(daemon, "netdump-reboot", f"echo $$ >>{pids}\n{text.format(pids=pids)}")
        m.crash()
        dumped(daemon, m, name)
        tap.ok(daemon.log().count(word) == 2, f"{name}: logged", daemon.log())
        left = [int(pid) for pid in lines_of(pids)]
        tap.ok(len(left) >= 2 and wait_for(lambda: not any(alive(pid) for pid in left)), f"{name}: no process remains",
               left, daemon.log())


def to_background(work):
    """A script that leaves something behind which holds its output open."""
    with Daemon(os.path.join(work, "fork")) as daemon, Machine(daemon, HOST) as m:
        pids = os.path.join(work, "fork.pids")
        for name in ("netdump-crash", "netdump-reboot"):
            script(daemon, name, f"sleep 300 & echo $! >>{pids}\necho started\n")
        m.crash()
        dumped(daemon, m, "to the background")
        tap.equal(daemon.log().count("]: started"), 2, "to the background: the server did not wait longer")
        left = [int(pid) for pid in lines_of(pids)]
        tap.ok(len(left) == 2 and all(alive(pid) for pid in left), "background processes continue")
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def noisy(work):
    """Endless output: its client and another one are dumped; the log does not grow."""
    with Daemon(os.path.join(work, "noisy"), config="script_timeout=2\n") as daemon, \
            Machine(daemon, HOST) as m, Machine(daemon, "127.0.1.2", pages=1000) as other:
        script(daemon, "netdump-crash", f'[ "$1" != {HOST} ] || exec yes netdump-crash prints and prints\n')
        m.crash()
        other.crash()
        dumped(daemon, other, "another client during endless output")
        dumped(daemon, m, "a hook with endless output")
        tap.ok(wait_for(lambda: "timed out (script_timeout)" in daemon.log()), "the hook is terminated")
        n = daemon.log().count("prints and prints")
        tap.ok(n <= 1000 and "the rest is dropped" in daemon.log(), f"{n} lines in the log")


def strange_output(work):
    text = ("printf 'one\\ntwo\\r\\n\\033[31mred\\033[0m\\001\\377 bell\\007\\n'; printf 'error\\n' >&2\n"
            "printf '%05000d\\n' 0; printf 'no newline'; exit 3\n")
    with Daemon(os.path.join(work, "output")) as daemon, Machine(daemon, HOST) as m:
        script(daemon, "netdump-crash", text)
        m.crash()
        dumped(daemon, m, "strange output")
        log = daemon.log()
        for line in ("one", "two", r"\x1b[31mred\x1b[0m\x01\xff bell\x07", "error", "no newline"):
            tap.ok(re.search(rf"netdump-crash\[{HOST}\]: {re.escape(line)}$", log, re.M), f"a separate line: {line}", log)
        tap.ok("exited with status 3" in log, "the exit status is logged")
        with open(daemon.log_path, "rb") as f:
            raw = f.read()
        tap.ok(not re.search(rb"[^\n\x20-\x7e\x80-\xff]", raw) and max(map(len, raw.split(b"\n"))) < 2200,
               "no control characters, no overlong lines")


def closes(work):
    with Daemon(os.path.join(work, "closes")) as daemon, Machine(daemon, HOST) as m:
        for name in ("netdump-crash", "netdump-reboot"):
            script(daemon, name, f"exec <&- >&- 2>&-; sleep 0.3; echo {name} >>{work}/closes.out; exit 4\n")
        m.crash()
        dumped(daemon, m, "closes its descriptors")
        tap.equal(lines_of(f"{work}/closes.out"), ["netdump-crash", "netdump-reboot"], "the server waits for both")
        tap.equal(daemon.log().count("exited with status 4"), 2, "their exit status is logged")


def refused(work, name, prepare, word):
    with Daemon(os.path.join(work, name)) as daemon, Machine(daemon, HOST) as m:
        out = os.path.join(work, name.replace(" ", "-") + ".out")
        path = script(daemon, "netdump-crash", f"echo ran >>{out}\n")
        prepare(path)
        m.crash()
        dumped(daemon, m, name)
        log = daemon.log()
        tap.ok(re.search(rf"warning: netdump-crash\[{HOST}\].*{word}", log), f"{name}: a warning with the reason", log)
        tap.ok(not os.path.exists(out), f"{name}: it did not run")


def refusals(work):
    def replace(path, make):
        os.unlink(path)
        make()

    def interpreter(path, line):
        with open(path, "w", encoding="ascii") as f:
            f.write(line)

    yield "not executable", lambda p: os.chmod(p, 0o644), r"chmod \+x"
    yield "writable by others", lambda p: os.chmod(p, 0o757), "chmod go-w"
    yield "writable by its group", lambda p: os.chmod(p, 0o775), "chmod go-w"
    yield "directory writable by others", lambda p: os.chmod(os.path.dirname(p), 0o777), "chmod go-w"
    yield "a directory", lambda p: replace(p, lambda: os.mkdir(p)), "is not a file"
    yield "a fifo", lambda p: replace(p, lambda: os.mkfifo(p)), "is not a file"
    yield "a dangling symlink", lambda p: replace(p, lambda: os.symlink("/nowhere/x", p)), "is a dangling symlink"
    yield "a missing interpreter", lambda p: interpreter(p, "#!/no/such/sh\n"), "interpreter"
    yield "no interpreter line", lambda p: interpreter(p, "echo hello\n"), "#!/bin/sh"
    if os.geteuid() == 0:
        yield "another owner", lambda p: os.chown(p, 12345, -1), "is owned by neither root"


class Watch(threading.Thread):
    """The most children that a process has at a time."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.stop = pid, 0, False
        self.start()

    def run(self):
        while not self.stop:
            self.most = max(self.most, len(children(self.pid)))
            time.sleep(0.02)


def hundred(work):
    with Daemon(os.path.join(work, "hundred"), "--concurrent=100") as daemon:
        out = os.path.join(work, "hundred.out")
        for name in ("netdump-crash", "netdump-reboot"):
            script(daemon, name, f"echo $NETDUMP_HOOK $1 >>{out}; sleep 0.2\n")
        watch = Watch(daemon.process.pid)
        sims = [Sim(daemon, "--clients=50", f"--bind=127.0.7.{n + 1}", "--size=256K", "--timeout=600") for n in (0, 50)]
        for status, _, said in [sim.end() for sim in sims]:
            tap.ok(status == 0, "100 clients with hooks: all dumps complete", said[-3000:], daemon.log()[-3000:])
        watch.stop = True
        wait_for(lambda: len(lines_of(out)) >= 200)
        want = sorted(f"{name} 127.0.7.{i + 1}" for name in ("netdump-crash", "netdump-reboot") for i in range(100))
        tap.ok(sorted(lines_of(out)) == want, "each hook ran once for each client", len(lines_of(out)), daemon.log()[-3000:])
        tap.ok(0 < watch.most <= 16, f"at most 16 at once ({watch.most})")


def forged_starts(work):
    """500 machines announce a start, in all names of 127/8: a crash has room all the same."""
    with Daemon(os.path.join(work, "forged"), config="script_timeout=60\n") as daemon, Machine(daemon, HOST) as m:
        pids = os.path.join(work, "forged.pids")
        script(daemon, "netdump-start", f"echo $$ >>{pids}; exec sleep 60\n")
        script(daemon, "netdump-reboot", "exit 0\n")
        watch = Watch(daemon.process.pid)
        for i in range(500):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((f"127.8.{i >> 8}.{i & 255}", 0))
                s.sendto(b"netconsole: network logging started\n", m.to)
        wait_for(lambda: len(lines_of(pids)) >= 8)
        m.crash()
        dumped(daemon, m, "during 500 announcements")
        watch.stop = True
        tap.ok(watch.most <= 9, f"their hooks are limited ({watch.most})")
        n = daemon.log().count("netdump-start[")
        tap.ok(n < 20, f"their log lines are limited ({n})")


with tempfile.TemporaryDirectory() as directory:
    trap = "trap '' TERM\n"
    tap.together([
        lambda: hanging(directory, "hangs", "sleep 300\n", "timed out (script_timeout)"),
        lambda: hanging(directory, "hangs and ignores SIGTERM",
                        trap + "sleep 300 & echo $! >>{pids}\nwhile :; do wait; done\n", "timed out (script_timeout)"),
        lambda: announcements(directory), lambda: surroundings(directory), lambda: order(directory),
        lambda: nospace(directory), lambda: to_background(directory), lambda: noisy(directory),
        lambda: strange_output(directory), lambda: closes(directory), lambda: forged_starts(directory),
        *[lambda r=r: refused(directory, *r) for r in refusals(directory)]])
    hundred(directory)
tap.finish()
