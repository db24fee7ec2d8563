"""A user's directory while a login writes it: the next login finishes one that was killed, or repeats it.

Everything is written into a directory inside it first. A mark says that all of it is there; only then the
files are moved to their places, one after the other, each by a rename.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgi_protocol import comma_lists
from lgi_protocol.x509_builder import PrivateKey
from lgi_tools.certificates import csr, keys, user_directory
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.user_directory import Owner
from lgi_tools.client import file_lock, settings
from lgi_tools.joining.client import Joined

# The file with the URL of the enrolment server, for renewals.
AUTHORITY = "authority"
KEY, CERTIFICATE, CA = "privatekey", "certificate", "ca_chain"
_FILES = (AUTHORITY, *user_directory.FILES)
_STAGE, _MARK, _PROBE = ".login", "complete", "probe"
# Bytes that must be free before a token is used: more than all files have together.
_NEEDED = 64 * 1024


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make a user's directory, if it does not exist, and keep other logins out of it.

    Raises ValueError when others can write to it, OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not settings.is_ours(directory):
        raise ValueError(f"others can write to {directory}: it must belong to you, with mode 700")
    with file_lock.directory_lock(directory):
        yield


def was_interrupted(directory: Path) -> bool:
    """Return whether a login has received its certificate and was ended before it was in its place."""
    return (directory / _STAGE / _MARK).exists()


def begin(directory: Path, key_type: KeyType) -> PrivateKey:
    """Return the key of the login, or that of an interrupted one. Raises OSError, ValueError."""
    stage = directory / _STAGE
    stage.mkdir(mode=0o700, exist_ok=True)
    key = csr.kept_key(stage / KEY, key_type)
    # Otherwise a full disk would be noticed when the token is used up.
    keys.write_file(stage / _PROBE, b"\0" * _NEEDED, keys.SECRET, replace=True)
    (stage / _PROBE).unlink()
    return key


def complete(directory: Path, joined: Joined, url: str) -> None:
    """Write what was received, and then put it in the place of what was there before."""
    stage = directory / _STAGE
    pems = ((stage / KEY).read_bytes(), joined.certificate.encode(), joined.ca.encode())
    project = next((name for name in joined.projects if name != comma_lists.ANY), "")
    owner = Owner(joined.name, joined.groups, joined.server, project)
    user_directory.write_pems(stage, pems, owner, replace=True)
    keys.write_file(stage / AUTHORITY, f"{url}\n".encode(), keys.PUBLIC, replace=True)
    # The mark names the files: one that this login does not have is removed.
    names = [name for name in _FILES if (stage / name).exists()]
    keys.write_file(stage / _MARK, "\n".join(names).encode(), keys.SECRET, replace=True)
    finish(directory)


def finish(directory: Path) -> bool:
    """Go on with a login that has received its certificate; return whether there was one."""
    stage = directory / _STAGE
    try:
        names = (stage / _MARK).read_text("ascii").split()
    except FileNotFoundError:
        return False
    for name in _FILES:
        if name not in names:
            (directory / name).unlink(missing_ok=True)
        elif (stage / name).exists():
            (stage / name).replace(directory / name)
    shutil.rmtree(stage)
    return True
