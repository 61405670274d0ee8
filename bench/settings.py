"""`make bench-settings`: what an app's own settings and secrets add to its cold start.

The generated app is started in AWS's runtime emulator as it is, and with 20 settings and 5 secrets, in turns. Both read
their database's URL from a stand-in of SSM that answers after `DELAY`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import containers
import waiting
from bench import contender, database, environment, rounds
from bench.contender import OURS
from rendering import render

DELAY = 0.03
"""Seconds that SSM takes in its own region, about."""
SETTINGS, SECRETS = 20, 5
MOST = 1.05
"""What the ratio of both should be at most."""

Start = tuple[float, float]
"""Milliseconds until the end of the first response, and of processor time until then."""

STAGE = "bench"
PARAMETER = f"/my-app/{STAGE}"

_SSM = """
import json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VALUES = json.loads(os.environ["VALUES"])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        names = json.loads(self.rfile.read(int(self.headers["content-length"])))["Names"]
        time.sleep(float(os.environ["DELAY"]))
        body = json.dumps({
            "Parameters": [{"Name": name, "Value": VALUES[name]} for name in names if name in VALUES],
            "InvalidParameters": [name for name in names if name not in VALUES],
        }).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        print(self.headers["x-amz-target"], flush=True)

print("ready", flush=True)
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""


def main() -> None:
    """Measure and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.settings", description=__doc__)
    parser.add_argument("--starts", type=int, default=31, help="of each (default: 31)")
    starts: int = parser.parse_args().starts
    if not containers.engine_answers():
        raise SystemExit("The cold starts are those of the app's real image, and no Docker engine answers. Start it.")
    with suppress(OSError):
        os.nice(-20)
    with tempfile.TemporaryDirectory() as folder:
        cold = _measure(Path(folder), starts)
    print(
        f"Cold start until the end of the first response, and its processor time, ms: medians of {starts} (quartiles)"
    )
    for name, measured in cold.items():
        (wall, low, high), (processor, less, more) = (rounds.spread(values) for values in zip(*measured, strict=True))
        print(f"  {name:<38} {wall:6.1f} ({low:.1f} to {high:.1f})  {processor:6.1f} ({less:.1f} to {more:.1f})")
    without, with_own, from_environment = cold.values()
    ratio, processor = _ratio(with_own, without)
    print(f"{SETTINGS} settings and {SECRETS} secrets ÷ none: {ratio:.3f} (at most {MOST}), processor {processor:.3f}")
    ratio, processor = _ratio(with_own, from_environment)
    print(f"Read from SSM in {DELAY * 1000:.0f} ms ÷ from the environment: {ratio:.3f}, processor {processor:.3f}")


def _ratio(one: list[Start], other: list[Start]) -> list[float]:
    """Compare each start with the one beside it, while which the machine was as busy; the median of each figure."""
    pairs = zip(zip(*one, strict=True), zip(*other, strict=True), strict=True)
    return [statistics.median(left / right for left, right in zip(*pair, strict=True)) for pair in pairs]


def _measure(folder: Path, starts: int) -> dict[str, list[Start]]:
    images = {number: _build(folder / f"{number}" / "my-app", number) for number in (0, 1)}
    folder.joinpath("mysql").mkdir()
    with database.running(folder / "mysql", images[0], contender.base()) as server:
        url = server.server.url_on_network()
        secrets = {f"OWN_SECRET_{number}": f"value {number}" for number in range(SECRETS)}
        values = {f"{PARAMETER}/database-url": url, f"{PARAMETER}/secrets": json.dumps(secrets)}
        with _ssm(server.server.network, values) as ssm:
            stored = _options(
                DATABASE_URL="",
                APP_STAGE=STAGE,
                DATABASE_URL_SECRET=f"{PARAMETER}/database-url",
                APP_SECRETS=f"{PARAMETER}/secrets",
                AWS_ENDPOINT_URL_SSM="http://ssm:8000",
            )
            variants = {
                "no settings of its own": (images[0], [*server.options, *stored]),
                f"{SETTINGS} settings and {SECRETS} secrets": (images[1], [*server.options, *stored]),
                "the same, all from the environment": (
                    images[1],
                    [*server.options, *_options(APP_STAGE=STAGE, **secrets)],
                ),
            }
            cold = _starts(variants, starts)
            calls = ssm.logs().count("GetParameters")
    if calls != 2 * starts:
        raise SystemExit(f"{2 * starts} starts made {calls} calls of SSM, not one each.")
    return cold


def _starts(variants: dict[str, tuple[str, list[str]]], starts: int) -> dict[str, list[Start]]:
    cold: dict[str, list[Start]] = {name: [] for name in variants}
    for number in range(starts):
        print(f"\rround {number + 1} of {starts} ", end="", file=sys.stderr, flush=True)
        in_turn = list(variants.items())
        for name, (image, options) in in_turn[:: 1 if number % 2 else -1]:
            with environment.started(image, core=max(os.sched_getaffinity(0)), options=options) as started:
                before = started.processor()
                first = started.invoke(environment.PAGE)
                rounds.check(OURS, first.said)
                cold[name].append((first.took, started.processor() - before))
    print(file=sys.stderr)
    return cold


def _build(folder: Path, with_own: int) -> str:
    """Build the generated app's image, with settings and secrets of its own or without."""
    render(folder)
    if with_own:
        lines = [
            f'    own_setting_{number}: {"int" if number % 2 else "str"} = setting("one")' for number in range(SETTINGS)
        ]
        lines += [f'    own_secret_{number}: str = secret("one")' for number in range(SECRETS)]
        folder.joinpath("app/settings.py").write_text(
            "from kit.settings import BaseSettings, secret, setting\n\n\n"
            'class Settings(BaseSettings):\n    """Many."""\n\n' + "\n".join(lines) + "\n\n\nsettings = Settings()\n"
        )
        stage = folder / f"app/stages/{STAGE}.env"
        stage.parent.mkdir(exist_ok=True)
        stage.write_text("".join(f"OWN_SETTING_{number}={number}\n" for number in range(SETTINGS)))
    tag = f"spikeproof-bench-settings-{with_own}"
    contender.run(["make", "image", f"IMAGE={tag}"], folder)
    return tag


@contextmanager
def _ssm(network: str, values: dict[str, str]) -> Iterator[containers.Container]:
    """Run the stand-in of SSM on a network, by the name `ssm`."""
    options = ["--network", network, "--network-alias", "ssm", "--entrypoint", "python"]
    options += _options(VALUES=json.dumps(values), DELAY=str(DELAY))
    with containers.running(contender.base(), ["-c", _SSM], options=options) as container:
        waiting.until(lambda: "ready" in container.logs(), what="the stand-in of SSM")
        environment.before_all_else(container)
        yield container


def _options(**variables: str) -> list[str]:
    return [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]


if __name__ == "__main__":
    main()
