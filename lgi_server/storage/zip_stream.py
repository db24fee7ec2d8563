"""A ZIP archive of files that is made while it is sent: it needs neither disk nor memory."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import IO

from lgi_server.storage.repository import NoSuchFileError

BLOCK = 64 * 1024
# The times that an archive can have, in seconds.
_FIRST, _LAST = 315_532_800, 4_354_819_198


class _Sink(io.RawIOBase):
    """What an archive is written to: bytes are kept until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def entry_name(name: str) -> str:
    """Return a name as an archive has it, which no program takes for a path that leads out of a directory."""
    return "/".join(part for part in name.replace("\\", "_").split("/") if part not in {"", ".", ".."}) or "_"


def stream(files: Iterable[tuple[str, int, Callable[[], IO[bytes]]]]) -> Iterator[bytes]:
    """Yield the bytes of an archive of files: name, time of the last change in seconds, how each is opened.

    Files are not compressed, which would keep others waiting. One that is gone meanwhile is left out.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, changed, opener in files:
            try:
                opened = opener()
            except NoSuchFileError:
                continue
            when = datetime.fromtimestamp(min(max(changed, _FIRST), _LAST), UTC)
            info = zipfile.ZipInfo(entry_name(name), when.timetuple()[:6])
            info.external_attr = 0o644 << 16
            with opened, archive.open(info, "w", force_zip64=True) as target:
                while block := opened.read(BLOCK):
                    target.write(block)
                    yield sink.take()
    yield sink.take()
