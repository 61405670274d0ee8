"""Uploads in a folder, on a laptop and in tests. It accepts and refuses what an S3 bucket would."""

from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from kit import aws
from kit.uploads import form
from kit.uploads.keys import NotUploaded, checked

BUCKET = "laptop"
LAPTOP = aws.Credentials("laptop", "laptop")
"""Signs forms like AWS's credentials do, but keeps nothing secret: a laptop's user could write to the folder anyway."""


class Folder:
    """A folder with the interface of a bucket; as an ASGI app it receives and serves the files."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder, self.path = folder, path

    def form(
        self, key: str, *, content_type: str, max_bytes: int, valid: timedelta = timedelta(minutes=10)
    ) -> form.Form:
        """Return a form with which a browser may upload this one file."""
        fields = form.signed(
            BUCKET,
            checked(key),
            content_type=content_type,
            max_bytes=max_bytes,
            valid=valid,
            by=LAPTOP,
            region=BUCKET,
            moment=datetime.now(UTC),
        )
        return form.Form(f"{self.path}/", fields)

    def url(self, key: str, *, valid: timedelta = timedelta(hours=1)) -> str:
        """Return a URL from which a browser may load a file; on a laptop it does not expire."""
        return f"{self.path}/{checked(key)}"

    def read(self, key: str) -> bytes:
        """Return a file's content; raises `NotUploaded`."""
        try:
            return self._file(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise NotUploaded(f"{self.folder} has no file {key}.") from None

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Store a file."""
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._type_file(key).write_text(content_type, encoding="utf-8")
        file.write_bytes(content)

    def exists(self, key: str) -> bool:
        """Whether there is a file with this key."""
        return self._file(key).is_file()

    def policy(self, policy: str) -> str:
        """Return the content security policy as it is: the folder is part of the app's own site."""
        return policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Receive an upload, or serve a file."""
        request = Request(scope, receive)
        response = await self._receive(request) if request.method == "POST" else self._serve(request)
        await response(scope, receive, send)

    async def _receive(self, request: Request) -> Response:
        async with request.form() as received:
            file: Any = received.get("file")
            content = await file.read() if hasattr(file, "read") else b""
            fields = {name: value for name, value in received.items() if isinstance(value, str)}
        try:
            form.check(fields, len(content), bucket=BUCKET, by=LAPTOP, moment=datetime.now(UTC))
        except form.Refused as refused:
            text = f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
            return Response(text, refused.status, media_type="application/xml")
        self.write(fields["key"], content, fields["Content-Type"])
        return Response(status_code=204)

    def _serve(self, request: Request) -> Response:
        key = request.scope["path"].removeprefix(request.scope.get("root_path", "")).lstrip("/")
        try:
            file, content_type = self._file(key), self._type_file(key).read_text(encoding="utf-8")
        except (ValueError, OSError):
            return Response(status_code=404)
        return FileResponse(file, media_type=content_type)

    def _file(self, key: str) -> Path:
        return self.folder / checked(key)

    def _type_file(self, key: str) -> Path:
        return self.folder / f"{checked(key)}.content-type"
