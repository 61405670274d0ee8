"""The health check of a stage's own domain, which may have no DNS record yet."""

import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme

from kit.errors import UsageError
from kit.ops import health_check

DOMAIN = "wall.example.invalid"


class Api:
    """A server with a certificate, which answers with a status and keeps the hosts that it was asked for."""

    def __init__(self, server: HTTPServer) -> None:
        self.server, self.status, self.hosts = server, 200, list[str]()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(health_check, "TIMEOUT", 0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.hosts.append(self.headers["Host"] + self.path)
            self.send_response(api.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(DOMAIN).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    api = Api(server)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_domain_without_a_dns_record_is_asked_at_its_target(api: Api) -> None:
    health_check.check_address(f"https://{DOMAIN}", api.target)
    assert api.hosts == [f"{DOMAIN}/health"]
    assert not health_check.is_public(f"https://{DOMAIN}")


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_only_a_200_is_healthy(api: Api, status: int) -> None:
    api.status = status
    with pytest.raises(UsageError, match=f"{DOMAIN}/health is not healthy after 0 s: {status}"):
        health_check.check_address(f"https://{DOMAIN}", api.target)


def test_the_certificate_must_be_the_domains(api: Api) -> None:
    with pytest.raises(UsageError, match="certificate verify failed"):
        health_check.check_address("https://other.example.invalid", api.target)
    assert api.hosts == []


def test_a_target_that_does_not_exist_is_reported(api: Api) -> None:
    with pytest.raises(UsageError, match=rf"https://{DOMAIN}/health is not healthy"):
        health_check.check_address(f"https://{DOMAIN}", "target.example.invalid")
