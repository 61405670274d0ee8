"""Run an app's ./exec with or without a terminal, against a fake AWS."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cloud
from terminals import Terminal

from waiting import until

PLUGIN = Path(__file__).parent / "plugin"


@dataclass
class Exec:
    """The ./exec of an app, with a fake AWS."""

    folder: Path
    environ: dict[str, str]
    cloud: cloud.Cloud
    terminals: list[Terminal] = field(default_factory=list)

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal until it ends."""
        return subprocess.run(
            [str(self.folder / "exec"), *arguments],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def begin(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start it without a terminal, in a process group of its own."""
        return subprocess.Popen(
            [str(self.folder / "exec"), *arguments],
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def terminal(self, *arguments: str, **environ: str) -> Terminal:
        """Start it in a terminal."""
        opened = Terminal([str(self.folder / "exec"), *arguments], self.environ | environ)
        self.terminals.append(opened)
        return opened

    def gone(self) -> None:
        """Wait until no task is left."""
        until(lambda: not self.cloud.alive(), what="the end of every task", seconds=60)


def environment(served: dict[str, str]) -> dict[str, str]:
    """This machine's environment with the fake AWS and a stand-in for AWS's plugin."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRTUAL_ENV"))}
    return kept | served | {"PATH": f"{PLUGIN}:{kept['PATH']}", "NO_COLOR": "1"}


@contextmanager
def exec_with_cloud(backend: cloud.TaskBackend, folder: Path) -> Iterator[Exec]:
    """./exec with a fake AWS."""
    aws = cloud.Cloud(backend)
    with cloud.serving(aws) as served:
        exec_ = Exec(folder, environment(served), aws)
        try:
            yield exec_
        finally:
            for terminal in exec_.terminals:
                terminal.leave()
            backend.remove()
