"""Which MySQL driver: each in an environment of its own, on the same server, through verified TLS.

    uv run python bench/drivers.py

Measures for each: a new process to its first row, a warm query of 21 rows, the memory of the process, and what it
adds to the image. PyMySQL is the one that the others are compared with.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import mysql

DRIVERS = {
    "pymysql": ["pymysql"],
    "mysqlconnector": ["mysql-connector-python"],
    "asyncmy": ["asyncmy", "greenlet"],
}

ROUNDS = 7

PROBE = """
import json, ssl, sys, time
begun = time.perf_counter()
driver, url, ca = sys.argv[1:4]
from sqlalchemy import create_engine, text
query = "SELECT id, text, posted_at FROM probe ORDER BY id DESC LIMIT 21"
def memory():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))) / 1024
def warm(ask):
    taken = []
    for _ in range(300):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[150]
if driver == "asyncmy":
    import asyncio
    from sqlalchemy.ext.asyncio import create_async_engine
    async def main():
        engine = create_async_engine(url.replace("mysql:", "mysql+asyncmy:"), connect_args={"ssl": ssl.create_default_context(cafile=ca)})
        async with engine.connect() as opened:
            assert len((await opened.execute(text(query))).all()) == 21
            first = time.perf_counter() - begun
            taken = []
            for _ in range(300):
                started = time.perf_counter()
                (await opened.execute(text(query))).all()
                taken.append(time.perf_counter() - started)
        await engine.dispose()
        return first, sorted(taken)[150]
    first, each = asyncio.run(main())
else:
    arguments = {"ssl": ssl.create_default_context(cafile=ca)}
    if driver == "mysqlconnector":
        arguments = {"ssl_ca": ca, "ssl_verify_cert": True, "ssl_verify_identity": True}
    engine = create_engine(url.replace("mysql:", f"mysql+{driver}:"), connect_args=arguments)
    with engine.connect() as opened:
        assert len(opened.execute(text(query)).all()) == 21
        first = time.perf_counter() - begun
        each = warm(lambda: opened.execute(text(query)).all())
print(json.dumps([first * 1000, each * 1000, memory()]))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with mysql.server(home) as server:
            fill(server)
            pythons = {driver: install(home / driver, packages) for driver, packages in DRIVERS.items()}
            measured: dict[str, list[list[float]]] = {driver: [] for driver in DRIVERS}
            for _ in range(ROUNDS):  # in turns, so that what else the machine does falls on all alike
                for driver, python in pythons.items():
                    measured[driver].append(probe(python, driver, server.url(), server.ca))
            tell({driver: [statistics.median(column) for column in zip(*rows, strict=True)] for driver, rows in measured.items()},
                 {driver: size(home / driver) for driver in DRIVERS})  # fmt: skip


def fill(server: mysql.Server) -> None:
    with server.admin() as admin, admin.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE probe (id BIGINT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(280), posted_at DATETIME(6))"
        )
        cursor.executemany("INSERT INTO probe (text, posted_at) VALUES (%s, NOW(6))", [("x" * 100,)] * 30)


def install(folder: Path, packages: list[str]) -> Path:
    subprocess.run(["uv", "venv", "--quiet", folder], check=True)
    python = folder / "bin" / "python"
    environ = os.environ | {"UV_COMPILE_BYTECODE": "1"}
    command = ["uv", "pip", "install", "--quiet", "--python", python, "sqlalchemy>=2.1", *packages]
    subprocess.run(command, check=True, env=environ)
    return python


def probe(python: Path, driver: str, url: str, ca: str) -> list[float]:
    done = subprocess.run([python, "-c", PROBE, driver, url, ca], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{driver}: {done.stderr[-2000:]}")
    timings: list[float] = json.loads(done.stdout)
    return timings


def size(folder: Path) -> float:
    """MB of the installed packages but SQLAlchemy and what it needs."""
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    own = [
        one
        for one in packages.iterdir()
        if one.is_dir() and one.name.split("-")[0] not in {"sqlalchemy", "typing_extensions"}
    ]
    return sum(file.stat().st_size for one in own for file in one.rglob("*") if file.is_file()) / 1e6


def tell(measured: dict[str, list[float]], sizes: dict[str, float]) -> None:
    print(f"{'driver':<16}{'first row':>18}{'warm query':>20}{'memory':>16}{'size':>10}")
    base = measured["pymysql"]
    for driver, (first, warm, memory) in measured.items():
        print(
            f"{driver:<16}{first:9.0f} ms {first / base[0]:4.2f}×{warm:11.3f} ms {warm / base[1]:4.2f}×"
            f"{memory:7.0f} MB {memory / base[2]:4.2f}×{sizes[driver]:7.1f} MB"
        )


if __name__ == "__main__":
    main()
