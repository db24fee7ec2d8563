"""What keeps a program that was written on Windows from starting; input of jobs is mended where it runs."""

import codecs
from pathlib import Path

# Bytes in which the first line of a script ends.
_BEGIN = 4096
_ADVICE = "it may not start: save it as UTF-8 without byte order mark, with line ends of Unix"


def flaw(path: Path) -> str:
    """What is wrong with a program that is sent along, and what to do; nothing for any that can start.

    OSError when it cannot be read.
    """
    with path.open("rb") as opened:
        begin = opened.read(_BEGIN)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"{path.name} is in UTF-16: {_ADVICE}"
    if begin.startswith(codecs.BOM_UTF8):
        return f"{path.name} begins with a byte order mark: {_ADVICE}"
    if b"\0" not in begin and begin.partition(b"\n")[0].endswith(b"\r"):
        return f"{path.name} has line ends of Windows: {_ADVICE}"
    return ""
