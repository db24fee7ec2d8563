"""What an element of an array has on the user's machine: lines and files there, and its environment."""

import glob
from collections.abc import Mapping
from pathlib import Path

from lgi_protocol import array_elements
from lgi_protocol.array_elements import ArrayElement, Value
from lgi_tools.client.text import shortened


def lines(file: str, data: bytes) -> list[Value]:
    """Return the lines of a file that are not empty, with bytes that are not UTF-8. Raises ValueError."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return array_elements.lines(file, text)


def files(pattern: str) -> list[Value]:
    """Return the files of a pattern as ``data/*.in``, in the order of their names. Raises ValueError."""
    found = [pattern] if Path(pattern).is_file() else sorted(glob.glob(pattern, recursive=True))
    values = [Value(_word(Path(name).name), name) for name in found if Path(name).is_file()]
    if not values:
        raise ValueError(f"no file has a name like {shortened(pattern)!r}")
    return values


def _word(name: str) -> str:
    """Return a file's name as a word of a command: one that begins with a dash would be an option."""
    return f"./{name}" if name.startswith("-") else name


def variables(element: ArrayElement, size: int) -> Mapping[str, str]:
    """Return the environment of an element."""
    return {"LGI_ARRAY_INDEX": str(element.index), "LGI_ARRAY_SIZE": str(size)}
