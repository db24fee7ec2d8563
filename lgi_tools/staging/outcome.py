"""The consequence of a failed transfer: retry, give up, or continue without the file."""

import errno
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus

from lgi_tools.cli import terminal
from lgi_tools.client.repository import Repository
from lgi_tools.client.transfer_error import TransferError

# Exit codes. AWAY is sysexits' EX_TEMPFAIL: the server does not answer at all, however often it is tried.
LATER, NEVER, AWAY = 1, 2, 75
# What this machine lacks for a while; any other error of a local file comes back with every try.
_PASSING = frozenset(
    {errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}
)
# By these a server refuses a file, not its sender.
_OF_THE_FILE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class Fate(Enum):
    """The consequence for a file that was not transferred."""

    AGAIN = auto()
    REFUSED = auto()
    LOST = auto()


def fate_of(error: TransferError | OSError) -> Fate:
    """Return LOST when only this file can never be stored, REFUSED when none can at present."""
    if isinstance(error, OSError):
        return Fate.AGAIN if error.errno in _PASSING else Fate.LOST
    if error.may_pass:
        return Fate.AGAIN
    return Fate.LOST if error.status in {0, *_OF_THE_FILE} else Fate.REFUSED


def transfer(name: str, act: Callable[[], None]) -> int:
    """Return the exit code of a transfer; a refusal of the server is permanent."""
    try:
        act()
    except TransferError as failure:
        terminal.warn("LGI_stage", f"{name}: {failure}")
        return LATER if failure.may_pass else NEVER
    except OSError as error:
        terminal.warn("LGI_stage", f"{name}: {error.strerror}")
        return LATER
    return 0


def answers(repository: Repository) -> bool:
    """Return whether the server answers: a broken connection may be caused by a single file."""
    try:
        repository.content()
    except TransferError as failure:
        return not failure.is_outage
    return True
