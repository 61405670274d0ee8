"""nginx as a CDN: it keeps what `Cache-Control` allows, by the key of the CDN's cache policy, and nothing else."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import parts
import waiting

SECRET = "of the origin"

# As CloudFront does it: Set-Cookie and Vary decide nothing, equal requests at the same moment are one, what is stale is
# sent while it is fetched again, and errors are not kept.
_CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=cdn:8m inactive=1y use_temp_path=off;
  map $http_accept_encoding $encoding {{ default ""; ~gzip gzip; }}
  map $http_cookie $session {{ default ""; "~(?:^|;) ?((?:__Host-)?session=[^;]*)" $1; }}
  upstream origin {{ server {origin}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    keepalive_requests 1000000;
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host {host};
      proxy_set_header Accept-Encoding $encoding;
      proxy_set_header X-Origin-Secret "{secret}";
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header CloudFront-Viewer-Address $remote_addr:$remote_port;
      proxy_set_header CloudFront-Forwarded-Proto http;
      proxy_cache cdn;
      proxy_cache_key "$request_uri $encoding $session";
      proxy_cache_lock on;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_ignore_headers Set-Cookie Vary;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""


@contextmanager
def running(origin: str, *, host: str = "$http_host") -> Iterator[str]:
    """Run the proxy in front of a server, and give its address.

    host: the `Host` that the server gets, by default the client's.
    """
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        parts.missing("nginx", "there is no such program; on Debian: apt-get install nginx-light")
    port = waiting.free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the workers of a root's nginx have another user
        config = folder / "nginx.conf"
        origin = origin.removeprefix("http://")
        config.write_text(_CONFIG.format(folder=folder, origin=origin, port=port, host=host, secret=SECRET))
        process = subprocess.Popen([nginx, "-c", config, "-p", folder, "-e", "stderr"])
        try:
            waiting.until(lambda: process.poll() is not None or waiting.listens(port), what="nginx")
            assert process.poll() is None, "nginx has ended"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
