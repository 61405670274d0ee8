"""Uploads: what is signed is what botocore signs, and both storages behave the same."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx2 as httpx
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from kit import aws
from kit.uploads import Bucket, Folder, NotUploaded, bucket, form, storage

BY = aws.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "token/of=the+role")
REGION = "eu-central-1"
PNG = b"\x89PNG\r\n\x1a\n\r\r\n\x00\xff"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": BY.access_key,
        "AWS_SECRET_ACCESS_KEY": BY.secret_key,
        "AWS_SESSION_TOKEN": str(BY.token),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


def botocore_client() -> Any:
    return boto3.Session().client(  # the default session keeps the credentials that another test gave it
        "s3", region_name=REGION, config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    )


@pytest.mark.parametrize(
    ("method", "operation"), [("GET", "get_object"), ("HEAD", "head_object"), ("PUT", "put_object")]
)
def test_a_signed_url_is_the_one_that_botocore_makes(method: str, operation: str) -> None:
    parameters = {"Bucket": "my-app-prod-uploads", "Key": "photos/a_b-1.png"}
    expected = urlsplit(botocore_client().generate_presigned_url(operation, parameters, ExpiresIn=90))
    query = {name: value for name, [value] in parse_qs(expected.query).items()}
    moment = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    address = f"https://{expected.netloc}{expected.path}"
    url = bucket.signed_url(method, address, valid=timedelta(seconds=90), by=BY, region=REGION, moment=moment)
    assert address == f"{Bucket('my-app-prod-uploads').address}/photos/a_b-1.png"
    assert {name: value for name, [value] in parse_qs(urlsplit(url).query).items()} == query


def test_a_form_has_the_fields_and_the_signature_of_botocores() -> None:
    conditions = [["content-length-range", 1, 5], {"Content-Type": "image/png"}]
    expected = botocore_client().generate_presigned_post(
        "my-app-prod-uploads", "incoming/1", {"Content-Type": "image/png"}, conditions, ExpiresIn=600
    )
    fields = expected["fields"]
    moment = datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signed = form.signed(
        "my-app-prod-uploads", "incoming/1", content_type="image/png", max_bytes=5,
        valid=timedelta(minutes=10), by=BY, region=REGION, moment=moment,
    )  # fmt: skip
    differ = {"policy", "x-amz-signature"}
    assert {name: value for name, value in signed.items() if name not in differ} == {
        name: value for name, value in fields.items() if name not in differ
    }
    mine, theirs = (json.loads(base64.b64decode(one["policy"])) for one in (signed, fields))
    assert sorted(map(json.dumps, mine["conditions"])) == sorted(map(json.dumps, theirs["conditions"]))
    form.check(fields, 5, bucket="my-app-prod-uploads", by=BY, moment=moment)  # accepts botocore's signature


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["bucket", "folder"])
def uploads(
    request: pytest.FixtureRequest, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> Bucket | Folder:
    if request.param == "folder":
        return storage("", folder=tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    name = f"uploads-{abs(hash(tmp_path))}"
    client = boto3.client("s3", endpoint_url=s3, region_name=REGION)
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return storage(name)


def send(uploads: Bucket | Folder, fields: dict[str, str], url: str, content: bytes) -> int:
    """Post a form as a browser does."""
    if isinstance(uploads, Bucket):
        return httpx.post(url, data=fields, files={"file": content}, trust_env=False).status_code
    with TestClient(Starlette(routes=[Mount("/uploads", uploads)])) as client:
        return client.post(url, data=fields, files={"file": content}).status_code


def test_a_file_that_was_sent_with_a_form_is_there(uploads: Bucket | Folder) -> None:
    signed = uploads.form("incoming/1", content_type="image/png", max_bytes=100)
    assert not uploads.exists("incoming/1")
    with pytest.raises(NotUploaded, match="incoming/1"):
        uploads.read("incoming/1")
    assert send(uploads, signed.fields, signed.url, PNG) == 204
    assert uploads.exists("incoming/1")
    assert uploads.read("incoming/1") == PNG


def test_a_file_that_the_app_wrote_is_served_with_its_type(uploads: Bucket | Folder) -> None:
    uploads.write("photos/1", PNG, "image/png")
    url = uploads.url("photos/1")
    if isinstance(uploads, Bucket):
        response = httpx.get(url, trust_env=False)
    else:
        with TestClient(Starlette(routes=[Mount("/uploads", uploads)])) as client:
            response = client.get(url)
    assert (response.content, response.headers["content-type"]) == (PNG, "image/png")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a b", "é", ".env", "x" * 501])
def test_a_key_that_a_folder_cannot_have_is_refused_everywhere(uploads: Bucket | Folder, key: str) -> None:
    for call in (uploads.read, uploads.url, uploads.exists):
        with pytest.raises(ValueError, match="Invalid key"):
            call(key)
    with pytest.raises(ValueError, match="Invalid key"):
        uploads.form(key, content_type="image/png", max_bytes=1)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "/uploads")


@pytest.mark.parametrize(("size", "status"), [(0, 400), (1, 204), (5, 204), (6, 400)])
def test_the_folder_refuses_another_size_like_s3(folder: Folder, size: int, status: int) -> None:
    signed = folder.form("incoming/1", content_type="image/png", max_bytes=5)
    assert send(folder, signed.fields, signed.url, b"x" * size) == status
    assert folder.exists("incoming/1") == (status == 204)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "incoming/2"},
        {"Content-Type": "text/html"},
        {"acl": "public-read"},
        {"policy": base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()},
        {"x-amz-signature": "0" * 64},
        {"x-amz-signature": ""},
    ],
)
def test_the_folder_refuses_a_changed_form_like_s3(folder: Folder, change: dict[str, str]) -> None:
    signed = folder.form("incoming/1", content_type="image/png", max_bytes=5)
    assert send(folder, signed.fields | change, signed.url, b"x") == 403
    assert not folder.exists("incoming/1")
    assert not folder.exists("incoming/2")


def test_the_folder_refuses_an_expired_form_like_s3(folder: Folder) -> None:
    signed = folder.form("incoming/1", content_type="image/png", max_bytes=5, valid=timedelta(0))
    assert send(folder, signed.fields, signed.url, b"x") == 403


@pytest.mark.parametrize("path", ["/uploads/nothing", "/uploads/", "/uploads/../x", "/uploads/a%2F..%2Fb"])
def test_the_folder_serves_nothing_else(folder: Folder, path: str) -> None:
    with TestClient(Starlette(routes=[Mount("/uploads", folder)])) as client:
        assert client.get(path).status_code == 404


def test_a_bucket_is_not_served_by_the_app() -> None:
    with TestClient(Starlette(routes=[Mount("/uploads", Bucket("my-app-prod-uploads"))])) as client:
        assert client.post("/uploads/", data={"key": "x"}).status_code == 404


def test_browsers_may_send_to_the_bucket_and_show_its_images_and_nothing_more() -> None:
    from kit.web import POLICY

    origin = "https://my-app-prod-uploads.s3.eu-central-1.amazonaws.com"
    policy = Bucket("my-app-prod-uploads").policy(POLICY).split("; ")
    changed = set(policy) - set(POLICY.split("; "))
    assert changed == {f"connect-src 'self' {origin}", f"img-src 'self' data: {origin}"}
    assert len(policy) == len(POLICY.split("; "))


def test_the_storage_does_without_boto3() -> None:
    import subprocess
    import sys

    code = "import sys, kit.uploads; print(sorted({'boto3', 'botocore', 'urllib.request'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
