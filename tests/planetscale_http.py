"""The simulated PlanetScale over HTTP, and a stand-in for its command line."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from planetscale_model import TOKEN
from planetscale_server import PlanetScale


def pscale(folder: Path, base: str) -> Path:
    """Write a program that stands in for PlanetScale's command line, which has a login; give its path."""
    program = folder / "pscale"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, urllib.error, urllib.parse, urllib.request\n"
        "assert sys.argv[1:3] == ['api', '--method']\n"
        "method, path, rest = sys.argv[3], sys.argv[4], sys.argv[5:]\n"
        "pairs = [value.split('=', 1) for flag, value in zip(rest, rest[1:]) if flag == '--query']\n"
        "query = urllib.parse.urlencode(dict(pairs))\n"
        "data = sys.stdin.buffer.read() if '--input' in rest else None\n"
        f"url = '{base}/' + urllib.parse.quote(path) + ('?' + query if query else '')\n"
        f"request = urllib.request.Request(url, data, {{'authorization': '{TOKEN}'}}, method=method)\n"
        "try:\n"
        "    print(urllib.request.urlopen(request).read().decode())\n"
        "except urllib.error.HTTPError as error:\n"
        "    print(error.read().decode())\n"
        "    sys.exit(f'Error: HTTP {error.code} {error.reason}')\n"
    )
    program.chmod(0o755)
    return program


@contextmanager
def serve(planetscale: PlanetScale) -> Iterator[str]:
    """Serve it on a loopback port; gives the base of its addresses."""

    clock = [time.monotonic()]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            unauthorized = {"code": "unauthorized", "message": "Unauthorized"}
            status, response, headers, short = 401, unauthorized, {}, False
            if self.headers["authorization"] == TOKEN:
                now = time.monotonic()
                planetscale.advance(now - clock.pop())  # for a client that sleeps by its own clock
                clock.append(now)
                status, response, headers, short = planetscale.handle(self.command, self.path, body)
            if status == 0:
                return  # the connection is closed without an response
            data = json.dumps(response).encode() if response is not None else b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:-5] if short else data)

        do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
