"""The process's TLS context, shared by the database connection and the calls to AWS."""

import os
import ssl
from functools import cache


@cache
def context(ca: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names.

    ca: a file with the certificate authority to trust instead of the system's.

    Where the system keeps its authorities in a directory by hash, OpenSSL loads only the one that it needs from there.
    Loading all of them from a single file took 5 to 20 ms.
    """
    folder = ssl.get_default_verify_paths().capath
    configured = ca or os.environ.get("SSL_CERT_FILE")
    if not configured and folder and any(name.endswith(".0") for name in os.listdir(folder)):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=ca)
