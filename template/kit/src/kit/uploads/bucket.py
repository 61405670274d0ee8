"""Uploads in an S3 bucket.

Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from urllib.parse import quote, urlsplit

from starlette.types import Receive, Scope, Send

from kit import aws, tls
from kit.uploads import form
from kit.uploads.keys import NotUploaded, checked


class Bucket:
    """A bucket, with the permissions of this process's role. Its methods wait for S3: use them in sync endpoints and jobs."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def address(self) -> str:
        """The bucket's URL."""
        endpoint = aws.address("s3", aws.region())
        if os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
            return f"{endpoint}/{self.name}"
        return endpoint.replace("://", f"://{self.name}.")

    def form(
        self, key: str, *, content_type: str, max_bytes: int, valid: timedelta = timedelta(minutes=10)
    ) -> form.Form:
        """Return a form with which a browser may upload this one file."""
        fields = form.signed(
            self.name,
            checked(key),
            content_type=content_type,
            max_bytes=max_bytes,
            valid=valid,
            by=aws.credentials(),
            region=aws.region(),
            moment=datetime.now(UTC),
        )
        return form.Form(self.address, fields)

    def url(self, key: str, *, valid: timedelta = timedelta(hours=1)) -> str:
        """Return a URL from which a browser may load a file for the time `valid`, if the role's credentials last so long."""
        return self._signed_url("GET", key, valid)

    def read(self, key: str) -> bytes:
        """Return a file's content; raises `NotUploaded`."""
        return self._request("GET", key).read()

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Store a file."""
        self._request("PUT", key, content, content_type)

    def exists(self, key: str) -> bool:
        """Whether there is a file with this key."""
        try:
            self._request("HEAD", key)
        except NotUploaded:
            return False
        return True

    def policy(self, policy: str) -> str:
        """Return a content security policy that also allows sending files to the bucket, and showing images in it."""
        url = urlsplit(self.address)
        origin = f"{url.scheme}://{url.netloc}"
        parts = [part.strip() for part in policy.split(";") if part.strip()]
        widened = [f"{part} {origin}" if part.startswith(("connect-src ", "img-src ")) else part for part in parts]
        return "; ".join(widened)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404: browsers talk to the bucket itself."""
        from starlette.responses import PlainTextResponse

        await PlainTextResponse("Not Found", 404)(scope, receive, send)

    def _request(self, method: str, key: str, content: bytes | None = None, content_type: str = "") -> HTTPResponse:
        import urllib.error
        import urllib.request

        url = self._signed_url(method, key, timedelta(minutes=1))
        headers = {"Content-Type": content_type} if content_type else {}
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 - our own URL
        context = tls.context() if url.startswith("https:") else None
        try:
            response: HTTPResponse = urllib.request.urlopen(request, timeout=aws.TIMEOUT, context=context)  # noqa: S310
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404 or (error.code == 403 and method != "PUT"):
                    # S3 answers 403 for a missing file to a role that may not list the bucket.
                    raise NotUploaded(
                        f"{self.name} has no file {key}, or this role may not read it (S3 answered {error.code})."
                    ) from None
                raise
        return response

    def _signed_url(self, method: str, key: str, valid: timedelta) -> str:
        return signed_url(
            method,
            f"{self.address}/{checked(key)}",
            valid=valid,
            by=aws.credentials(),
            region=aws.region(),
            moment=datetime.now(UTC),
        )


def signed_url(method: str, url: str, *, valid: timedelta, by: aws.Credentials, region: str, moment: datetime) -> str:
    """Return the URL of an object with a signature in its query."""
    host, path = urlsplit(url).netloc, quote(urlsplit(url).path)
    scope, stamp = f"{moment:%Y%m%d}/{region}/s3/aws4_request", f"{moment:%Y%m%dT%H%M%SZ}"
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{by.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(int(valid.total_seconds())),
        "X-Amz-SignedHeaders": "host",
    }
    if by.token:
        parameters["X-Amz-Security-Token"] = by.token
    query = "&".join(f"{name}={quote(parameters[name], safe='')}" for name in sorted(parameters))
    request = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(aws.signing_key(by.secret_key, scope), text.encode(), "sha256").hex()
    return f"{url}?{query}&X-Amz-Signature={signature}"
