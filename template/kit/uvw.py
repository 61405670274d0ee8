"""Runs uv: the one on the PATH, or else the pinned version below, downloaded once into the user's cache.

Needs Python 3.7 or later and nothing else: not pip, not venv. uv brings the Python that the project needs. Call it as you
would call uv: `./uvw sync`.

The download comes from the index that UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL names, with its credentials, and
goes through the proxies in the environment. Nothing that is printed has credentials in it: of an index only the host is.
"""

import hashlib
import html
import io
import os
import platform
import re
import shutil
import ssl
import sys
import urllib.request
import zipfile
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

VERSION = "0.13.9"
SHA256 = {
    "macosx_10_12_x86_64": "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    "macosx_11_0_arm64": "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64": "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    "manylinux_2_17_armv7l.manylinux2014_armv7l.musllinux_1_1_armv7l": "7ec1e1dd9b6cb335c301afdf877989df384227313981850755a59561f75e4ab8",
    "manylinux_2_17_x86_64.manylinux2014_x86_64": "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "musllinux_1_1_x86_64": "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
}

INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""The variables that can name the index; the first that is set counts. uv itself does not know the last one."""
CA_BUNDLES = ("/etc/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""The system's certificates, for a Python that was installed without any, as python.org's is on macOS."""
WINDOWS = """This project needs Linux or macOS. On Windows, use WSL2: type `wsl --install` in PowerShell and restart; then open \
Ubuntu and clone the project into its own home folder, not below /mnt/c."""


def main() -> None:
    """Run uv with this command's arguments."""
    if os.name == "nt":
        sys.exit(WINDOWS)
    index = check_indexes()
    check_cache()
    uv = shutil.which("uv") or os.path.join(cache_folder(), "uvw", VERSION, "uv")
    if not os.path.isfile(uv):
        download(index, uv)
    if index.variable == "PIP_INDEX_URL":
        os.environ["UV_DEFAULT_INDEX"] = os.environ["PIP_INDEX_URL"]
    if "UV_NATIVE_TLS" not in os.environ:  # trust the system's certificates, a company's own CA included
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")
        os.environ["UV_NATIVE_TLS"] = os.environ["UV_SYSTEM_CERTS"]  # its name before uv 0.10
    os.execv(uv, [uv, *sys.argv[1:]])  # noqa: S606


class Index:
    """The address of an index, as a variable gives it: `https://user:password@host/simple`, or `name=` before that."""

    def __init__(self, variable: str, value: str) -> None:
        name, url = re.match(r"(?:([\w.-]+)=)?(.*)", value, re.DOTALL).groups()
        try:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
            self.host = parts.hostname or variable
            _ = parts.port  # raises ValueError when it is no number, as after a password with a slash in it
        except ValueError:
            sys.exit(
                f"{variable} is not a valid address. Write it as https://user:password@host/simple; in the password, write "
                "%2F for /, %40 for @, %23 for # and %3F for ?"
            )
        if not is_secure(url):
            sys.exit(
                f"{variable} is a plain HTTP address, where anyone on the way can replace packages, uv itself among them. "
                "Use one that begins with https://"
            )
        key = re.sub(r"[^A-Z0-9]", "_", (name or "").upper())  # https://docs.astral.sh/uv/concepts/indexes/
        user = os.environ.get(f"UV_INDEX_{key}_USERNAME") or unquote(parts.username or "")
        password = os.environ.get(f"UV_INDEX_{key}_PASSWORD") or unquote(parts.password or "")
        self.variable = variable
        self.root = f"{parts.scheme}://{host}/"
        self.url = parts._replace(netloc=host).geturl().rstrip("/")
        self.credentials = (user, password) if user or password else None


def is_secure(url: str) -> bool:
    """Whether nobody on the way can change what an address answers: it is HTTPS, a file, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme != "http" or bool(re.fullmatch(r"localhost|127(\.\d+){3}|::1", parts.hostname or ""))


class SecureOnly(urllib.request.BaseHandler):
    """Refuses plain HTTP, wherever a link or a redirect leads."""

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Return the request, or raise OSError; called for each request, redirects included."""
        if not is_secure(request.full_url):
            raise OSError("the index leads to a plain HTTP address, which is not safe")
        return request


def check_indexes() -> Index:
    """Return the index to use; exit when an address is not HTTPS, or invalid, so that uv would print it with its password.

    What uv itself would use is checked too, because uvw passes the environment on.
    """
    for variable in ("UV_INDEX", "UV_EXTRA_INDEX_URL"):
        for value in os.environ.get(variable, "").split():
            Index(variable, value)
    indexes = [Index(variable, os.environ[variable]) for variable in INDEXES if os.environ.get(variable)]
    return indexes[0] if indexes else Index("the index", "https://pypi.org/simple")


def cache_folder() -> str:
    """Return the folder for this user's caches; exit when there is none."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):  # which the XDG Base Directory Specification says to ignore
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(folder):
        sys.exit(
            "This user has no home folder. Set HOME, or XDG_CACHE_HOME and XDG_DATA_HOME, to folders for uv's files."
        )
    return folder


def check_cache() -> None:
    """Exit when uv cannot write its cache; its own message would not say which variables to set."""
    if os.environ.get("UV_NO_CACHE") or {"--no-cache", "-n"} & set(sys.argv):
        return
    folder = existing = os.path.abspath(os.environ.get("UV_CACHE_DIR") or os.path.join(cache_folder(), "uv"))
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    if not os.access(existing, os.W_OK | os.X_OK):
        sys.exit(unwritable(folder))


def unwritable(folder: str) -> str:
    """Return what to do when a folder of uv's cannot be written."""
    return (
        f"{folder} cannot be written, and uv keeps its files there. Use folders that can be, for example:\n"
        "export XDG_CACHE_HOME=/tmp/cache XDG_DATA_HOME=/tmp/data"
    )


def download(index: Index, target: str) -> None:
    """Extract uv from the pinned wheel for this machine; exit unless its SHA-256 is the one above."""
    print(f"Downloading uv {VERSION} into {os.path.dirname(target)} (once) …", file=sys.stderr, flush=True)
    try:
        program = verified_program(index)
    except (OSError, HTTPException, ValueError) as error:
        sys.exit(
            f"uv is not installed, and uv {VERSION} could not be downloaded from {index.host}: {reason(error)}.\n"
            "Install it: https://docs.astral.sh/uv"
        )
    partial = f"{target}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(partial, "wb") as file:
            file.write(program)
        os.chmod(partial, 0o755)  # noqa: S103
        os.replace(partial, target)  # atomic, so two downloads at the same time do no harm
    except OSError as error:
        sys.exit(f"{unwritable(os.path.dirname(target))} ({error.strerror})")


def reason(error: Exception) -> str:
    """Describe an error in words that have no address in them, because addresses can have passwords."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return reason(error.reason)
    if isinstance(error, ssl.SSLError):
        return f"{getattr(error, 'verify_message', error.reason)}; SSL_CERT_FILE names the certificates of a company's own CA"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, ValueError) or type(error).__name__ == "InvalidURL":
        return "the address of the index or of a proxy is not valid"
    return type(error).__name__


def verified_program(index: Index) -> bytes:
    """Return uv from the pinned wheel; raise OSError unless the wheel's SHA-256 is the pinned one."""
    tag = platform_tag()
    wheel = f"uv-{VERSION}-py3-none-{tag}.whl"
    opener = index_opener(index)
    page, text = index_page(index, opener)
    # An address in an HTML page, which every index has: https://peps.python.org/pep-0503/
    link = re.search(rf"""href\s*=\s*["']((?:[^"']*/)?{re.escape(wheel)}(?:[?#][^"']*)?)["']""", text, re.IGNORECASE)
    if not link:
        raise OSError(f"the index has no {wheel}")
    with opener.open(urldefrag(urljoin(page, html.unescape(link[1]))).url, timeout=60) as response:
        content = response.read()
    if hashlib.sha256(content).hexdigest() != SHA256[tag]:
        raise OSError(f"{wheel} does not match the SHA-256 in {os.path.basename(__file__)}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(f"uv-{VERSION}.data/scripts/uv")


def index_opener(index: Index) -> urllib.request.OpenerDirector:
    """Return what opens addresses: TLS is required and verified, proxies come from the environment, and only the index's own host gets
    its credentials."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath:
        for bundle in filter(os.path.isfile, CA_BUNDLES):
            context.load_verify_locations(bundle)
    handlers = [urllib.request.HTTPSHandler(context=context), SecureOnly()]
    if index.credentials:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, index.root, *index.credentials, is_authenticated=True)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    return urllib.request.build_opener(*handlers)


def index_page(index: Index, opener: urllib.request.OpenerDirector) -> tuple:
    """Return the address and the text of the index's page about uv."""
    request = urllib.request.Request(f"{index.url}/uv/", headers={"Accept": "text/html"})  # noqa: S310
    with opener.open(request, timeout=60) as response:
        return response.geturl(), response.read().decode()


def platform_tag() -> str:
    """Return the tag of the wheel for this machine; raise OSError when none is pinned."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin":
        system, suffix = "macosx", "arm64" if machine == "aarch64" else machine
    else:
        system, suffix = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux", machine
    for tag in SHA256:
        if system in tag and tag.endswith(suffix):
            return tag
    raise OSError(f"no wheel is pinned for {sys.platform} on {machine}")


if __name__ == "__main__":
    main()
