"""A form with files, sent while they are read."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from requests_toolbelt import MultipartEncoder


class Form(MultipartEncoder):  # type: ignore[misc]
    """A multipart form with files; all file names are preserved exactly."""

    def __init__(self, parts: Mapping[str, object], watch: Callable[[int, int], None] | None) -> None:
        self._watch = watch
        self._sent = 0
        super().__init__(parts)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the form, and report how many were sent so far."""
        block: bytes = super().read(size)
        self._sent += len(block)
        if self._watch is not None:
            self._watch(self._sent, self.len)
        return block

    def _iter_fields(self) -> Iterator[Any]:
        for part in super()._iter_fields():
            # There is no agreed way to quote these characters; older servers ignore filename*.
            name = part._filename or ""
            if any(char in '"%\\' or not char.isprintable() for char in name):
                part.headers["Content-Disposition"] += f"; filename*=UTF-8''{quote(name, safe='')}"
            yield part
