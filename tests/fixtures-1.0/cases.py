# cases.py - the clients of the fixtures, for the script that makes them and the test that resumes them.
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
from wiretest import parse, PATIENCE, R_START, request, SIM, START_ACK

PORT = 34567  # of every client; their addresses differ
PAGE = 4096

# state: of the newest record when the server is killed: 0 dumping, 1 transferred, 2 only the reboot is left;
# None: the client is in no journal, but in the file of pending clients.
Case = collections.namedtuple("Case", "name host pages state sim")
CASES = (
    Case("x86_64", "127.0.33.1", 3072, 0, ()),
    Case("i386", "127.0.33.2", 3072, 0, ("--machine=i386",)),
    Case("extensions", "127.0.33.3", 3072, 0, ("--extensions=15", "--holes=200-299,2000-2100")),
    Case("transferred", "127.0.33.4", 2048, 1, ()),
    Case("rebooting", "127.0.33.5", 2048, 2, ("--extensions=15",)),
    Case("waiting-1", "127.0.33.6", 2048, None, ()),
    Case("waiting-2", "127.0.33.7", 2048, None, ("--extensions=15",)),
)


def memory(case, directory):
    """The client's memory as a file: no two pages are alike, every fourth one is zero, and all compress well."""
    path = os.path.join(directory, case.name + ".memory")
    with open(path, "wb") as f:
        for pfn in range(case.pages):
            line = f"{case.name}: page {pfn}\n".encode()
            f.write((line * (PAGE // len(line) + 1))[:PAGE] if pfn % 4 else bytes(PAGE))
    return path


def crash(case, directory, port, *more):
    """The client, crashed and told to wait for requests from this port of 127.0.0.1, where nobody listens now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.bind(("127.0.0.1", port))
        client = subprocess.Popen(
            [SIM, f"--seed={100 + CASES.index(case)}", f"--memory={memory(case, directory)}", f"--bind={case.host}",
             f"--port={PORT}", "--json", *case.sim, *more, f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while True:
            data, source = s.recvfrom(4096)
            if parse(data).code == R_START:
                accepted = 15 if "--extensions=15" in case.sim else 0
                s.sendto(request(0, START_ACK, 5, to=accepted), source)
                return client
