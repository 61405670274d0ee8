"""A MySQL or MariaDB server that is installed on the machine, for a machine without Docker."""

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import parts
import waiting


class Process:
    """A server that runs, on a loopback port of its own; it has what the tests ask of a container."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.command = command
        self.log = log
        self.start()

    def start(self) -> None:
        self.number = waiting.free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.command, f"--port={self.number}"], stdout=log, stderr=log)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def port(self, _inside: int) -> int:
        return self.number

    def restart(self) -> None:
        self.end()
        self.start()

    def alive(self) -> bool:
        return self.process.poll() is None

    def logs(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(folder: Path, tls: bool, root_password: str, options: Sequence[str]) -> Iterator[tuple[Process, str]]:
    """Run one with its data in a folder that is removed at the end; gives it, and no network."""
    with tempfile.TemporaryDirectory() as data:
        user = getpass.getuser()
        if program := shutil.which("mariadbd"):
            install = [
                "mariadb-install-db",
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-name-resolve",
            ]
            without_tls = "--skip-ssl"
        else:
            program = parts.program("mysqld")
            install = [program, "--no-defaults", "--initialize-insecure"]
            without_tls = "--tls-version="
        subprocess.run([*install, f"--datadir={data}/mysql", f"--user={user}"], check=True, capture_output=True)
        Path(data, "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS app;\n"
            "CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'p@ss:word';\n"
            "GRANT ALL ON app.* TO 'app'@'%';\n"
            f"CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '{root_password}';\n"
            f"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{root_password}';\n"  # MariaDB's has none
            "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        command = [program, "--no-defaults", f"--datadir={data}/mysql", f"--user={user}", "--bind-address=127.0.0.1"]
        command += [f"--socket={data}/mysql.sock", f"--init-file={data}/init.sql", "--max-connections=400"]
        command += ["--skip-log-bin", "--skip-name-resolve", *options]
        command += [f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem"] if tls else [without_tls]
        process = Process(command, Path(data, "log"))
        try:
            yield process, ""
        finally:
            process.end()
