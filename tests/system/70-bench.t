#!/usr/bin/env python3
# 70-bench.t - the benchmark in small: does it still measure everything, and is nothing left of it?
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wiretest import BUILD, Tap

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "bench")
CASES = {"line", "loopback", "loss", "machines", "sparse", "size", "peers", "gso"}
SMALL = ["--build=" + BUILD, "--smaller=64", "--rounds=1"]
tap = Tap()


def start(work, *options):
    return subprocess.Popen([sys.executable, BENCH, *SMALL, "--dir=" + work, f"--json={work}/bench.json", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def using(work):
    """Processes that were started with a path in this directory, and are still there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if work in line and int(pid) != os.getpid():
            found.append(line)
    return found


def test_all(work):
    bench = start(work)
    out = bench.communicate(timeout=1500)[0].decode()
    tap.ok(bench.returncode == 0, "a run in small", out)
    with open(work + "/bench.json", encoding="utf-8") as f:
        said = json.load(f)
    tap.ok(set(said["cases"]) | set(said["skipped"]) == CASES, "has every case, or says why not", out)
    tap.ok(said["failures"] == [], "without a failure", said["failures"])
    tap.ok(said["requirements"] and all(r["median"] is not None for r in said["requirements"]),
           "and a number for everything that it judges", said["requirements"])
    exact = [r["median"] for r in said["requirements"] if "byte-exact" in r["what"]]
    tap.ok(exact == [0], "every vmcore under loss was byte-exact", exact)
    tap.ok(os.listdir(work) == ["bench.json"] and using(work) == [], "it leaves nothing behind",
           os.listdir(work), using(work))


def test_interrupted(work):
    bench = start(work, "--smaller=1", "--only=size")
    until = time.monotonic() + 120
    while not any("netdump-sim" in line or "netdump-server" in line for line in using(work)):
        assert time.monotonic() < until and bench.poll() is None, "it never began"
        time.sleep(0.05)
    bench.send_signal(signal.SIGINT)
    bench.communicate(timeout=120)
    tap.ok(bench.returncode == 128 + signal.SIGINT, "Ctrl-C ends it", bench.returncode)
    tap.ok(os.listdir(work) == [] and using(work) == [], "and leaves nothing behind", os.listdir(work), using(work))


def test_wrong(work):
    bench = start(work, "--only=loopback,nonsense")
    out = bench.communicate(timeout=120)[0].decode()
    tap.ok(bench.returncode == 2 and "nonsense" in out, "a case that there isn't is an error", out)


with tempfile.TemporaryDirectory() as work:
    test_all(work)
with tempfile.TemporaryDirectory() as work:
    test_interrupted(work)
with tempfile.TemporaryDirectory() as work:
    test_wrong(work)
tap.finish()
