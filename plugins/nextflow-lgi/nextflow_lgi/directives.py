"""The lines `#SBATCH` at the beginning of a script."""

import shlex
from pathlib import Path

_MARK = "#SBATCH"
# Bytes of a script that are looked at.
_MOST = 1024 * 1024


def words_of(script: Path) -> list[str]:
    """Return the words of all directives of a script, in which quotes and backslashes protect blanks.

    They end before the first command. Raises ValueError for a script that none can run, OSError.
    """
    with script.open("rb") as opened:
        text = opened.read(_MOST).decode("utf-8", "surrogateescape")
    if not text.startswith("#!"):
        raise ValueError(f"{script} is not a script: its first line must begin with #!, as #!/bin/bash")
    words: list[str] = []
    for line in text.splitlines():
        if line.startswith(_MARK) and line[len(_MARK) :][:1].isspace():
            words += _words(line[len(_MARK) :])
        elif line.strip() and not line.startswith("#"):
            break
    return words


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise ValueError(f"the line {_MARK}{line[:60]} cannot be read: {error}") from None
