#!/usr/bin/env python3
# 60-documents.t - the documents against the program: every example is run (or it is said why not),
# every option, key and source file is described, every message that is explained exists.
#
# A command in a document is a line that begins with "# " or "$ " in an indented or literal block. It must
# match one of RULES, which says what is done with it: a new example needs a rule.
# SPDX-License-Identifier: GPL-2.0-or-later
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.path.realpath(os.environ.get("BUILD", "build"))
SERVER, SIM = BUILD + "/netdump-server", BUILD + "/netdump-sim"
MAN = ["netdump-server.8", "man/netdump-server.conf.5", "man/netdump-sim.1"]
TEXTS = ["README"] + sorted(glob.glob("doc/*.md"))

tests = failed = 0


def ok(good, description, detail=""):
    global tests, failed
    tests += 1
    if good is None:
        print(f"ok {tests} - {description} # SKIP {detail}", flush=True)
        return
    failed += not good
    print(f"{'' if good else 'not '}ok {tests} - {description}", flush=True)
    if not good:
        for line in str(detail).splitlines()[:20]:
            print("#   " + line)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


# -- examples ---------------------------------------------------------------------------------------


def blocks(path):
    """Indented blocks of a text, literal ones of a manual page: lists of lines."""
    if path.endswith(tuple("123456789")):
        for block in re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", read(path), re.M):
            yield block.replace("\\e", "\\").splitlines()
        return
    block = []
    for line in read(path).splitlines() + ["end"]:
        if line.startswith("    "):
            block.append(line[4:])
        elif line.strip() or not block:
            if block:
                yield block
            block = []


def commands(path):
    for block in blocks(path):
        text = "\n".join(block).replace("\\\n", " ")
        if text.startswith("#!"):  # a script
            continue
        for line in text.splitlines():
            match = re.match(r"[#$] (\S.*)", line)
            if match:
                yield re.sub(r" +", " ", match.group(1))


class World:
    """A server with a dump in its dump directory, and the names that the documents use for it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="netdump-documents.")
        self.dumps, self.bin, self.home = (f"{self.dir}/{d}" for d in ("dumps", "bin", "home"))
        for d in (self.dumps, self.bin, self.home):
            os.mkdir(d, 0o700)
        self.examples = self.dir + "/examples"
        shutil.copytree("scripts", self.examples)
        for name in os.listdir(self.examples):
            os.chmod(f"{self.examples}/{name}", 0o644 if name.endswith(".sh") else 0o755)
        for d in ("scripts", "magic"):
            os.mkdir(f"{self.dumps}/{d}", 0o755)
        with open(self.dir + "/conf", "w") as f:
            f.write(f"port=0\ndumpdir={self.dumps}\n")
        for name in ("netdump-server", "netdump-sim"):
            with open(f"{self.bin}/{name}", "w") as f:
                extra = f"--config={self.dir}/conf" if name == "netdump-server" else ""
                f.write(f'#!/bin/sh\nexec {BUILD}/{name} {extra} "$@"\n')
            os.chmod(f"{self.bin}/{name}", 0o755)
        self.log = self.dir + "/log"
        self.server = subprocess.Popen([SERVER, f"--config={self.dir}/conf"],
                                       stderr=open(self.log, "w"))
        match = self.await_log(r"port (\d+), dumpdir")
        self.port = match.group(1)
        subprocess.run([SIM, "--quiet", "--size=2M", "--bind=127.0.0.17", "127.0.0.1:" + self.port],
                       check=True, stderr=subprocess.DEVNULL, timeout=600)
        self.dump = glob.glob(self.dumps + "/127.0.0.17-*")[0]
        self.await_log("rebooting")
        os.symlink(self.dump + "/vmcore", self.home + "/vmcore")
        self.cwd = self.home

    def await_log(self, pattern):
        for _ in range(1200):
            match = re.search(pattern, read(self.log))
            if match:
                return match
            time.sleep(0.1)
        raise SystemExit(f"Bail out! The server does not say {pattern}:\n" + read(self.log))

    def settle(self, command):
        """The documents' names -> ours."""
        for old, new in (
                (r"/var/spool/crash/(10\.0\.0\.5|192\.0\.2\.17)-[-0-9:]+", self.dump),
                (r"/var/spool/crash", self.dumps),
                (r"/usr/share/doc/netdump-server/examples", self.examples),
                (r"/etc/netdump-server\.conf", self.dir + "/conf"),
                (r"/etc/sysctl\.d/", self.dir + "/"),
                (r"/home/me\b", self.home),
                (r"\b192\.0\.2\.17\b", "127.0.0.17"),
                (r"\b192\.0\.2\.1\b", "127.0.0.1"),
                (r"(netdump-sim .*127\.0\.0\.1)$", r"\1:" + self.port)):
            command = re.sub(old, new, command)
        return command

    def run(self, command, shell_dir=None):
        env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}:/usr/sbin:/sbin")
        return subprocess.run(["sh", "-euc", command], cwd=shell_dir or self.cwd, env=env, timeout=600,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")

    def close(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(120)
        shutil.rmtree(self.dir)


def run_it(world, command):
    result = world.run(world.settle(command))
    return result.returncode == 0, result.stdout


def run_with(*tools):
    def handler(world, command):
        missing = [t for t in tools if not shutil.which(t)]
        return (None, "no " + missing[0]) if missing else run_it(world, command)
    return handler


def change_dir(world, command):
    world.cwd = world.settle(command.split(None, 1)[1])
    return os.path.isdir(world.cwd), world.cwd


def link(world, command):
    """In the scripts directory; a link that another document made is replaced."""
    words = world.settle(command).split()
    target = os.path.join(world.dumps, "scripts", words[-1])
    if os.path.lexists(target):
        os.unlink(target)
    world.cwd = world.dumps + "/scripts"
    result = world.run(" ".join(words))
    return result.returncode == 0 and os.path.exists(target), result.stdout


def make_dir(world, command):
    name = os.path.join(world.dumps, "scripts", command.split()[-1])
    os.makedirs(name, exist_ok=True)
    return True, ""


def readelf(world, command):
    good, text = run_it(world, command)
    return good and "NT_TASKSTRUCT" in text, text


def gdb(world, command):
    tool = shutil.which("gdb-multiarch") or shutil.which("gdb")
    if not tool:
        return None, "no gdb"
    result = world.run(f"{tool} -nx -batch -ex 'core-file vmcore' -ex 'info registers rip'",
                       world.home)
    return result.returncode == 0 and "rip " in result.stdout, result.stdout


def zstd_there(world, command):
    if not shutil.which("zstd"):
        return None, "no zstd"
    copy = world.dir + "/copy"
    os.makedirs(copy, exist_ok=True)
    if not os.path.exists(copy + "/vmcore"):
        shutil.copy(world.dump + "/vmcore", copy + "/vmcore")
    result = world.run(command.replace("zstd ", "zstd -q -f "), copy)
    return result.returncode == 0, result.stdout


def nft_rule(world, command):
    """Only looked at, in a network namespace of its own."""
    rules = "add table inet filter\nadd chain inet filter input\n" + command.split(" ", 1)[1]
    return nft(rules)


def nft(rules):
    if not shutil.which("nft") or not shutil.which("unshare"):
        return None, "no nft"
    result = subprocess.run(["unshare", "-rn", "sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; nft -c -f -"],
                            input=rules, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "unshare" in result.stdout:
        return None, "no namespaces here"
    return result.returncode == 0, rules + "\n" + result.stdout


def not_here(why):
    return lambda world, command: (None, why)


def make_target(world, command):
    """make X: there is such a target."""
    targets = re.findall(r"make ([a-z0-9-]+)", command)
    for target in targets:
        result = subprocess.run(["make", "-n", "BUILD=" + BUILD, target], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
        if result.returncode:
            return False, result.stdout
    return True, ""


OTHER = "it runs on the client"
RULES = [
    # What the server's own programs do is done.
    (r"netdump-server --check-config$", run_it),
    (r"netdump-server --(status|list)$", run_it),
    (r"netdump-sim ", run_it),
    (r"cd /var/spool/crash/scripts$", change_dir),
    (r"ln -s /usr/share/doc/netdump-server/examples/\S+ \S+$", link),
    (r"mkdir netdump-reboot\.d$", make_dir),
    (r"NETDUMP_DUMPDIR=\S+ PRUNE_KEEP=10 \./netdump-nospace$", run_it),
    (r"echo UPLOAD_TO=s3:crashes >netdump-hooks\.conf$", run_it),
    (r"echo 00112233445566ff >/var/spool/crash/magic/", run_it),
    (r"echo net\.core\.rmem_max=\d+ >/etc/sysctl\.d/", run_it),
    (r"less /var/spool/crash/.*/log$", lambda w, c: run_it(w, c.replace("less", "cat"))),
    (r"ls /var/spool/crash/console$", run_it),
    (r"cp --sparse=always ",
     lambda w, c: run_it(w, c.replace("/home/me/", w.dir + "/"))),
    (r"readelf ", readelf),
    (r"gdb-multiarch vmlinux vmcore$", gdb),
    (r"zstd ", zstd_there),
    (r"nft add rule ", nft_rule),
    (r"ip (route get|neighbour show)", run_with("ip")),
    # make check-scale and check-kernel do these with all that they need.
    (r"(CHECK=\S+ )?netdump-balance ", not_here("make check-scale runs it")),
    (r"sysctl -w net\.ipv4\.ip_forward=1$", not_here("make check-scale runs it")),
    (r"crash /usr/lib/debug/", not_here("make check-kernel runs it")),
    (r"makedumpfile -c -d 31 -x vmlinux ", not_here("it needs a real kernel: make check-kernel")),
    # make check-deb does these in a Debian of its own.
    (r"service netdump-server start$", not_here("make check-deb runs it")),
    (r"systemctl (enable --now|reload) netdump", not_here("it needs systemd")),
    (r"install -d .*/srv/crash", not_here("it needs the user netdump")),
    (r"setfacl -m u:netdump:", not_here("it needs the user netdump")),
    (r"(chown netdump: |usermod --shell /bin/sh netdump)", not_here("it needs the user netdump")),
    (r"chown me ", not_here("no user 'me'")),
    (r"ln -s /var/spool/crash /var/crash$", not_here("it would change this system")),
    (r"sysctl -p /etc/sysctl\.d/", not_here("it would change this system")),
    (r"(firewall-cmd|ufw) ", not_here("it would change this system")),
    (r"tcpdump ", not_here("it does not end")),
    # On the other side.
    (r"echo NETDUMPADDR=192\.0\.2\.1 >/etc/default/netdump$", not_here(OTHER)),
    (r"modprobe netconsole ", not_here(OTHER)),
    (r"dmesg -n debug$", not_here(OTHER)),
    (r"chkconfig netdump on$", not_here(OTHER)),
    (r"service netdump start$", not_here(OTHER)),
    (r"echo c >/proc/sysrq-trigger$", not_here(OTHER)),
]

# README has its commands without a prompt.
README_RULES = [
    (r"\./bootstrap demo$", not_here("56-demo.t runs the demo")),
    (r"\./bootstrap check$", not_here("this test is a part of it")),
    (r"make (deb|rpm)\b", not_here("packaging/check-deb and lint-packages use them")),
    (r"make$", make_target),
    (r"make [a-z-]+", make_target),
    (r"systemctl enable", not_here("it needs systemd")),
    (r"service netdump-server start", not_here("make check-deb runs it")),
    (r"netdump-sim --size=64M 127\.0\.0\.1$", run_it),
    (r"netdump-server --list$", run_it),
    (r"\.ci/run\b", lambda w, c: (os.access(".ci/run", os.X_OK), "not executable")),
    (r"netdump\(8\)$", lambda w, c: (os.path.exists("man/netdump.8"), "it is not there")),
    (r"netdump-\S+\(\d\)$", None),  # "Read on": manual pages and files
    (r"(doc|scripts|src)/\S*", None),
    (r"(NEWS|[A-Z]+\.md)$", None),
]


def apply(rules, path, command, world):
    for pattern, handler in rules:
        if re.match(pattern, command):
            if handler is None:
                name = re.split(r"\(", command)[0].rstrip("/")
                found = glob.glob(name) or glob.glob(name + ".[1-9]") or glob.glob("man/" + name + ".[1-9]")
                ok(bool(found), f"{path}: {name} exists")
                return
            good, detail = handler(world, command)
            ok(good, f"{path}: {command[:90]}", detail)
            return
    ok(False, f"{path}: {command[:90]}", "no rule says what to do with it: see RULES")


def test_examples(world):
    for path in MAN + TEXTS[1:]:
        world.cwd = world.home
        for command in commands(path):
            apply(RULES, path, command, world)
    world.cwd = world.home
    for block in blocks("README"):
        for line in block:
            apply(README_RULES, "README", re.split(r"  +", line)[0], world)


# -- configuration ----------------------------------------------------------------------------------


def test_configuration(world):
    for path in MAN + TEXTS[1:]:
        for block in blocks(path):
            keys = [line for line in block if line]
            if not keys or not all(re.match(r"[a-z_]+=", k) for k in keys):
                continue
            with open(world.dir + "/example", "w") as f:
                f.write("\n".join(block) + "\n")
            result = subprocess.run([SERVER, "--config=" + world.dir + "/example", "--check-config"],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            ok(result.returncode == 0, f"{path}: configuration {keys[0]} ...", result.stdout)
    shown = subprocess.run([SERVER, "--config=/dev/null", "--check-config"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    keys = set(re.findall(r"^(?:# )?([a-z_]+)(?:=| is not set)", shown, re.M)) - {"dev"}
    ok(len(keys) >= 14, "the configuration has keys", shown)
    described = set(re.findall(r"^\.It Cm ([a-z_]+)$", read("man/netdump-server.conf.5"), re.M))
    ok(keys == described, "netdump-server.conf.5 describes all keys, and no others", keys ^ described)
    commented = set(re.findall(r"^#([a-z_]+)=", read("netdump-server.conf"), re.M))
    ok(keys == commented, "netdump-server.conf has all keys, and no others", keys ^ commented)
    # With every comment sign before a key taken away, it is a configuration, and of the defaults.
    text = re.sub(r"^#(?=[a-z_]+=)", "", read("netdump-server.conf"), flags=re.M)
    with open(world.dir + "/example", "w") as f:
        f.write(text)
    result = subprocess.run([SERVER, "--config=" + world.dir + "/example", "--check-config"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ok(result.returncode == 0, "netdump-server.conf: the commented lines are a valid configuration", result.stdout)
    same = [line for line in shown.splitlines()[1:] if line.split("=")[0] != "allow"]
    got = [line for line in result.stdout.splitlines()[1:] if "allow" not in line]
    same = [line for line in same if "allow" not in line]
    ok(same == got, "netdump-server.conf: the commented lines are the defaults", set(same) ^ set(got))


def test_options():
    for tool, path in ((SERVER, MAN[0]), (SIM, MAN[2])):
        text = subprocess.run([tool, "--help"], stdout=subprocess.PIPE, text=True).stdout
        options = set(re.findall(r"^ +(?:-., )?--([a-z-]+)", text, re.M))
        page = read(path)
        described = set(re.findall(r"Fl -([a-z-]+)", page)) | \
            set(re.findall(r"Fl \S+ , -([a-z-]+)", page))
        name = os.path.basename(tool)
        ok(options and options <= described, f"{path} has all options of {name}", options - described)
        items = "\n".join(re.findall(r"^\.It .*(?:\\\n.*)*", page, re.M))
        listed = set(re.findall(r"(?:Fl|,) -([a-z-]+)", items))
        ok(listed <= options, f"{path} has no others", listed - options)


# -- the rest ---------------------------------------------------------------------------------------


def test_rules_of_scaling():
    for block in blocks("doc/scaling.md"):
        if block[0].startswith("table "):
            good, detail = nft("\n".join(block))
            ok(good, "doc/scaling.md: nft accepts the rules", detail)


def sources(pattern="*.c"):
    """The files of src/, but for the simulator's, which is a program of its own."""
    return sorted(path for depth in ("", "*/", "*/*/") for path in glob.glob(f"src/{depth}{pattern}")
                  if not path.startswith("src/sim/"))


def test_map():
    """src/README names every module of every folder, and no others."""
    drawn, folder = set(), None
    for line in read("src/README").splitlines():
        head = re.match(r"(\w+(?:/\w+)?)/(?:  |$)", line)
        entry = re.match(r"    ([a-z0-9_]+) +\S", line)
        if head:
            folder = head.group(1)
        elif line and not line.startswith(" "):
            folder = None
        elif entry and folder:
            drawn.add(f"{folder}/{entry.group(1)}")
    there = {path[4:-2] for path in sources("*.[ch]") if path != "src/main.c"}
    ok(drawn == there, "src/README lists every module in its folder", sorted(drawn ^ there))


def literals():
    """All string literals of the source, neighbours joined, without their %-directives and macros."""
    text = ""
    for path in sources():
        source = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        source = re.sub(r'%"\s*\w+\s*"', " ", source)
        source = re.sub(r'"\s*[A-Z_]*\s*"', "", source)
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source):
            text += re.sub(r"%[-+ #0-9.*]*(?:hh?|ll?|z|j)?[a-zA-Z]?", " ", literal).replace('\\"', '"')
            text += "\n"
    return re.sub(r"[^\S\n]+", " ", text)


def words_of(text):
    return re.findall(r"[A-Za-z][A-Za-z'_-]*", text)


def test_messages():
    """A quoted message must be made of what the source says: runs of three words or more, or ends."""
    text = "\n".join(" ".join(words_of(line)) for line in literals().splitlines())
    text = f" {text} ".replace("\n", " \n ")
    page = read(MAN[0])
    part = page[page.index(".Sh TROUBLESHOOTING"):page.index(".Sh SEE ALSO")]
    quotes = []
    for line in re.findall(r"^(?:\.It )?Dq (.*)$|^\.It Dq (.*)$", part, re.M):
        quotes += re.split(r"\s+,\s+(?:Dq\s+)?", line[0] or line[1])
    quotes = [q.strip(" \\") for q in quotes if q.strip(" \\")]
    ok(len(quotes) >= 40, "the manual page quotes messages", quotes)
    for quote in quotes:
        missing = []
        for piece in re.split(r"\.\.\.|\b\d[\d.:]*\b(?: GiB| KiB| s\b)?|\(IPv4\)|/\S+", quote):
            words = words_of(piece)
            while words:
                n = len(words)
                while n > 0 and f" {' '.join(words[:n])} " not in text:
                    n -= 1
                if n == 0 or (n == 1 and len(words) > 1 and len(words[0]) < 4):
                    missing.append(words[0])
                    n = 1
                words = words[n:]
        # What errno says, and names that stand for others, are not in the source.
        missing = [w for w in missing if w not in
                   ("No", "space", "left", "on", "device", "Input", "output", "error", "such", "file",
                    "or", "directory", "netdump-crash", "prot", "port", "dumpdir")]
        ok(not missing, f"the source has: {quote[:80]}", f"not found: {missing}")


def test_quotes():
    """Words that mdoc takes for its own (No, It, ...) vanish from a quoted message, or quotes nest."""
    if not shutil.which("mandoc"):
        ok(None, f"{MAN[0]}: its quotes as they are seen", "no mandoc")
        return
    seen = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=1000", MAN[0]], stdout=subprocess.PIPE, text=True)
    lines = [" ".join(line.split()) for line in re.sub(".\b", "", seen.stdout).splitlines()]
    for quote in re.findall(r"^\.It Dq (.*)$", read(MAN[0]), re.M):
        ok(f"\u201c{quote.replace(chr(92) + '&', '')}\u201d" in lines, f"{MAN[0]} shows: {quote[:80]}", "")


def test_metrics():
    text = read("src/server/metrics.c")
    names = set(re.findall(r'(?:\{|add_family\(text, )"(\w+)",\s+"(?:counter|gauge)"', text))
    described = set(re.findall(r"\bnetdump_(\w+)", "".join(re.findall(r"^\.It Cm netdump_.*$", read(MAN[0]), re.M))))
    ok(len(names) >= 15 and names == described, f"{MAN[0]} has all metrics, and no others", names ^ described)


def test_info():
    keys = set(re.findall(r'add(?:_number|_time)?\(pairs, "(\w+)"', read("src/server/report.c")))
    for path in sources("*_facts.c"):  # the keys that a protocol describes itself by
        keys |= set(re.findall(r'\w+\((?:&d|user), "(\w+)"', read(path)))
    page = read(MAN[0])
    part = page[page.index(".Ss The info file"):page.index(".Sh HOOKS")]
    described = set(re.findall(r"\w+", " ".join(re.findall(r"^\.It Cm (.*)$", part, re.M))))
    ok(len(keys) >= 25 and keys == described, f"{MAN[0]} has all keys of info, and no others", keys ^ described)


def test_states():
    page = read(MAN[0])
    part = page[page.index(".Ss Status"):page.index(".Ss Metrics")]
    names = set()
    for path in sources("session_*.c"):
        names |= set(re.findall(r'^    \.name = "(\w+)"', read(path), re.M))
    missing = {n for n in names if not re.search(rf"^\.Cm {n}\b", part, re.M)}
    ok(len(names) >= 8 and not missing, f"{MAN[0]} has all states", missing)


# Warnings that need no explanation, by their first words.
PLAIN = (
    "pselect",  # a bug of ours
)


def test_warnings():
    """Whatever the server warns of is explained, by a quote that has three words of it in a row."""
    page = read(MAN[0])
    quotes = " ".join(words_of(page[page.index(".Sh TROUBLESHOOTING"):page.index(".Sh SEE ALSO")]))
    calls = r"(?:log_warning|log_error|log_limited|log_about|say_freed|say|refuse)\(((?:[^;\"]|\"(?:[^\"\\\\]|\\\\.)*\")*);"
    for path in sources():
        source = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        rows = re.findall(r"\{LOG_(?:WARNING|ERR),\s+(?:\"(?:[^\"\\\\]|\\\\.)*\"\s*)+", source)
        for call in [match.group(0) for match in re.finditer(calls, source)] + rows:
            if not re.match(r"log_warning|log_error|refuse", call) and \
                    not re.search(r"LOG_(WARNING|ERR)\b", call):
                continue
            text = re.sub(r'%"\s*\w+\s*"', " ", call)
            text = re.sub(r'"\s*[A-Z_]*\s*"', "", text)
            text = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
            words = words_of(re.sub(r"%[-+ #0-9.*]*(?:hh?|ll?|z|j)?[a-zA-Z]", " ", text))
            if len(words) < 2 or text.startswith(PLAIN):
                continue
            n = min(3, len(words))
            good = any(" ".join(words[i:i + n]) in quotes for i in range(len(words) - n + 1))
            ok(good, f"{MAN[0]} explains: {text[:80]}", path)


def test_pages():
    for path in MAN + ["man/netdump.8"]:
        if shutil.which("mandoc"):
            result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            ok(result.returncode == 0, f"{path}: mandoc -T lint", result.stdout)
        else:
            ok(None, f"{path}: mandoc", "no mandoc")
        if shutil.which("man") and shutil.which("groff"):
            result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            ok(result.returncode == 0 and not result.stderr, f"{path}: man --warnings",
               result.stderr)
        else:
            ok(None, f"{path}: man --warnings", "no man or groff")


def test_names():
    """What a document names in the project is there."""
    for path in TEXTS + ["src/README"]:
        for name in set(re.findall(r"(?<![\w/])(?:tests|scripts|doc|client|packaging)/[A-Za-z0-9_./-]+", read(path))):
            name = name.rstrip(".,:")
            ok(os.path.exists(name), f"{path}: {name} exists")


world = World()
try:
    test_examples(world)
    test_configuration(world)
    test_options()
    test_rules_of_scaling()
    test_map()
    test_messages()
    test_warnings()
    test_quotes()
    test_metrics()
    test_info()
    test_states()
    test_pages()
    test_names()
finally:
    world.close()
print(f"1..{tests}")
sys.exit(1 if failed else 0)
