"""How many environments can hold a connection to one MySQL at once, and what that costs.

    uv run python bench/connections.py [200]

Starts a MySQL server in Docker, then that many processes, each as a Lambda environment runs (its own interpreter, the
kit's engine, one connection through verified TLS). All hold their connection until the last one has read and written.
Prints time and memory; fails when one is refused, or has more than one connection. Loopback only, bounded to 400.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import mysql

AT_ONCE = 4
"""Processes that start at the same time: the machine's cores are what is short, not the server's connections."""

ENVIRONMENT = """
import sys, time
begun = time.perf_counter()
from sqlalchemy import text
from kit import database
with database.session() as session:
    session.execute(text("INSERT INTO seen VALUES (:number)"), {"number": int(sys.argv[1])})
with database.reading() as session:
    own = session.execute(text("SELECT count(*) FROM seen WHERE number = :number"), {"number": int(sys.argv[1])})
    assert own.scalar() == 1
memory = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(time.perf_counter() - begun, memory, flush=True)
sys.stdin.read()
with database.reading() as session:
    assert session.execute(text("SELECT 1")).scalar() == 1
print("still there", flush=True)
"""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that the server is removed then too
    count = min(int(sys.argv[1]) if len(sys.argv) > 1 else 200, 400)
    with tempfile.TemporaryDirectory() as folder, mysql.server(Path(folder)) as server:
        measure(server, count)


def measure(server: mysql.Server, count: int) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("CREATE TABLE seen (number INT NOT NULL PRIMARY KEY)")
    environ = os.environ | {
        "PYTHONPATH": str(ROOT / "template"),
        "DATABASE_URL": server.url(),
        "DATABASE_CA": server.ca,
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
    }
    running: list[subprocess.Popen[str]] = []
    starts, memories = [], []
    begun = time.perf_counter()
    try:
        for first in range(0, count, AT_ONCE):
            batch = [start(number, environ) for number in range(first, min(first + AT_ONCE, count))]
            running += batch
            for one in batch:
                assert one.stdout
                words = one.stdout.readline().split()
                if len(words) != 2:
                    sys.exit("an environment was refused")
                starts.append(float(words[0]))
                memories.append(int(words[1]) / 1024)
        took = time.perf_counter() - begun
        held, per_environment = connections(server)
        for one in running:
            assert one.stdin
            one.stdin.close()
        alive = sum(one.wait(timeout=120) == 0 for one in running)
    finally:
        for one in running:
            if one.poll() is None:
                one.kill()
    print(f"environments            {count}, {AT_ONCE} starting at a time")
    print(f"connected at once       {held} of {count}, refused 0, connections of each {per_environment}")
    print(f"read again at the end   {alive} of {count}")
    print(f"time for all            {took:.1f} s")
    print(f"import to first row     median {statistics.median(starts):.2f} s, slowest {max(starts):.2f} s")
    print(f"memory of one           median {statistics.median(memories):.0f} MB, all {sum(memories) / 1024:.1f} GB")
    if held != count or alive != count:
        sys.exit(1)


def start(number: int, environ: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ENVIRONMENT, str(number)]
    return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def connections(server: mysql.Server) -> tuple[int, float]:
    """Connections that the server counts beside our own, and how many each environment made since the start."""
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.processlist WHERE user = 'app'")
        held = int(cursor.fetchall()[0][0])
        cursor.execute("SELECT count(*) FROM seen")
        environments = int(cursor.fetchall()[0][0])
    return held, held / environments


if __name__ == "__main__":
    main()
