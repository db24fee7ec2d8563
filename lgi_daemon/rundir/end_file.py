"""How a job ended, as the file ``end`` in its state directory tells.

Its scripts write it, but whatever runs as their user may have written it too: it tells of this job alone.
"""

import os
import re
from pathlib import Path

from lgi_protocol.job_directory import DamagedFileError, JobDirectory
from lgi_protocol.job_end import MAX_CODE, MAX_SIGNAL, NO_END, End, normalize_reason

NAME = "end"
LONGEST = 4096
# Its writer may have linked it into place.
_MOST_NAMES = 2
_LINE = re.compile("(exit_code|exit_signal|reason)=(.*)")


def read(state: Path, owner: int | None) -> End:
    """What the file says; NO_END when there is none to be read: a link, or of another user than ``owner``."""
    try:
        with JobDirectory(state).open_plain(NAME) as opened:
            status = os.fstat(opened.fileno())
            if status.st_nlink > _MOST_NAMES or owner not in (None, status.st_uid):
                return NO_END
            return parse(opened.read(LONGEST))
    except (DamagedFileError, OSError):
        return NO_END


def parse(data: bytes) -> End:
    """The content of the file: what is no number of its kind is not known, and neither are two of them."""
    lines = data.decode("utf-8", "replace").splitlines()
    matches = (_LINE.fullmatch(line.strip()) for line in lines)
    told = {found[1]: found[2] for found in matches if found}
    code = _number(told.get("exit_code", ""), 0, MAX_CODE)
    signal = _number(told.get("exit_signal", ""), 1, MAX_SIGNAL)
    if code is not None and signal is not None:
        code = signal = None
    return End(code, signal, normalize_reason(told.get("reason", "")))


def _number(text: str, least: int, most: int) -> int | None:
    is_number = re.fullmatch("[0-9]{1,3}", text) is not None
    return int(text) if is_number and least <= int(text) <= most else None
