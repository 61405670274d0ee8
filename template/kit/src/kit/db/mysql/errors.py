"""MySQL's errors in sentences.

Source: dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and …/client-error-reference.html
"""

import socket
import ssl

from pymysql.constants import CR

from kit.db.mysql import connection

_ACCESS_DENIED = {1044, 1045, 1130, 1698}
_UNKNOWN_DATABASE = 1049
_NO_SUCH_TABLE = 1146
_NOT_ACCEPTED = {1040, 1129, 1203, 1226, CR.CR_CONN_HOST_ERROR}
"""Too many connections, a host that is blocked after errors, or any other error while connecting."""


def words(error: BaseException) -> str:
    """The server's words, with its error number."""
    if len(error.args) < 2:
        return str(error)
    return f"MySQL error {error.args[0]}: {error.args[1]}"


def is_missing_table(error: BaseException) -> bool:
    """Whether a table does not exist."""
    return error.args[:1] == (_NO_SUCH_TABLE,)


def is_lost(error: Exception) -> bool:
    """Whether the connection broke, rather than the server having answered with an error."""
    return connection.is_lost(error)


def unreachable(error: BaseException, address: str, host: str) -> str | None:
    """Say why no connection could be opened, and what to check; `None` for an error of another kind.

    address: the database's URL without its password. host: the server's name and port.
    """
    start, check = f"The database {address} can't be reached", "Check DATABASE_URL"
    cause, code = error.__cause__ or error.__context__, error.args[0] if error.args else None
    if isinstance(cause, socket.gaierror):
        return f"{start}: there is no host of that name ({cause.strerror}). {check}."
    if isinstance(cause, ConnectionRefusedError):
        return f"{start}: nothing listens at {host}. {check} and that the server runs."
    if isinstance(cause, TimeoutError):
        return f"{start}: {host} does not answer. {check}, that the server runs, and that no firewall is in between."
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"{start}: its certificate is not accepted ({cause.verify_message}). {check}: the host must be one of the "
            "certificate's. For a server with a CA of its own, DATABASE_CA names the CA's file."
        )
    if isinstance(cause, ssl.SSLError) or code == CR.CR_SSL_CONNECTION_ERROR:
        return f"{start} through TLS: {words(error)}. Without TLS it is not used; enable TLS on the server."
    if code in _ACCESS_DENIED:
        return f"The database {address} refuses access: {words(error)}. {check}: its user and password."
    if code == _UNKNOWN_DATABASE:
        return f"The server has no such database: {words(error)}. Create it, or check the name in DATABASE_URL."
    return f"{start}: {words(error)}. {check} and that the server runs." if code in _NOT_ACCEPTED else None
