"""Results of MySQL, read as PyMySQL reads them but in one go: that was most of what a small query took.

PyMySQL takes each packet, one for every column and every row, out of the socket's buffer by itself, and makes an object
of it. Here the packets that have arrived are read where they lie, and columns that look as they did before need not be
read again. Whatever is not plain (an error, a packet that has arrived in part) is left to PyMySQL.
Source: dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
"""

from collections.abc import Iterable
from typing import Any

from pymysql.connections import MySQLResult

KEPT = 100
"""Results whose columns a connection remembers."""

_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""Bytes of a length that does not fit into the first one."""
_END_OR_ERROR = 0xFE


class Result(MySQLResult):
    """One result of a `kit.db.mysql.MySQLConnection`, in whose `columns` it remembers its own."""

    connection: Any
    fields: Any
    converters: Any

    def _get_descriptions(self) -> None:
        connection, packets = self.connection, self.field_count + 1  # a packet for each column, and an end
        arrived, at, number = _arrived(connection), 0, connection._next_seq_id
        for _ in range(packets):
            if not (end := _end_of_packet(arrived, at, number)):
                return super()._get_descriptions()  # type: ignore[misc,no-any-return]
            at, number = end, (number + 1) % 256
        told = arrived[:at]
        if (known := connection.columns.get(told)) is None:
            super()._get_descriptions()  # type: ignore[misc]
            if len(connection.columns) < KEPT:
                connection.columns[told] = self.fields, self.converters, self.description
        else:
            self.fields, self.converters, self.description = known
            connection._rfile.read(at)
            connection._next_seq_id = number

    def _read_rowdata_packet(self) -> None:
        connection, rows = self.connection, []
        while True:
            arrived, at, number = _arrived(connection), 0, connection._next_seq_id
            while (end := _end_of_packet(arrived, at, number)) and arrived[at + 4] < _END_OR_ERROR:
                rows.append(_row(arrived, at + 4, self.converters))
                at, number = end, (number + 1) % 256
            connection._rfile.read(at)
            connection._next_seq_id = number
            packet = connection._read_packet()
            if self._check_packet_is_eof(packet):  # type: ignore[attr-defined]
                break
            rows.append(self._read_row_from_packet(packet))  # type: ignore[attr-defined]
        self.connection = None
        self.affected_rows = len(rows)
        self.rows = tuple(rows)


def _arrived(connection: Any) -> bytes:
    """What can be read without waiting, once anything is there; nothing where the connection broke."""
    try:
        return connection._rfile.peek()  # type: ignore[no-any-return]
    except OSError:  # PyMySQL meets it again, and says what it is
        return b""


def _end_of_packet(arrived: bytes, start: int, number: int) -> int | None:
    """Where the packet that begins here ends, if all of it has arrived and it is the next in order."""
    if len(arrived) < start + 5 or arrived[start + 3] != number:
        return None
    end = start + 4 + int.from_bytes(arrived[start : start + 3], "little")
    return end if start + 4 < end <= len(arrived) else None


def _row(arrived: bytes, at: int, converters: Iterable[tuple[str | None, Any]]) -> tuple[Any, ...]:
    """The row of the packet whose content begins at `at`."""
    row: list[Any] = []
    for encoding, converter in converters:
        length = arrived[at]
        at += 1
        if length == _NULL:
            row.append(None)
            continue
        if length > _NULL:
            width = _WIDTHS[length]
            length = int.from_bytes(arrived[at : at + width], "little")
            at += width
        value: Any = arrived[at : at + length]
        at += length
        if encoding is not None:
            value = value.decode(encoding)
        row.append(converter(value) if converter is not None else value)
    return tuple(row)
