"""The consequence of a failed transfer: retry, give up, or continue without the file."""

import errno
from collections.abc import Callable, Collection
from enum import Enum, auto
from http import HTTPStatus

from lgi_tools.cli import terminal
from lgi_tools.client.repository import Repository
from lgi_tools.client.transfer_error import TargetError, TransferError

# Exit codes: a retry may help; the server refuses; a file can never be here (EX_DATAERR of sysexits.h); the
# server does not answer at all (EX_TEMPFAIL).
RETRY, PERMANENT, NEVER, UNREACHABLE = 1, 2, 65, 75
# Errors of a local file that may be temporary; any other one of a file to store is permanent.
_PASSING = frozenset(
    {errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}
)
# Errors of a file to write that are permanent: its name, its size, or what is in its place.
_NOT_HERE = frozenset(
    {
        *(errno.EEXIST, errno.EFBIG, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ELOOP),
        *(errno.ENAMETOOLONG, errno.ENOTDIR),
    }
)
# With these statuses a server refuses the file, not its sender.
_OF_THE_FILE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class Fate(Enum):
    """The consequence for a file that was not transferred."""

    RETRY = auto()
    REFUSED = auto()
    LOST = auto()


def fate_of(error: TransferError | OSError) -> Fate:
    """Return LOST when this file can never be stored, REFUSED when no file can be stored at present."""
    if isinstance(error, OSError):
        return Fate.RETRY if error.errno in _PASSING else Fate.LOST
    if error.may_pass:
        return Fate.RETRY
    return Fate.LOST if error.status in {0, *_OF_THE_FILE} else Fate.REFUSED


def transfer(name: str, act: Callable[[], None]) -> int:
    """Return the exit code of a transfer; a refusal of the server is permanent."""
    try:
        act()
    except TransferError as failure:
        terminal.warn("LGI_stage", f"{name}: {failure}")
        if isinstance(failure, TargetError):
            return NEVER
        return RETRY if failure.may_pass else PERMANENT
    except OSError as error:
        terminal.warn("LGI_stage", f"{name}: {error.strerror or error}")
        return NEVER if error.errno in _NOT_HERE else RETRY
    return 0


def worst(codes: Collection[int]) -> int:
    """Return the exit code of several transfers; the server is asked again while one of them may help."""
    return next(code for code in (NEVER, RETRY, PERMANENT, 0) if code in codes)


def answers(repository: Repository) -> bool:
    """Return whether the server answers, since a single file may break a connection."""
    try:
        repository.content()
    except TransferError as failure:
        return not failure.is_outage
    return True
