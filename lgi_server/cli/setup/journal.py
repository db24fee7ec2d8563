"""What an unfinished LGI_setup has made: a list in a file, by which it is removed, also after a kill."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lgi_server.services.project.recorded_changes import AdministrationError

FILE = ".LGI_setup"
PATH = "path"
# Removes one thing of a kind by its name; nothing happens when it is not there.
Undo = Callable[[str], None]


class Journal:
    """The list of what is about to be made; it is on the disk before the thing is."""

    def __init__(self, descriptor: int) -> None:
        """Use `unfinished` instead."""
        self._descriptor = descriptor

    def note(self, kind: str, name: str) -> None:
        """Note a thing that does not exist yet and is made next."""
        os.write(self._descriptor, f"{json.dumps([kind, name])}\n".encode())
        os.fsync(self._descriptor)

    def note_paths(self, *paths: Path) -> None:
        """Note those of the files and directories that do not exist yet."""
        for path in paths:
            if not path.exists():
                self.note(PATH, str(path.absolute()))

    def forget(self) -> None:
        """Keep what was made, whatever happens from now on."""
        os.ftruncate(self._descriptor, 0)
        os.fsync(self._descriptor)

    def entries(self) -> list[tuple[str, str]]:
        """Return kind and name of all that was noted; a line that a crash has cut off is left out."""
        lines = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0).decode().split("\n")
        return [(kind, name) for kind, name in map(json.loads, lines[:-1])]


@contextmanager
def unfinished(directory: Path, undo: Mapping[str, Undo]) -> Iterator[tuple[Journal, bool]]:
    """Have a directory for one set-up alone, which leaves nothing when it fails.

    What a set-up has left that was killed is removed first; the second value says whether there was any.
    ``undo`` has the kinds of things beside files. Raises AdministrationError while another one runs, or for a
    kind that cannot be removed; OSError.
    """
    known = {PATH: _remove, **undo}
    is_new = not directory.exists()
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    file = directory / FILE
    descriptor = _lock(file)
    try:
        journal = Journal(descriptor)
        left = journal.entries()
        _undo(left, known)
        journal.forget()
        try:
            yield journal, bool(left)
        except BaseException:
            _undo(journal.entries(), known)
            file.unlink()
            if is_new:
                _remove_if_empty(directory)
            raise
        file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def check_finished(configuration: Path) -> None:
    """Raise ValueError when the set-up that has made a configuration was killed: the next one removes it."""
    directory = configuration.absolute().parent
    for file in (directory / FILE, directory.parent / FILE):
        if file.exists() and file.stat().st_size:
            raise ValueError(
                f"{file}: LGI_setup was interrupted, or still runs here; run it again to its end"
            )


def _lock(file: Path) -> int:
    """Open the journal and lock it; AdministrationError while another process has it."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(file, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            why = "wait until it has ended"
            raise AdministrationError(f"another LGI_setup is at work in {file.parent}: {why}") from None
        os.close(descriptor)


def _is_at(file: Path, descriptor: int) -> bool:
    """Return whether an open file is still the one of that name: its former owner may have removed it."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _undo(entries: list[tuple[str, str]], undo: Mapping[str, Undo]) -> None:
    for kind, name in reversed(entries):
        if kind not in undo:
            raise AdministrationError(
                f"an interrupted LGI_setup has made the {kind} {name}: give the options that it had"
            )
        undo[kind](name)


def _remove(name: str) -> None:
    path = Path(name)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        # It has something that others have put there.
        return
