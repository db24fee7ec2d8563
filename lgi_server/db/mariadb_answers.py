"""Reading the answers of MariaDB: as PyMySQL does, with less work for rows of many columns.

PyMySQL parses the description of each column in every answer, which takes longer than a row. The same queries
come again and again, so that descriptions are kept as they were parsed. Rows become mappings at once.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pymysql.connections import TEXT_TYPES, Connection, MySQLResult
from pymysql.constants import FIELD_TYPE
from pymysql.converters import through
from pymysql.cursors import DictCursor
from pymysql.protocol import FieldDescriptorPacket

# The number of a character set that is none: of columns with bytes.
_BINARY = 63
# The length of a value stands before it: in a byte, or in as many bytes as one of these says. NULL: a byte.
_NULL, _WIDTHS = 251, {252: 2, 253: 3, 254: 8}
# Answers with different columns whose descriptions are kept.
MOST_KNOWN = 1000

if TYPE_CHECKING:
    _Connection = Connection[DictCursor]
else:
    _Connection = Connection
_Read = Callable[[bytes], Any] | None
# The name of each column, and what makes its value of the bytes, None for these themselves.
_Columns = Sequence[tuple[str, _Read]]
_known: dict[tuple[bytes, ...], tuple[Sequence[Any], _Columns]] = {}


def number_known() -> int:
    """Return of how many answers the descriptions are kept."""
    return len(_known)


class MappingConnection(_Connection):
    """A connection of PyMySQL whose cursors return rows as mappings, as a DictCursor of it does."""

    def _read_query_result(self, unbuffered: bool = False) -> int:
        """Read an answer; called by PyMySQL for each."""
        if unbuffered:
            raise ValueError("rows are read at once")
        self._result: _Answer | None = None
        result = _Answer(self)
        result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows or 0)


class _Answer(MySQLResult):
    """An answer, whose ``rows`` are mappings."""

    connection: Any

    def _get_descriptions(self) -> None:
        read = self.connection._read_packet
        packets = tuple([read().get_all_data() for _column in range(self.field_count)])
        # The end of the descriptions.
        read()
        if packets not in _known:
            if len(_known) >= MOST_KNOWN:
                _known.clear()
            _known[packets] = _parsed(packets, self.connection)
        self.description, self._columns = _known[packets]

    def _read_rowdata_packet(self) -> None:
        read, rows = self.connection._read_packet, []
        while not self._check_packet_is_eof(packet := read()):  # type: ignore[attr-defined]
            rows.append(_row(packet.get_all_data(), self._columns))
        self.connection = None
        self.affected_rows, self.rows = len(rows), tuple(rows)


def _parsed(packets: Sequence[bytes], connection: MappingConnection) -> tuple[Sequence[Any], _Columns]:
    """Return the description of the DB API, and the columns, from the descriptions of an answer."""
    columns: list[tuple[str, _Read]] = []
    names: set[str] = set()
    fields: list[Any] = [FieldDescriptorPacket(packet, connection.encoding) for packet in packets]
    for field in fields:
        # As cursors of PyMySQL name them.
        name = f"{field.table_name}.{field.name}" if field.name in names else field.name
        names.add(name)
        columns.append((name, _reader(field, connection)))
    return tuple(field.description() for field in fields), columns


def _reader(field: Any, connection: MappingConnection) -> _Read:
    kind = field.type_code
    if kind in TEXT_TYPES and kind != FIELD_TYPE.JSON and field.charsetnr == _BINARY:
        return None
    convert = connection.decoders.get(kind, through)
    if convert is through:
        return bytes.decode
    return convert if convert is int else lambda data: convert(data.decode("ascii"))


def _row(data: bytes, columns: _Columns) -> dict[str, Any]:
    """Return a row of an answer, in which each value stands behind its length."""
    row: dict[str, Any] = {}
    at = 0
    for name, read in columns:
        size = data[at]
        at += 1
        if size == _NULL:
            row[name] = None
            continue
        if size > _NULL:
            begin, at = at, at + _WIDTHS[size]
            size = int.from_bytes(data[begin:at], "little")
        value = data[at : at + size]
        at += size
        row[name] = read(value) if read else value
    return row
