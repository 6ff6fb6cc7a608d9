#!/usr/bin/env python3
# 30-restart.t - the server dies, at any moment, and is started again: no dump is lost, no machine forgotten, and
# little is asked twice. --seed=N repeats the moments as well as a clock allows; --kills=N.
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from journals import change, MARK, newest, read_slots, SLOT, write_slots
from machine import Machine, read_vmcore
from running import script, seed_of, Sim, wait_for
from wiretest import Daemon, free_port, GET_REGS, REBOOT, SEND_MEM, SHOW_STATE, START_ACK, Tap

MIB_PER_KILL = 8      # asked twice at most: 4 MiB between two records, and what was on its way
tap = Tap()
seed = seed_of(sys.argv)
kills = next((int(a[8:]) for a in sys.argv if a.startswith("--kills=")), 50)


def die_at_random(work, name, share, spans, sims, config=""):
    """Kill the server `share` times while these machines dump, one after the other where there is one a round."""
    rng = random.Random(f"{seed}-{name}")
    done, again, pages, killed_in = 0, 0, 0, 0
    with Daemon(os.path.join(work, name), config=config) as daemon:
        for round_ in range(share):
            if done >= share:
                break
            machines = [Sim(daemon, f"--seed={rng.randrange(1 << 32)}", f"--bind=127.0.1.{n + 1}", *sim)
                        for n, sim in enumerate(sims)]
            while done < share and any(m.runs() for m in machines):
                time.sleep(rng.uniform(*spans))
                if any(m.runs() for m in machines):
                    daemon.kill()
                    done += 1
                    if not daemon.launch():
                        tap.ok(False, f"{name}: the server restarts", daemon.log())
                        return
            for m in machines:
                status, summary, said = m.end()
                tap.ok(status == 0, f"{name}, round {round_ + 1}: dumped, byte for byte, and rebooted", said,
                       daemon.log().replace("netdump-server: ", "")[:20000])
                again += summary.get("duplicate_requests", 0)
                pages += summary.get("pages", 0)
                killed_in += 1
    mib = again * 4096 / (1 << 20)
    print(f"# {name}: {done} kills in {killed_in} dumps; of {pages} pages {again} were asked twice, "
          f"{mib / max(done, 1):.2f} MiB a kill")
    tap.ok(mib <= done * MIB_PER_KILL * len(sims), f"{name}: {done} kills, {mib:.1f} MiB requested twice")


def killed_when(work, name, seen):
    """Kill it when the machine has got this request, start it, and see the dump and the machine to their end."""
    with Daemon(os.path.join(work, name)) as daemon, Machine(daemon, "127.0.1.1") as m:
        m.crash()
        m.run(until=lambda m: m.seen.count(seen) >= 1 if isinstance(seen, int) else seen(m))
        daemon.kill()
        tap.ok(daemon.launch(), f"{name}: the server restarts", daemon.log())
        m.rebooted = 0
        tap.ok(m.run(), f"{name}: the client is rebooted", m.seen, daemon.log())
        check_whole(daemon, m, name)


def check_whole(daemon, m, name):
    dumps = daemon.dumps_of(m.host)
    info = daemon.settled(dumps[-1]) if dumps else {}
    tap.equal(info.get("result"), "complete", f"{name}: the dump is complete")
    data = read_vmcore(dumps[-1])[4096:] if info.get("result") == "complete" else b""
    tap.ok(data == b"".join(m.page(i) for i in range(m.pages)), f"{name}: every byte is right", info, daemon.log())
    tap.ok("journal" not in os.listdir(dumps[-1]), f"{name}: no journal remains", os.listdir(dumps[-1]))
    return info


def states(work):
    yield lambda: killed_when(work, "killed in the handshake", START_ACK)
    yield lambda: killed_when(work, "killed while requesting the registers", GET_REGS)
    yield lambda: killed_when(work, "killed at the first page", SEND_MEM)
    yield lambda: killed_when(work, "killed at the last page", lambda m: m.seen.count(SEND_MEM) >= m.pages)
    yield lambda: killed_when(work, "killed after the last page", SHOW_STATE)
    yield lambda: killed_when(work, "killed during the reboot", REBOOT)


def killed_in_script(work):
    """netdump-reboot runs: the machine waits for it, and so does its reboot."""
    with Daemon(os.path.join(work, "script")) as daemon, Machine(daemon, "127.0.1.1") as m:
        out, go = os.path.join(work, "script.out"), os.path.join(work, "script.go")
        script(daemon, "netdump-reboot", f"echo $$ >>{out}\nwhile ! [ -e {go} ]; do sleep 0.05; done\n")
        m.crash()
        m.run(until=lambda m: os.path.exists(out) and os.path.getsize(out) > 1)
        tap.ok(not m.rebooted, "killed while netdump-reboot runs: not yet rebooted")
        daemon.kill()
        daemon.launch()
        with open(go, "w", encoding="ascii"):
            pass
        tap.ok(m.run(), "killed while netdump-reboot runs: the client is rebooted", daemon.log())
        check_whole(daemon, m, "killed while netdump-reboot runs")


def terminated(work):
    """What `restart` of the init script does."""
    with Daemon(os.path.join(work, "term"), config="window=8\n") as daemon:
        sim = Sim(daemon, "--seed=1", "--bind=127.0.1.1", "--size=24M", "--delay=1", "--zero=0")

        def stored():
            sizes = [os.stat(os.path.join(d, "vmcore-incomplete")).st_blocks * 512 for d in daemon.dumps_of("127.0.1.1")
                     if os.path.exists(os.path.join(d, "vmcore-incomplete"))]
            return max(sizes, default=0)

        n = 0
        while sim.runs() and n < 5:
            wait_for(lambda: stored() >= (n + 1) * (3 << 20) or not sim.runs())
            if sim.runs() and tap.ok(daemon.end() == 0, "TERM: exit status 0", daemon.log()):
                n += 1
                tap.ok(daemon.launch(), "the server restarts", daemon.log())
        status, summary, said = sim.end()
        again = summary.get("duplicate_requests", 0) * 4096 / (1 << 20)
        print(f"# TERM and start, {n} times: {again:.2f} MiB asked twice")
        tap.ok(status == 0, f"{n} restarts: no dump is lost", said, daemon.log())
        tap.ok(again <= 4 * n, f"{n} restarts: {again:.2f} MiB requested twice", summary)
        info = daemon.settled(daemon.dumps_of("127.0.1.1")[0])
        tap.ok(info.get("resumed") == "yes" and info.get("pages_stored") == str(24 * 256),
               "info: resumed, and all pages counted", info)
        tap.equal(len(daemon.dumps_of("127.0.1.1")), 1, "one directory")


def interrupted(daemon, m, pages=20, **start):
    """A dump in the middle, without a server; its directory."""
    m.crash(**start)
    m.run(stop_after=pages)
    wait_for(lambda: "dumping to" in daemon.log())
    where = wait_for(lambda: daemon.dumps_of(m.host))[-1]
    wait_for(lambda: "journal" in os.listdir(where) and newest(where).page_size)
    daemon.kill()
    return where


def gone(work):
    with Daemon(os.path.join(work, "gone")) as daemon, Machine(daemon, "127.0.1.1") as m:
        where = interrupted(daemon, m)
        m.sock.close()
        daemon.configure("client_timeout=1\n")
        daemon.launch()
        info = daemon.settled(where)
        tap.ok(info.get("result") == "incomplete" and "stopped responding" in info.get("reason", ""),
               "a client that left meanwhile: incomplete, with the reason", info)
        tap.ok("dump incomplete" in daemon.log(), "the result is logged", daemon.log())
        tap.ok("journal" not in os.listdir(where), "no journal remains")
        said = daemon.log().count("dump incomplete")
        daemon.end()
        daemon.launch()
        tap.equal(daemon.log().count("dump incomplete"), said, "the result is not logged again at the next start")


def two_servers(work):
    with Daemon(os.path.join(work, "two")) as first:
        second = Daemon(os.path.join(work, "two"))
        second.log_path += "2"
        second.port = free_port()
        tap.ok(not second.launch() and second.process.returncode not in (0, None), "a second server on the same directory does not start")
        tap.ok(f"another netdump-server (pid {first.process.pid}) is using the dump directory" in second.log(),
               "the second server logs the reason", second.log())
        tap.ok(first.process.poll() is None, "the first server continues")


def damaged(work, name, damage, result, log, whole=True):
    """Something happens to the files while there is no server."""
    with Daemon(os.path.join(work, name), config="client_timeout=10\n") as daemon, \
            Machine(daemon, "127.0.1.1", pages=200) as m:
        where = interrupted(daemon, m, pages=100)
        damage(where)
        tap.ok(daemon.launch(), f"{name}: the server starts", daemon.log())
        tap.ok(m.run(), f"{name}: the client is rebooted", daemon.log())
        wait_for(lambda: log in daemon.log())
        info = daemon.settled(where)
        tap.equal((info.get("result"), len(daemon.dumps_of(m.host))), (result, 1 if whole else 2),
                  f"{name}: {result}" + ("" if whole else ", and the client is dumped again"))
        tap.ok(log in daemon.log(), f"{name}: logged", daemon.log())
        if not whole:
            tap.ok("vmcore-incomplete" in os.listdir(where) and "journal" not in os.listdir(where) and
                   log in info.get("reason", "") and info.get("pages") == "200",
                   f"{name}: the partial dump is kept, with the reason in info", os.listdir(where), info)
        check_whole(daemon, m, name)
        again = daemon.log().count(log)
        daemon.end()
        daemon.launch()
        tap.equal(daemon.log().count(log), again, f"{name}: closed permanently")


def damages(work):
    def garbage(name, size):
        def damage(where):
            with open(os.path.join(where, name), "wb") as f:
                f.write(random.Random(seed).randbytes(size))
        return damage

    def cut(where):
        os.truncate(os.path.join(where, "journal"), 100)

    def one_slot(where):
        slots = read_slots(where)
        best = max(slots, key=lambda s: s.sequence)
        write_slots(where, [best if s is best else b"\xff" * SLOT for s in slots])

    def booted(where):
        write_slots(where, [change(s, boot_id=bytes(16)) for s in read_slots(where)])

    def no_file(where):
        os.unlink(os.path.join(where, "vmcore-incomplete"))

    incomplete = ("incomplete", "no valid record", False)
    for name, damage, result, log, whole in (
            ("garbage as journal", garbage("journal", 3 * SLOT), *incomplete),
            ("a truncated journal", cut, *incomplete),
            ("an empty journal", lambda where: os.truncate(os.path.join(where, "journal"), 0), *incomplete),
            ("two of three slots torn", one_slot, "complete", "resuming dump at page", True),
            ("the host was rebooted", booted, "complete", "resuming dump at page 0 ", True),
            ("vmcore-incomplete was removed", no_file, "complete", "resuming dump at page 0 ", True),
            ("garbage as vmcore-incomplete", garbage("vmcore-incomplete", 100000), "complete",
             "resuming dump at page 0 ", True)):
        yield lambda n=name, d=damage, r=result, t=log, w=whole: damaged(work, n, d, r, t, w)


def two_of_one(work):
    """Two unfinished dumps of one machine: the newer one goes on, the older one is closed."""
    with Daemon(os.path.join(work, "both")) as daemon, Machine(daemon, "127.0.1.1") as m:
        where = interrupted(daemon, m)
        older = os.path.join(daemon.dumps, "127.0.1.1-2001-01-01-00:00:00")
        shutil.copytree(where, older)
        daemon.launch()
        tap.ok(m.run(), "two unfinished dumps of one client: the client is rebooted", daemon.log())
        check_whole(daemon, m, "the newer dump is resumed")
        info = daemon.settled(older)
        tap.ok(info.get("result") == "incomplete" and "newer" in info.get("reason", ""),
               "the older dump is closed as incomplete", info, daemon.log())
        tap.ok("vmcore-incomplete" in os.listdir(older) and "journal" not in os.listdir(older),
               "the older dump has its partial file and no journal", os.listdir(older))


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def host_bytes(host):
    return bytes(map(int, host.split(".")))


def odd_callers(work):
    """The file of those who wait for us: garbage in it, and a machine that has long gone."""
    with Daemon(os.path.join(work, "callers")) as daemon, \
            Machine(daemon, "127.0.1.1") as m, Machine(daemon, "127.0.1.2") as there:
        path = os.path.join(daemon.dumps, ".netdump-server.callers")
        m.crash()
        there.crash()

        def records():
            with open(path, "rb") as f:
                return f.read()

        wait_for(lambda: os.path.exists(path) and records().count(MARK) == 2)
        daemon.kill()
        with open(path, "r+b") as f:
            f.seek(0, os.SEEK_END)
            f.write(random.Random(seed).randbytes(3 * SLOT - 100))
        m.sock.close()
        for where in daemon.dumps_of(m.host) + daemon.dumps_of(there.host):
            shutil.rmtree(where)
        daemon.configure("client_timeout=3\n")
        daemon.launch()
        tap.ok(wait_for(lambda: "contacting 2 clients of the previous instance" in daemon.log()),
               "pending clients are contacted", daemon.log())
        tap.ok(there.run(), "a pending client that responds is dumped", daemon.log())
        check_whole(daemon, there, "no journal remains")
        tap.ok(wait_for(lambda: not os.path.exists(path)), "the file of pending clients is removed")
        tap.ok(not daemon.dumps_of(m.host), "a pending client that does not respond leaves no files", os.listdir(daemon.dumps))


print(f"# --seed={seed}")
with tempfile.TemporaryDirectory() as directory:
    part = kills // 5
    tap.together([
        lambda: die_at_random(directory, "two clients, slow link", kills - 3 * part, (0.05, 0.4),
                              [["--size=24M", "--delay=1"], ["--size=12M", "--delay=1", "--machine=i386"]],
                              "window=8\n"),
        lambda: die_at_random(directory, "full speed", 2 * part, (0.02, 0.25), [["--size=128M"]]),
        lambda: die_at_random(directory, "lossy link, holes", part, (0.05, 0.4),
                              [["--size=16M", "--loss=2", "--holes=0x9f-0xff,0x400-0x7ff", "--delay=0.5"]])])
    tap.together([*states(directory), *damages(directory), lambda: killed_in_script(directory),
                  lambda: terminated(directory), lambda: gone(directory), lambda: two_servers(directory),
                  lambda: two_of_one(directory), lambda: odd_callers(directory)])
tap.finish()
