#!/usr/bin/env python3
# 21-extensions.t - machines with today's kernels: what client/PROTOCOL offers, alone and together.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wiretest import Daemon, PATIENCE, SIM, Tap

tap = Tap()
NAMES = {0: "none", 1: "VMCOREINFO", 2: "zero runs", 4: "several pages for each request", 8: "compressed pages", 15: "all"}
MEMORY = ("--machine=x86_64", "--size=16M", "--zero=50", "--holes=0-0,159-255", "--seed=7")


def dump(daemon, host, *args):
    p = subprocess.run([SIM, *MEMORY, *args, "--json", "--quiet", f"--bind={host}", f"--verify={daemon.dumps}",
                        daemon.address], stdout=subprocess.PIPE, timeout=5 * PATIENCE, check=False)
    dumps = daemon.dumps_of(host)
    info = daemon.settled(dumps[0]) if len(dumps) == 1 else {}
    tap.ok(p.returncode == 0 and info.get("result") == "complete", f"a dump with {' '.join(args)}",
           p.stdout.decode(), info, daemon.log())
    return json.loads(p.stdout or "{}"), info


with tempfile.TemporaryDirectory() as work:
    with Daemon(os.path.join(work, "one"), "--concurrent=32") as d:
        cost = {}
        for mask, name in NAMES.items():
            said, info = dump(d, f"127.0.5.{mask + 1}", f"--extensions={mask}")
            cost[mask] = said
            tap.equal(info.get("release"), "5.14.0-simulated" if mask & 1 else None,
                      f"{name}: info {'has' if mask & 1 else 'has no'} release")
            print(f"# {name}: {said.get('requests')} requests, {said.get('sent_packets')} answers, "
                  f"{said.get('sent_bytes')} bytes, {said.get('transfer_seconds')} s")
        tap.ok(cost[2]["sent_bytes"] < 0.6 * cost[0]["sent_bytes"], "zero runs: half of the pages are zero, half of the bytes", cost)
        tap.ok(cost[4]["requests"] < 0.5 * cost[0]["requests"], "runs: fewer requests", cost)
        tap.ok(cost[8]["sent_bytes"] < 0.6 * cost[0]["sent_bytes"], "packed: fewer bytes", cost)
        tap.ok(cost[15]["sent_packets"] < 0.7 * cost[0]["sent_packets"], "all: fewer datagrams", cost)
        tap.together([lambda mask=mask: dump(d, f"127.0.6.{mask + 1}", f"--extensions={mask}", "--loss=3", "--dup=2",
                                             "--reorder=3", "--delay=1") for mask in NAMES])
        # Other machines than x86_64 get the file that they always got.
        dump(d, "127.0.7.1", "--machine=ia64", "--extensions=15")
        dump(d, "127.0.7.2", "--page-size=65536", "--machine=ppc64", "--extensions=15", "--holes=1-2")
tap.finish()
