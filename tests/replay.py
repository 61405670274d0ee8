"""Visits of the wall, as fast as a few connections can make them: a page, its icon, polls, and sometimes a post."""

import asyncio
import itertools
import os
import re
import time
from collections import Counter
from dataclasses import dataclass, field

SECONDS = float(os.environ.get("CDN_REPLAY_SECONDS", "2"))
"""How long to replay; the figures in reports are taken with a minute."""
CONNECTIONS = 8
POLLS = 20
"""Of a visit that lasts a minute, at one each 3 seconds."""
POST_EVERY = 50
"""Visits of a connection, of which one posts."""

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: ([^\r]+)", re.IGNORECASE)


@dataclass
class Replay:
    """What was asked, and how it went."""

    visits: int = 0
    posts: int = 0
    requests: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    unseen: int = 0
    """Authors who did not see their message on the page that they were sent to."""


def run(address: str, icon: str, seconds: float = SECONDS) -> Replay:
    """Visit the wall at this address, whose icon has that URL, and return what came of it."""
    replay = Replay()
    start = time.monotonic()
    asyncio.run(_visit_all(address.removeprefix("http://"), icon, replay, start + seconds))
    replay.seconds = time.monotonic() - start
    return replay


async def _visit_all(host: str, icon: str, replay: Replay, end: float) -> None:
    await asyncio.gather(*(_visitor(host, icon, replay, end, number) for number in range(CONNECTIONS)))


async def _visitor(host: str, icon: str, replay: Replay, end: float, number: int) -> None:
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port), limit=1024 * 1024)

    async def ask(method: str, path: str, body: bytes = b"", etag: bytes = b"") -> tuple[bytes, bytes]:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/x-www-form-urlencoded", "Accept-Encoding: gzip"] if body else []
        head = "\r\n".join(lines).encode() + (b"\r\nIf-None-Match: " + etag if etag else b"")
        writer.write(head + b"\r\n\r\n" + body)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = _LENGTH.search(head)
        content = await reader.readexactly(int(length[1])) if length and status != 304 else b""
        replay.requests += 1
        replay.statuses[status] += 1
        return head, content

    for visit in itertools.count(1):
        if time.monotonic() > end:
            break
        replay.visits += 1
        await ask("GET", "/")
        await ask("GET", icon)
        if visit % POST_EVERY == 0:
            replay.posts += 1
            text = f"message {visit} of {number}"
            head, _ = await ask("POST", "/", f"text={text}".encode())
            _, page = await ask("GET", _LOCATION.search(head)[1].decode())  # type: ignore[index]
            replay.unseen += text.encode() not in page
        known = b""
        for _ in range(POLLS):
            head, _ = await ask("GET", "/messages", etag=known)
            known = found[1] if (found := _ETAG.search(head)) else known
    writer.close()
