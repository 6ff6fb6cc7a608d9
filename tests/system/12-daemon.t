#!/usr/bin/env python3
# 12-daemon.t - the program as its administrator meets it: command line, configuration, background, signals,
# reload, status, metrics.
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine
from running import alive, kept_out, script, Sim, wait_for
from wiretest import BUILD, Daemon, free_port, PATIENCE, SEND_MEM, SIM, Tap, WRAP

SERVER = os.path.join(BUILD, "netdump-server")
tap = Tap()


def server(*args, user=(), **more):
    """Run it to its end: status, stdout, stderr."""
    p = subprocess.run([*user, *WRAP, SERVER, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                       timeout=5 * PATIENCE, stdin=subprocess.DEVNULL, **more)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def help_and_version():
    options = ("--port", "--addr", "--concurrent", "--pidfile", "--daemon", "--dumpdir", "--secure", "--config",
               "--check-config", "--status", "--list", "--json", "--verbose", "--version", "--help", "--usage")
    status, out, err = server("--help")
    tap.ok(status == 0 and not err and all(o in out for o in options), "--help lists every option", out, err)
    for option in ("-p", "-a", "-c", "-P", "-D", "-d", "-s", "-f", "-t", "-v", "-V"):
        tap.ok(re.search(rf"^\s+{option},", out, re.M), f"--help: {option} has a short form")
    status, out, _ = server("--usage")
    tap.ok(status == 0 and all(o in out for o in options), "--usage lists the options", out)
    for option in ("--version", "-V"):
        status, out, _ = server(option)
        tap.ok(status == 0 and re.fullmatch(r"netdump-server \d+\.\d+\.\d+\n", out), option, out)


def errors(work):
    bad = write(os.path.join(work, "bad.conf"),
                "# all of these\nprot=1\nport=99999\n\nsecure=2\nport=1\nnonsense\nallow=10.0.0.1/8\nwindow=0\n"
                "min_free=51\nclient_timeout=\ndumpdir=\nscript_timeout=60 # a comment\nallow=\naddr=fe80::x\n")
    dumps = os.path.join(work, "never")
    status, out, err = server("-f", bad, "-d", dumps, "-c", "many", "--secure=3", "-a", "1.2.3", "--conurrent=1", "x")
    lines = err.splitlines()
    tap.ok(status == 1 and not out, "errors in file and options: exit status 1", status, out)
    for line, word in ((2, "prot.*did you mean \"port\""), (3, "99999"), (5, "secure"), (6, "port.*line 3"),
                       (7, "nonsense"), (8, "10.0.0.0/8"), (9, "window"), (10, "min_free"), (11, "client_timeout"),
                       (12, "dumpdir"), (13, "script_timeout.*comment"), (14, "allow"), (15, "addr")):
        tap.ok(any(re.match(rf"{re.escape(bad)}:{line}: .*{word}", text) for text in lines),
               f"line {line} is named", err)
    for word in ("--concurrent: \"many\"", "--secure: \"3\"", "--addr: ", "did you mean --concurrent", "\"x\""):
        tap.ok(word in err, f"{word} is reported", err)
    tap.ok(not os.path.exists(dumps), "no dump directory was created")
    status, _, err = server("-f", os.path.join(work, "missing.conf"), "-t")
    tap.ok(status == 1 and "missing.conf: cannot read the configuration: No such file" in err,
           "a missing configuration file that was given is an error", err)
    status, _, err = server("-t", "-f", work)
    tap.ok(status == 1 and "Is a directory" in err, "a directory as configuration file is an error", err)


def check_config(work):
    conf = write(os.path.join(work, "good.conf"),
                 "port=7000\naddr=127.0.0.9\nmax_concurrent_dumps=9\nsecure=yes\nallow=10.0.0.0/8, 192.0.2.1\n"
                 f"allow=2001:db8::/32\nclient_timeout=5\nmetrics_file={work}/m.prom\npidfile={work}/good.pid\n")
    status, out, err = server("--check-config", "-f", conf, "-c2", "--port", "7001", "-s0", f"-d{work}/checked")
    tap.ok(status == 0 and not err, "--check-config: exit status 0", err)
    for line in ("port=7001", "addr=127.0.0.9", "max_concurrent_dumps=2", "secure=0", "client_timeout=5",
                 "allow=10.0.0.0/8, 192.0.2.1, 2001:db8::/32", "script_timeout=60", f"dumpdir={work}/checked"):
        tap.ok(line in out.splitlines(), f"command line overrides file overrides default: {line}", out)
    again = write(os.path.join(work, "again.conf"), out)
    _, out2, _ = server("-t", "-f", again)
    tap.equal(out2.splitlines()[1:], out.splitlines()[1:], "the printed configuration is equivalent")
    tap.ok(not os.path.exists(f"{work}/checked"), "no dump directory was created")


def ended(pid):
    return wait_for(lambda: not alive(pid))


def pid_in(path):
    try:
        with open(path, encoding="ascii") as f:
            text = f.read()
    except FileNotFoundError:
        return 0
    return int(text) if re.fullmatch(r"\d+\n", text) else 0


def background(work, closed):
    """--daemon, with stdin, stdout and stderr or without."""
    name = "no stdio" if closed else "--daemon"
    port, dumps = free_port(), os.path.join(work, name, "dumps")
    pidfile = os.path.join(work, name, "pid")
    os.makedirs(dumps, mode=0o700)
    base = ["-f/dev/null", "-a127.0.0.1", f"-p{port}", f"-d{dumps}", f"-P{pidfile}", "--daemon"]
    if WRAP and not closed:
        tap.ok(True, f"{name} # SKIP the wrapper keeps standard error open")
        return
    if closed:
        p = subprocess.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", SERVER, *base], check=False, timeout=PATIENCE)
        status, out, err = p.returncode, "", ""
    else:
        status, out, err = server(*base)
    pid = pid_in(pidfile)
    if not tap.ok(status == 0 and pid and alive(pid), f"{name}: the command returns, and the server runs", status, out, err):
        return
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            session = int(f.read().rsplit(")", 1)[1].split()[3])
        tap.equal((session, os.readlink(f"/proc/{pid}/cwd")), (pid, "/"), f"{name}: its own session, in /")
        tap.equal([os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)], ["/dev/null"] * 3, f"{name}: no terminal")
        tap.equal(stat.S_IMODE(os.stat(pidfile).st_mode), 0o644, f"{name}: the pidfile is readable")
        daemon = Daemon(os.path.join(work, name))
        daemon.port = port
        if not WRAP:
            sim = subprocess.run([SIM, "--quiet", "--size=2M", "--bind=127.0.1.1", f"--verify={dumps}",
                                  daemon.address], check=False, timeout=5 * PATIENCE)
            tap.equal(sim.returncode, 0, f"{name}: a dump")
        if not closed:
            refused_starts(work, base, port, pid)
    finally:
        os.kill(pid, signal.SIGTERM)
    tap.ok(ended(pid) and not os.path.exists(pidfile), f"{name}: SIGTERM ends the server and removes the pidfile")


def refused_starts(work, base, port, pid):
    """All in the background: the reason must reach the terminal that waits."""
    other = os.path.join(work, "other")
    for args, word, name in (
            ((f"-d{other}", f"-P{other}.pid"), f"UDP port {port} .* in use", "port in use"),
            (("-p0", f"-P{other}.pid"), rf"another netdump-server \(pid {pid}\)", "dump directory in use"),
            (("-p0", f"-d{other}"), f"already running, pid {pid}", "pidfile in use"),
            (("-p0", "-d/proc/nothing/here", f"-P{other}.pid"), "dump directory /proc/nothing/here", "no such directory"),
            (("-p0", f"-d{other}", f"-P{work}/no/pid"), "cannot write pidfile", "no directory for the pidfile"),
            (("-p0", "-dother", f"-P{other}.pid"), "must be an absolute path", "a relative path"),
            (("-p0", f"-d{other}", f"-P{other}.pid", "-a192.0.2.99"), "not an address of this host", "not a local address"),
            (("-p0", f"-d{work}/open", f"-P{other}.pid"), "chmod go-w", "dump directory writable by others")):
        os.makedirs(f"{work}/open", exist_ok=True)
        os.chmod(f"{work}/open", 0o777)
        status, _, err = server(*base, *args)
        tap.ok(status == 1 and re.search(word, err), f"not started, with the reason: {name}", status, err)
    tap.ok(not os.path.exists(f"{other}.pid"), "no pidfile remains")
    stale = write(os.path.join(work, "stale.pid"), f"{pid}\n")
    with Daemon(os.path.join(work, "stale"), f"--pidfile={stale}") as daemon:
        tap.equal(pid_in(stale), daemon.process.pid, "a stale pidfile is replaced")


def signals(work):
    for signum in (signal.SIGTERM, signal.SIGINT):
        with Daemon(os.path.join(work, signum.name)) as daemon:
            daemon.process.send_signal(signum)
            tap.equal(daemon.process.wait(PATIENCE), 0, f"{signum.name}: exit status 0")
    with Daemon(os.path.join(work, "usr1")) as daemon, Machine(daemon, "127.0.1.1", pages=100) as m:
        m.crash()
        m.run(stop_after=10)
        for n in (1, 2):
            daemon.process.send_signal(signal.SIGUSR1)
            tap.ok(wait_for(lambda n=n: len(re.findall(r"127\.0\.1\.1: dumping, \d+ of 100 pages .*retransmitted\n.*"
                                                       r"1 clients, 1 of 4 dumps running", daemon.log())) == n),
                   "SIGUSR1: a line for each client, and one for all", daemon.log())
        daemon.process.send_signal(signal.SIGPIPE)
        tap.ok(m.run(), "the dump continues")


def reload(work):
    with Daemon(os.path.join(work, "reload"), "-c2", config="port=1\nclient_timeout=50\n") as daemon:
        def hup(text, word):
            before = daemon.log().count(word)
            daemon.configure(text)
            daemon.process.send_signal(signal.SIGHUP)
            return wait_for(lambda: daemon.log().count(word) > before)

        good = "configuration reloaded"
        with Machine(daemon, "127.0.1.1") as m:
            m.crash()
            m.run(stop_after=10)
            tap.ok(hup("allow=127.0.1.1\nclient_timeout=1\n", good), "SIGHUP: a new configuration", daemon.log())
            with Machine(daemon, "127.0.1.2") as stranger:
                stranger.start()
                tap.ok(kept_out(daemon, 1) and stranger.nothing(), "allow= takes effect immediately")
                tap.ok(hup("port=70000\nallow=nowhere\n", "keeping old configuration"), "errors: the old configuration is kept", daemon.log())
                tap.ok("server.conf:1: port" in daemon.log() and "server.conf:2: allow" in daemon.log(),
                       "all errors are logged", daemon.log())
                tap.ok("; " in daemon.log() and "\\n" not in daemon.log(), "all errors are in one line", daemon.log())
                stranger.start()
                tap.ok(kept_out(daemon, 2) and stranger.nothing(), "the old configuration is in effect")
                tap.ok(hup("client_timeout=1\n", good), "SIGHUP: allow= removed")
                stranger.start()
                tap.ok(stranger.next() is not None, "the removal takes effect")
            # The machine says nothing more: client_timeout=1 is in force for the dump that runs.
            where = wait_for(lambda: daemon.dumps_of("127.0.1.1"))[0]
            tap.equal(daemon.settled(where).get("reason", "")[:35], "client stopped responding for 1 s (",
                      "client_timeout takes effect for running dumps")
        tap.ok(hup("addr=127.0.0.1\nmetrics_file=/dev/null/no\n", good), "a metrics file that cannot be written")
        tap.ok(wait_for(lambda: "the metrics to /dev/null/no" in daemon.log()), "an unwritable metrics file gives a warning", daemon.log())
        args, daemon.args = daemon.args, ()
        tap.ok(hup("dumpdir=/elsewhere\nport=5\n", good) and "restart required" not in daemon.log(),
               "the command line overrides the file after a reload")
        daemon.args = args
    with Daemon(os.path.join(work, "strict"), config="allow=127.0.1.1\n") as daemon:
        base = ("-f", daemon.config, "-d", daemon.dumps, "--status")
        with Machine(daemon, "127.0.1.2") as stranger:
            stranger.start()
        tap.ok(wait_for(lambda: json.loads(server(*base, "--json")[1])["server"].get("packets_not_allowed") == 1),
               "--status counts refused datagrams")
        tap.ok("1 not allowed, 0 malformed" in server(*base)[1], "--status prints the count")
    with Daemon(os.path.join(work, "limits"), config="max_concurrent_dumps=1\n") as daemon:
        daemon.configure("max_concurrent_dumps=0\npidfile=/nowhere/pid\n")
        daemon.process.send_signal(signal.SIGHUP)
        tap.ok(wait_for(lambda: "pidfile changed; restart required" in daemon.log()), "keys that need a restart are logged")
        with Machine(daemon, "127.0.1.1") as m:
            m.crash()
            tap.ok(m.run() and SEND_MEM not in m.seen, "max_concurrent_dumps takes effect immediately", daemon.log())


def status_and_list(work):
    with Daemon(os.path.join(work, "show"), config=f"metrics_file={work}/show.prom\n") as daemon:
        base = ("-f", daemon.config, "-d", daemon.dumps)
        status, out, _ = server(*base, "--list")
        tap.ok(status == 0 and "No dumps" in out, "--list: no dumps", out)
        with Machine(daemon, "127.0.1.1", pages=100) as m:
            m.log(b"<1>Unable to handle kernel NULL pointer dereference\n")
            wait_for(lambda: os.path.exists(os.path.join(daemon.dumps, "console", "127.0.1.1.log")))
            m.crash()
            m.run(stop_after=50)
            got = wait_for(lambda: re.search(r"127\.0\.1\.1 +dumping +100 .*127\.0\.1\.1-", server(*base, "--status")[1]))
            tap.ok(got, "--status shows a dump", server(*base, "--status"))
            status, out, _ = server(*base, "--status", "--json")
            shown = json.loads(out)
            tap.ok(status == 0 and shown["running"] is True and shown["server"]["pid"] == daemon.process.pid and
                   shown["clients"][0]["address"] == "127.0.1.1" and shown["clients"][0]["pages"] == 100,
                   "--status --json", out)
            tap.ok(m.run(), "the dump continues")
            daemon.settled(daemon.dumps_of(m.host)[0])
        os.mkdir(os.path.join(daemon.dumps, "127.0.1.9-2001-02-03-04:05:06"), 0o700)
        write(os.path.join(daemon.dumps, "127.0.1.9-2001-02-03-04:05:06", "vmcore-incomplete"), "x")
        status, out, _ = server(*base, "--list")
        lines = out.splitlines()
        tap.ok(status == 0 and len(lines) == 3 and "complete" in lines[1] and "Unable to handle kernel" in lines[1] and
               "127.0.1.9" in lines[2], "--list: newest first, with the panic message", out)
        listed = json.loads(server(*base, "--list", "--json")[1])
        tap.equal([(d["client"], d["result"]) for d in listed], [("127.0.1.1", "complete"), ("127.0.1.9", "unknown")],
                  "--list --json")
        metrics(work, daemon)
        status, _, said = Sim(daemon, "--size=1M", "--seed=1", "--extensions=15", "--bind=127.0.1.2").end()
        with open(os.path.join(daemon.dumps_of("127.0.1.2")[0], "info"), encoding="utf-8") as f:
            keys = [line.partition("=")[0] for line in f]
        tap.ok(status == 0 and len(keys) > 20 and len(set(keys)) == len(keys), "info: each key appears once", (said, keys))
        daemon.kill()
        tap.equal(server(*base, "--status")[0], 3, "--status after SIGKILL: exit status 3")
        daemon.launch()
        tap.equal(server(*base, "--status")[0], 0, "--status after a restart: exit status 0")
    status, out, _ = server(*base, "--status")
    tap.ok(status == 3 and "No server is using" in out, "--status after the end: exit status 3, with a message", out)
    status, out, _ = server(*base, "--status", "--json")
    tap.ok(status == 3 and json.loads(out)["running"] is False, "--status --json after the end", out)
    odd = os.path.join(work, 'a "b"\\c\u00e9')
    status, out, _ = server("-d", odd, "-f/dev/null", "--status", "--json")
    tap.ok(status == 3 and json.loads(out) == {"running": False, "dumpdir": odd}, "--json escapes the name of the directory", out)
    no_directory = write(os.path.join(work, "file"), "")
    status, out, err = server("-d", no_directory, "-f/dev/null", "--status", "--json")
    tap.ok(status == 4 and json.loads(out)["running"] is None and "cannot open" in err, "--status with unknown state: exit status 4",
           (status, out, err))
    status, _, err = server("-d", os.path.join(work, "nowhere"), "-f/dev/null", "--list")
    tap.ok(status == 1 and err, "--list of a missing directory: exit status 1", err)


def packed_dumps(work):
    dumps = os.path.join(work, "packed")
    dump = os.path.join(dumps, "127.0.1.9-2001-02-03-04:05:06")
    os.makedirs(dump)
    write(os.path.join(dump, "info"), "client=127.0.1.9\npage_size=4096\npages=1000\nresult=complete\n")
    write(os.path.join(dump, "log"), "fine\n<0>[    1.5] Kernel panic - not\rsyncing\n")
    write(os.path.join(dump, "vmcore.zst"), "x" * 10000)
    run = ("-d", dumps, "-f/dev/null", "--list")
    shown = json.loads(server(*run, "--json")[1])[0]
    tap.ok(shown["file"] == "vmcore.zst" and 10000 <= shown["bytes_on_disk"] < 100000 and
           shown["bytes_nominal"] == 4096000, "--list: sizes of a compressed dump", shown)
    out = server(*run)[1]
    tap.ok("3.9 MiB" in out and "Kernel panic - not syncing\n" in out and "\r" not in out,
           "--list: console text is escaped", out)


def metrics_meanwhile(work):
    path = f"{work}/busy.prom"
    with Daemon(os.path.join(work, "busy"), config=f"metrics_file={path}\n") as daemon:
        script(daemon, "netdump-start", "exit 0\n")
        script(daemon, "netdump-crash", "exit 3\n")

        def runs(name, end):
            with open(path, encoding="utf-8") as f:
                return f'netdump_script_runs_total{{script="{name}",end="{end}"}} 1\n' in f.read()

        def asked_again():
            with open(path, encoding="utf-8") as f:
                text = f.read()
            return re.search(r"^netdump_retransmitted_pages_total [1-9]", text, re.M) and \
                "netdump_dumps_running 1\n" in text

        wait_for(lambda: os.path.exists(path))
        sim = Sim(daemon, "--silent-after=100", "--size=8M", "--bind=127.0.1.1")
        tap.ok(wait_for(lambda: runs("netdump-crash", "failed")), "metrics: a failed hook")
        tap.ok(wait_for(lambda: runs("netdump-start", "succeeded")), "metrics: a successful hook")
        tap.ok(wait_for(asked_again), "metrics: retransmissions of a running dump")
        sim.process.kill()
        sim.process.communicate()


def metrics(work, daemon):
    path = f"{work}/show.prom"

    def read():
        with open(path, encoding="utf-8") as f:
            return f.read()

    complete = 'netdump_dumps_total{result="complete"} 1\n'
    tap.ok(wait_for(lambda: os.path.exists(path) and complete in read()), "metrics: the dump is counted")
    text = read()
    tap.ok(text.endswith("\n") and f"netdump_dump_bytes_total {100 * 4096}\n" in text, "metrics: the bytes are counted", text)
    names = re.findall(r"^(\w+)(?:\{[^}]*\})? ", text, re.M)
    for name in sorted(set(names)):
        tap.ok(f"# TYPE {name} " in text and f"# HELP {name} " in text and
               (name.endswith("_total") == (f"# TYPE {name} counter" in text)), f"metrics: {name} follows the conventions")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o644, "the metrics file is world-readable")
    if shutil.which("promtool"):
        p = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        tap.ok(p.returncode == 0, "promtool check", p.stdout.decode())
    else:
        tap.ok(True, "promtool # SKIP not installed")


def other_user(work):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        tap.ok(True, "as another user # SKIP not root, or no setpriv")
        return
    nobody = pwd.getpwnam("nobody")
    user = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--no-new-privs")
    place = tempfile.mkdtemp(prefix="netdump-nobody.")
    subprocess.run(["cp", SERVER, place], check=True)    # not by us: a fork in between would keep it open
    os.chmod(place, 0o755)
    mine = os.path.join(place, "root")
    os.mkdir(mine, 0o700)
    try:
        run = [*user, os.path.join(place, "netdump-server"), "-f/dev/null", "-a127.0.0.1"]
        p = subprocess.run([*run, "-p0", f"-d{mine}"], stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
        tap.ok(p.returncode == 1 and b"chown" in p.stderr, "user nobody, dump directory of root: the error has a hint",
               p.stderr.decode())
        dumps = os.path.join(place, "dumps")
        os.mkdir(dumps, 0o700)
        os.chown(dumps, nobody.pw_uid, nobody.pw_gid)
        daemon = Daemon(os.path.join(work, "nobody"))
        daemon.port, daemon.dumps = free_port(), dumps
        with open(daemon.log_path, "wb") as log:
            process = subprocess.Popen([*run, f"-p{daemon.port}", f"-d{dumps}"], stderr=log)
        try:
            wait_for(lambda: "listening on" in daemon.log())
            status, _, said = Sim(daemon, "--size=2M", "--bind=127.0.1.1").end()
            tap.ok(status == 0 and "running as root" not in daemon.log(), "user nobody: a dump", said, daemon.log())
            where = daemon.dumps_of("127.0.1.1")[0]
            tap.equal((os.stat(where).st_uid, stat.S_IMODE(os.stat(where).st_mode),
                       stat.S_IMODE(os.stat(os.path.join(where, "vmcore")).st_mode)), (nobody.pw_uid, 0o700, 0o600),
                      "directory 0700 and files 0600, owned by the server")
        finally:
            process.terminate()
            tap.equal(process.wait(PATIENCE), 0, "user nobody: exit status 0")
    finally:
        shutil.rmtree(place)


def ready_word(work):
    """For a service manager: READY=1 when the socket is bound, RELOADING, STOPPING."""
    path = os.path.join(work, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(PATIENCE)
        daemon = Daemon(os.path.join(work, "notified"))
        daemon.env = dict(os.environ, NOTIFY_SOCKET=path)
        with daemon:
            words = [s.recv(100)]
            daemon.process.send_signal(signal.SIGHUP)
            words += [s.recv(100), s.recv(100)]
        words.append(s.recv(100))
    tap.equal([w.split(b"\n")[0] for w in words], [b"READY=1", b"RELOADING=1", b"READY=1", b"STOPPING=1"],
              "sd_notify messages")


with tempfile.TemporaryDirectory() as directory:
    tap.together([help_and_version, lambda: errors(directory), lambda: check_config(directory),
                  lambda: background(directory, False), lambda: background(directory, True),
                  lambda: signals(directory), lambda: reload(directory), lambda: status_and_list(directory),
                  lambda: packed_dumps(directory), lambda: metrics_meanwhile(directory),
                  lambda: other_user(directory), lambda: ready_word(directory)], at_once=4)
tap.finish()
