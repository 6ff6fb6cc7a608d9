"""cases.py - what is measured. A case gets a Bench, shows its table, and says what it must show.

Rates are MiB of memory a second while pages flow, by the simulator's clock unless said otherwise; CPU is that
of the server process, user and system, from its start to its end, in seconds for each GiB of memory.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import filecmp
import glob
import json
import os

import peers
from stats import Series, jain
from world import GIB, MIB, PAGE, Child, Failed, Line, Server, simulate

FRAME = 1079            # bytes of a chunk's datagram as tbf counts: 1024 + 13 netdump + 8 UDP + 20 IP + 14
CHUNK = 1024
DEFAULT_RMEM = 212992   # Linux's net.core.rmem_default
MEMORY_BASE = 16 * MIB  # what the server may take at most, and for each machine
MEMORY_EACH = 256 * 1024


class Skip(Exception):
    """Why a case cannot be measured here."""


# -- one dump ---------------------------------------------------------------------------------------

def pages_that_count(path, pages):
    """Pages of a vmcore that are not zero."""
    zero = bytes(PAGE)
    with open(path, "rb") as f:
        f.seek(-pages * PAGE, os.SEEK_END)
        return sum(page != zero for page in iter(lambda: f.read(PAGE), b""))


def dump(bench, r, mib, clients=1, zero=0, options=(), line=None, rmem_max=0, verify=True, look=False,
         program=None):
    """Dump so much memory, shared by so many machines; numbers. The seed is that of the round."""
    here, there, bind = (line.server, line.client, ["--bind=" + Line.CLIENT]) if line else (None, None, [])
    server = Server(bench.world, Line.SERVER if line else "127.0.0.1", here, rmem_max, program)
    if rmem_max and server.small_buffer != 2 * rmem_max:
        raise Failed(f"the server's buffer is {server.small_buffer}, not {2 * rmem_max}")
    said = simulate(bench.world, [f"--seed={1000 + r}", f"--size={mib * 1024 // clients}K", f"--zero={zero}",
                                  f"--clients={clients}", *bind, *options,
                                  *([f"--verify={server.dumps}"] if verify else [])], server.at, there)
    infos = server.await_infos(clients)
    memory, drops, gib = server.peak_memory(), server.drops(), said["bytes"] / GIB
    stored = sum(float(i["transfer_seconds"]) for i in infos) / clients
    found = {
        "rate": said["mib_per_second"],
        "pages_s": said["pages"] / clients / stored, # first request to last page stored, by the server's clock
        "s_gib": said["transfer_seconds"] / gib,
        "memory": memory,
        "drops": drops,
        "again": sum(int(i["retransmitted_pages"]) for i in infos),
        "waste": sum(int(i["duplicate_bytes"]) for i in infos) / said["bytes"],
        "jain": jain([m["mib_per_second"] for m in said["machines"]]),
        "sim_cpu": said["cpu"] / gib,
    }
    if look:
        path, = glob.glob(server.dumps + "/*/vmcore")
        found["disk"] = os.stat(path).st_blocks * 512
        found["needed"] = pages_that_count(path, said["pages"]) * PAGE
    found["cpu"] = server.end() / gib
    return found


def bare(bench, r, mib):
    """The same by the bare requester."""
    child = Child(bench.world, [bench.world.tool("bench/requester"), "127.0.0.1", bench.world.path("flat")])
    port = child.await_line(r"^port (\d+)", child.out).group(1)
    said = simulate(bench.world, [f"--seed={1000 + r}", f"--size={mib}M", "--zero=0"], "127.0.0.1:" + port)
    if child.wait(120) != 0:
        raise Failed("requester failed")
    return {"rate": said["mib_per_second"], "cpu": child.cpu / (said["bytes"] / GIB),
            "sim_cpu": said["cpu"] / (said["bytes"] / GIB)}


def check_bare(bench):
    """Is what the requester writes the machine's memory? Not a whole number of blocks, to be sure."""
    memory, flat = bench.world.path("memory"), bench.world.path("flat")
    with open(memory, "wb") as f:
        f.write(os.urandom(MIB * 3 + PAGE))
    child = Child(bench.world, [bench.world.tool("bench/requester"), "127.0.0.1", flat])
    port = child.await_line(r"^port (\d+)", child.out).group(1)
    simulate(bench.world, [f"--memory={memory}", "--loss=1", "--seed=1"], "127.0.0.1:" + port)
    same = child.wait(120) == 0 and filecmp.cmp(memory, flat, shallow=False)
    bench.world.tidy()
    if not same:
        bench.failures.append("loopback: what the requester wrote is not the machine's memory")


def push(bench, datagrams, line=None):
    """Datagrams one way; thousand pages a second that would have been."""
    here, there, address = (line.server, line.client, Line.SERVER) if line else (None, None, "127.0.0.1")
    tool = bench.world.tool("bench/push")
    receiver = Child(bench.world, [tool, "receive", address], inside=here)
    port = receiver.await_line(r"^port (\d+)", receiver.out).group(1)
    sender = Child(bench.world, [tool, "send", address, port, str(datagrams)], inside=there)
    if sender.wait(300) != 0 or receiver.wait(120) != 0:
        raise Failed("push failed")
    with open(receiver.out, encoding="ascii") as f:
        said = json.loads(f.readlines()[1])
    pages_s = said["timed"] / said["us"] * 1e6 * CHUNK / PAGE
    return {"pages_s": pages_s, "rate": pages_s * PAGE / MIB, "lost": 1 - said["datagrams"] / datagrams}


# -- cases ------------------------------------------------------------------------------------------

def line(bench):
    if os.geteuid() != 0:
        raise Skip("only root can make network namespaces")
    try:
        wire = Line()
        bench.world.closers.append(wire.close)
        wire.shape(100_000_000)
    except (Failed, OSError) as e:
        raise Skip(str(e)) from e
    capacity = {name: bits / 8 / FRAME * CHUNK / PAGE for name, bits in (("100 Mbit", 1e8), ("1 Gbit", 1e9))}
    variants = {}

    def shaped(name, what):
        wire.shape({"100 Mbit": 100_000_000, "1 Gbit": 1_000_000_000}[name])
        return what()
    for name in capacity:
        n = int(capacity[name] * PAGE / CHUNK) // bench.smaller # a second's worth
        variants[f"{name}, push"] = lambda r, name=name, n=n: shaped(name, lambda: push(bench, n, wire))
        for ms in (0, 0.2, 1):
            # The simulator delays what comes in and what goes out.
            options = [f"--delay={ms / 2}"] if ms else []
            mib = bench.mib(32 if name == "100 Mbit" else 256)
            variants[f"{name}, {ms} ms"] = lambda r, name=name, mib=mib, options=options: shaped(
                name, lambda: dump(bench, r, mib, options=options, line=wire))
    found = bench.rounds_of(variants)
    wire.close()
    bench.world.closers.remove(wire.close)
    rows = []
    for label, results in found.items():
        name = label.split(",")[0]
        of_line = Series(v / capacity[name] if v else None for v in results["pages_s"].values)
        of_push = results["pages_s"].over(found[f"{name}, push"]["pages_s"])
        is_push = label.endswith("push")
        rows.append([label, results["pages_s"].show(0), of_line.show(3)] +
                    (["", "", ""] if is_push else
                     [of_push.show(3), results["cpu"].show(2), results["sim_cpu"].show(2)]))
        if not is_push:
            bench.must(1, f"of the line, {label}", of_line, least=0.97, digits=3)
    bench.show("line: a veth pair with tbf, reply delay; pages a second until the last is stored",
               ["", "pages/s", "of the line", "of the push", "CPU s/GiB", "client's CPU s/GiB"], rows,
               f"a GiB takes {GIB / PAGE / capacity['1 Gbit']:.1f} s of a 1 Gbit line: a client that needs as much CPU "
               "cannot fill it")
    bench.keep(found)


def loopback(bench):
    check_bare(bench)
    mib = bench.mib(512)
    found = bench.rounds_of({"netdump-server": lambda r: dump(bench, r, mib),
                             "bare requester": lambda r: bare(bench, r, mib),
                             "push": lambda r: push(bench, mib * 1024)})
    server, least, ceiling = found["netdump-server"], found["bare requester"], found["push"]
    rate, cpu = server["rate"].over(least["rate"]), server["cpu"].over(least["cpu"])
    rows = [[label, f["rate"].show(0), f["rate"].over(ceiling["rate"]).show(2), f["cpu"].show(2), f["sim_cpu"].show(2)]
            for label, f in found.items()]
    bench.show(f"loopback: {mib} MiB to disk, from a client that sends each chunk by itself",
               ["", "MiB/s", "of the push", "CPU s/GiB", "client's CPU s/GiB"], rows,
               f"netdump-server over the bare requester: rate {rate.show(2)}, CPU {cpu.show(2)}")
    bench.keep(found, rate_ratio=rate, cpu_ratio=cpu)
    bench.must(2, "rate over the bare requester's", rate, least=0.90)
    bench.must(2, "CPU over the bare requester's", cpu, most=1.25)


def loss(bench):
    mib = bench.mib(256)
    percents = (0, 0.01, 0.1, 1, 5)
    found = bench.rounds_of({f"{p} %": lambda r, p=p: dump(bench, r, mib, options=[f"--loss={p}"] if p else [])
                             for p in percents})
    rows, ratios = [], {}
    for p in percents:
        f = found[f"{p} %"]
        ratios[p] = f["rate"].over(found["0 %"]["rate"])
        rows.append([f"{p} %", f["rate"].show(0), ratios[p].show(2), f["again"].show(0),
                     Series(100 * w if w is not None else None for w in f["waste"].values).show(2, iqr=False) + " %",
                     f["cpu"].show(2)])
    bench.show(f"loss: {mib} MiB over loopback, datagrams lost each way, fixed seeds, every vmcore compared",
               ["", "MiB/s", "of loss-free", "pages again", "bytes twice", "CPU s/GiB"], rows)
    bench.keep(found, **{f"ratio_{p}": s for p, s in ratios.items()})
    for p, least in ((0.1, 0.85), (1, 0.5), (5, 0.4)):
        bench.must(3, f"of the loss-free rate at {p} % loss", ratios[p], least=least)
    wrong = sum(len([v for v in f["rate"].values if v is None]) for f in found.values())
    bench.must(3, "dumps that are not byte-exact", Series([wrong]), most=0, digits=0)


def last_words(bench):
    """An option: one line of console text instead of a whole oops. It comes unasked; 64 machines that print an
    oops within the same few milliseconds, 600,000 datagrams a second, are no load that there is."""
    path = bench.world.path("text")
    with open(path, "w", encoding="ascii") as f:
        f.write("Kernel panic - not syncing: bench\n")
    return [f"--text={path}"]


def machines(bench):
    total = bench.mib(512)
    counts = (1, 4, 16, 64)
    variants = {}
    for n in counts:
        variants[f"{n}"] = lambda r, n=n: dump(bench, r, total, clients=n, options=last_words(bench))
        variants[f"{n}, default buffer"] = lambda r, n=n: dump(bench, r, total, clients=n, options=last_words(bench),
                                                               rmem_max=DEFAULT_RMEM // 2)
    found = bench.rounds_of(variants)
    rows, ratios = [], {}
    for label, f in found.items():
        suffix = label.lstrip("0123456789")
        ratios[label] = f["rate"].over(found["1" + suffix]["rate"])
        rows.append([label, f["rate"].show(0), ratios[label].show(2), f["jain"].show(3, iqr=False),
                     Series(m / MIB if m else None for m in f["memory"].values).show(1, iqr=False),
                     f["cpu"].show(2), f["again"].show(0, iqr=False),
                     "-" if f["drops"].median is None else f"{max(f['drops'].known):.0f}"])
    bench.show(f"machines at once: {total} MiB in all; the default buffer is {DEFAULT_RMEM} bytes",
               ["", "MiB/s", "of one", "Jain", "memory MiB", "CPU s/GiB", "again", "drops"], rows)
    bench.keep(found, **{f"of one, {label}": s for label, s in ratios.items()})
    bench.must(4, "total of 64 machines over one's", ratios["64"], least=0.9)
    for n in counts:
        f = found[f"{n}"]
        if n > 1:
            bench.must(4, f"Jain's index, {n} machines", f["jain"], least=0.95, digits=3)
        bench.must(4, f"memory, {n} machines", Series(m / MIB if m else None for m in f["memory"].values),
                   most=(MEMORY_BASE + n * MEMORY_EACH) / MIB, unit=" MiB")
    known = [d for n in counts for d in found[f"{n}, default buffer"]["drops"].known]
    bench.must(4, "drops with the default buffer, all rounds", Series([sum(known)] if known else []),
               most=0, digits=0)


def sparse(bench):
    mib = bench.mib(256)
    found = bench.rounds_of({"no zero pages": lambda r: dump(bench, r, mib, look=True),
                             "75 % zero pages": lambda r: dump(bench, r, mib, zero=75, look=True)})
    full, zeros = found["no zero pages"], found["75 % zero pages"]
    rows = []
    for label, f in found.items():
        rows.append([label, f["rate"].show(0), f["cpu"].show(2)] +
                    [Series(v / MIB if v is not None else None for v in f[key].values).show(1, iqr=False)
                     for key in ("disk", "needed")])
    disk, rate = zeros["disk"].over(zeros["needed"]), zeros["rate"].over(full["rate"])
    bench.show(f"sparse: {mib} MiB", ["", "MiB/s", "CPU s/GiB", "MiB on disk", "MiB not zero"], rows)
    bench.keep(found, disk_ratio=disk, rate_ratio=rate)
    bench.must(5, "disk over bytes that are not zero, 75 % zero pages", disk, most=1.01, digits=3)
    bench.must(5, "rate over that without zero pages", rate, least=0.9)


def size(bench):
    sizes = [bench.mib(m) for m in (64, 256, 1024, 4096)]
    room = bench.world.free() * 0.9 / MIB # the server itself leaves 5 % free
    fits = [m for m in sizes if m < room]
    found = bench.rounds_of({f"{m} MiB": lambda r, m=m: dump(bench, r, m, verify=r == 0) for m in fits})
    base = found[f"{sizes[1]} MiB"]
    rows, times, memories = [], {}, {}
    for label, f in found.items():
        times[label] = f["s_gib"].over(base["s_gib"])
        memories[label] = Series((a - b) / MIB if a and b else None
                                 for a, b in zip(f["memory"].values, base["memory"].values))
        rows.append([label, f["s_gib"].show(2), times[label].show(2), f["cpu"].show(2),
                     Series(m / MIB if m else None for m in f["memory"].values).show(1, iqr=False)])
    notes = [f"not enough disk for {m} MiB" for m in sizes if m not in fits]
    bench.show("size", ["", "s/GiB", f"of {sizes[1]} MiB's", "CPU s/GiB", "memory MiB"], rows, *notes)
    bench.keep(found)
    for label in found:
        if label != f"{sizes[1]} MiB":
            bench.must(5, f"seconds per GiB over {sizes[1]} MiB's, {label}", times[label], most=1.1)
            # A tenth of what the server may take at all; how far the disk lags behind makes a difference.
            bench.must(5, f"memory above {sizes[1]} MiB's, {label}", memories[label],
                       most=0.1 * MEMORY_BASE / MIB, unit=" MiB")


def peers_case(bench):
    mib = bench.mib(512)
    variants = {"netdump-server": lambda r: dump(bench, r, mib)}
    ways, notes = peers.ways(bench.world, mib)
    variants.update(ways)
    found = bench.rounds_of(variants)
    base = found["netdump-server"]["rate"]
    bench.show(f"peers, for information: {mib} MiB over loopback to disk",
               ["", "MiB/s", "of netdump-server"],
               [[label, f["rate"].show(0), f["rate"].over(base).show(2)] for label, f in found.items()], *notes)
    bench.keep(found)


def gso(bench):
    mib = bench.mib(512)
    found = bench.rounds_of({"each chunk by itself": lambda r: dump(bench, r, mib),
                             "coalesced": lambda r: dump(bench, r, mib, options=["--gso"])})
    one, many = found["each chunk by itself"], found["coalesced"]
    rate = many["rate"].over(one["rate"])
    bench.show(f"gso: {mib} MiB from a sender that coalesces (UDP_SEGMENT), to UDP_GRO",
               ["", "MiB/s", "CPU s/GiB", "client's CPU s/GiB"],
               [[label, f["rate"].show(0), f["cpu"].show(2), f["sim_cpu"].show(2)] for label, f in found.items()],
               f"coalesced over not: rate {rate.show(2)}, CPU {many['cpu'].over(one['cpu']).show(2)}")
    bench.keep(found, rate_ratio=rate)
    bench.must(6, "rate with a coalescing sender over that without", rate, least=1.5)


def base(bench):
    """Against another build: pairs of runs, and in each round the other one begins."""
    if not bench.base:
        raise Skip("no other build: make bench BASE=DIR")
    program = os.path.abspath(os.path.join(bench.base, "build/netdump-server"))
    if not os.access(program, os.X_OK):
        raise Skip(f"{program} is not there")
    mib = bench.mib(512)
    rows, kept, ratios = [], {}, {}
    for clients in (1, 64):
        for percent in (0, 1):
            options = [f"--loss={percent}"] if percent else []
            name = f"{clients} machine{'s' if clients > 1 else ''}, {percent} % loss"
            found = bench.rounds_of({
                f"{name}, {which}": lambda r, p=p, c=clients, o=options: dump(
                    bench, r, mib, clients=c, options=[*last_words(bench), *o], program=p)
                for which, p in (("this", None), ("base", program))})
            this, other = found[f"{name}, this"], found[f"{name}, base"]
            rate, cpu = this["rate"].over(other["rate"]), this["cpu"].over(other["cpu"])
            rows.append([name, this["rate"].show(0), other["rate"].show(0), rate.show(3), this["cpu"].show(2),
                         other["cpu"].show(2), cpu.show(3)])
            kept.update(found)
            ratios.update({f"rate, {name}": rate, f"CPU, {name}": cpu})
            bench.must(7, f"rate over the base's, {name}", rate, least=0.97, digits=3)
            bench.must(7, f"CPU over the base's, {name}", cpu, most=1.03, digits=3)
    bench.show(f"base: {mib} MiB over loopback to disk, by this server and that of {bench.base}",
               ["", "MiB/s", "base's", "ratio", "CPU s/GiB", "base's", "ratio"], rows)
    bench.keep(kept, **ratios)


ALL = {"line": line, "loopback": loopback, "loss": loss, "machines": machines, "sparse": sparse, "size": size,
       "peers": peers_case, "gso": gso, "base": base}
