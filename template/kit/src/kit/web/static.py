"""Static files with URLs that change with their content, so that browsers and CDNs keep each for a year.

static = StaticFiles(Path(__file__).parent / "static")
pages.env.globals["static"] = static.url

routes=[…, Mount("/static", static)]

<link rel="stylesheet" href="{{ static("app.css") }}">
"""

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs, quote

from starlette import staticfiles
from starlette.responses import Response
from starlette.types import Scope

from kit import settings

__all__ = ["MAX_BYTES", "StaticFiles"]

MAX_BYTES = 4_500_000
"""The largest file, in bytes. Lambda's responses have at most 6 MB, of which base64 takes a quarter.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
"""For a URL that `StaticFiles.url` did not make: its content may change."""


class StaticFiles(staticfiles.StaticFiles):
    """Serves a folder's files; put it at `prefix` with `Mount`.

    folder: the files, which anybody may read.
    prefix: the path where the app mounts this.
    """

    def __init__(self, folder: Path, prefix: str = "/static") -> None:
        super().__init__(directory=folder)
        self.folder = folder
        self.prefix = prefix
        self._digests: dict[tuple[str, int, int], str] = {}
        self._known_url = lru_cache(self._url)

    def url(self, path: str) -> str:
        """Return the URL of a file, with a digest of its content: `/static/app.css?v=1f8a0c3d5e7b`.

        Raises `FileNotFoundError` if there is no such file, and `ValueError` if it has more than `MAX_BYTES`.
        """
        return self._known_url(path) if settings.on_lambda() else self._url(path)  # on Lambda, files never change

    def _url(self, path: str) -> str:
        full_path, stat = self.lookup_path(os.path.normpath(path))
        if stat is None or not Path(full_path).is_file():
            raise FileNotFoundError(f"There is no file {path!r} in {self.folder}.")
        _check_size(path, stat)
        return f"{self.prefix}/{quote(path)}?v={self._digest(full_path, stat)}"

    def file_response(
        self, full_path: staticfiles.PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return Starlette's response with `Cache-Control`."""
        _check_size(scope["path"], stat_result)
        response = super().file_response(full_path, stat_result, scope, status_code)
        version = parse_qs(scope["query_string"].decode("latin-1")).get("v")
        current = version == [self._digest(str(full_path), stat_result)]
        response.headers["cache-control"] = FOREVER if current else REVALIDATE
        return response

    def _digest(self, full_path: str, stat: os.stat_result) -> str:
        key = (full_path, stat.st_mtime_ns, stat.st_size)
        if key not in self._digests:
            self._digests[key] = hashlib.sha256(Path(full_path).read_bytes()).hexdigest()[:12]
        return self._digests[key]


def _check_size(path: str, stat: os.stat_result) -> None:
    if stat.st_size > MAX_BYTES:
        raise ValueError(
            f"The static file {path} has {stat.st_size:,} bytes, and Lambda can't send more than {MAX_BYTES:,}. "
            "Make it smaller, or serve it from an S3 bucket."
        )
