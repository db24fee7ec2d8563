"""Files posted together: a list in JSON, and the contents of all files as one (wire.md 8, ours)."""

import json
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from lgi_protocol import file_properties, whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.storage.repository import Upload

# A list of this length fits into the text of a form, however long the names are.
MOST_FILES = 512


def read(text: str, contents: Path | None, size: int | None = None) -> list[Upload]:
    """Return the files of a list, each a part of ``contents``; their names are not checked.

    ``size`` is that of contents in memory, in bytes. Raises LGIError POST_TOO_BIG for too many files, UPLOAD
    for a malformed list.
    """
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"it is not JSON: {error}") from None
    if not isinstance(listed, list):
        raise _malformed("it is not an array")
    if len(listed) > MOST_FILES:
        raise LGIError(ErrorNumber.POST_TOO_BIG, f"{len(listed)} files, at most {MOST_FILES} at once")
    posted = contents.stat().st_size if contents else size or 0
    return _parts([_file(number, one) for number, one in enumerate(listed, 1)], contents, posted)


def _malformed(why: str) -> LGIError:
    return LGIError(ErrorNumber.UPLOAD, why, message="The list of files is malformed")


def _file(number: int, one: Any) -> tuple[str, int, FileProperties]:
    name, size = (one.get("name"), one.get("size")) if isinstance(one, dict) else (None, None)
    # Not isinstance: True is an int in Python.
    if not isinstance(name, str) or type(size) is not int or not 0 <= size <= whole_number.MOST:
        raise _malformed(f"file {number} is not an object with a name and a size")
    date = one.get("date")
    modified = str(date) if type(date) in {int, float} else date
    return name, size, file_properties.of_list(modified, one.get("executable"))


def _parts(
    files: Sequence[tuple[str, int, FileProperties]], contents: Path | None, posted: int
) -> list[Upload]:
    sizes = [size for _name, size, _properties in files]
    if posted != sum(sizes):
        raise _malformed(f"the files have {sum(sizes)} bytes together, {posted} were posted")
    begins = accumulate(sizes, initial=0)
    return [
        Upload(name, contents or Path("/dev/null"), "", (begin, size), properties)
        for (name, size, properties), begin in zip(files, begins, strict=False)
    ]
