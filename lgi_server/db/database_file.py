"""Checks of the file of an SQLite database, before anything is written."""

import os
from pathlib import Path


def check(path: Path) -> None:
    """Raise ValueError, which says what to do, unless a database file exists and is writable.

    SQLite would create a missing file, and report a read-only one not before the first change.
    """
    for file in (path, *(path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm"))):
        try:
            _check_writable(file)
        except FileNotFoundError:
            if file == path:
                why = "restore it, or correct the setting 'database'; LGI_setup makes one in a new directory"
                raise ValueError(f"the database file {path} does not exist: {why}") from None
        except OSError as error:
            why = f"the server's user must be able to write to it{_user()}"
            raise ValueError(f"the database file {file}: {error.strerror}; {why}") from None
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        why = f"the server's user must be able to make files beside its database{_user()}"
        raise ValueError(f"the directory {path.parent} cannot be written to; {why}")


def _check_writable(file: Path) -> None:
    """Raise the OSError of a file that cannot be opened for reading and writing.

    One that can be opened is not: when a descriptor of it is closed, the system releases all locks of this
    process on the file, as those of SQLite in other connections, and another program takes it for unused.
    """
    if not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
        os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))


def _user() -> str:
    return f" (this command runs under uid {os.geteuid()})"
