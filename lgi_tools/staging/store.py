"""Store the results of a job in its repository."""

import os
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from lgi_protocol import file_properties
from lgi_tools.cli import terminal
from lgi_tools.client import bulk_upload
from lgi_tools.client.bulk_upload import Most, Small
from lgi_tools.client.repository import Repository
from lgi_tools.client.result_patterns import ALL, ResultPatterns
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging import omissions
from lgi_tools.staging.directory import LocalFile, contents, plain_file, refusal
from lgi_tools.staging.marks import STORED, Marks
from lgi_tools.staging.outcome import PERMANENT, RETRY, UNREACHABLE, Fate, answers, fate_of

if TYPE_CHECKING:
    from lgi_tools.staging.user_store import UserStore

# Bytes. Files up to this size are stored together, many in one request.
SMALL = 256 * 1024
# HTTP statuses (0: no answer) of a request with many files after which each file is stored by itself.
_STORE_SINGLY = {0, HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}


class _UnreachableError(Exception):
    """The server no longer answers."""


def store(
    directory: Path,
    repository: Repository | None,
    patterns: ResultPatterns = ALL,
    *,
    own: "UserStore | None" = None,
) -> int:
    """Store all new and changed files that the patterns choose, and the streams. Returns the exit code.

    Files that an earlier run has stored are not sent again. Entries that can never be stored are listed;
    without a repository nothing else is done. All but the streams goes to the ``own`` store of the user, if
    there is one; the streams are stored also when that refuses the rest.
    """
    marks = Marks(directory)
    own_code = own.store() if own is not None else 0
    storage = _Storage(marks, repository, patterns, own)
    code = storage.store(directory)
    line = omissions.line(storage.omitted)
    if line:
        terminal.warn("LGI_stage", f"not stored: {line}")
    marks.omit(line)
    return code if code == UNREACHABLE else own_code or code


class _Storage:
    """The transfer of one job's files."""

    def __init__(
        self,
        marks: Marks,
        repository: Repository | None,
        patterns: ResultPatterns,
        own: "UserStore | None" = None,
    ) -> None:
        self._marks = marks
        self._streams_only = own is not None
        self._patterns = patterns
        self._repository = repository
        self._fetched = marks.noted()
        self._stored = marks.lines(STORED)
        self._lost: list[tuple[str, str]] = list(own.lost) if own is not None else []
        self._refused: list[tuple[LocalFile, str]] = []
        self._others: list[tuple[str, str]] = []
        self._has_failed = False

    @property
    def omitted(self) -> list[tuple[str, str]]:
        """The entries that can never be stored, with reasons; files first."""
        return [*self._lost, *self._others]

    def store(self, directory: Path) -> int:
        """Store all files. Returns the exit code."""
        changed = list(self._changed(directory))
        if self._repository is None:
            made = [one.name for one in changed if one.path.parent != self._marks.state]
            self._lost += [(name, "the job has no repository") for name in made]
            return 0
        try:
            self._send(self._repository, changed)
        except _UnreachableError:
            return UNREACHABLE
        if self._has_failed:
            return RETRY
        return PERMANENT if self._refused else 0

    def _changed(self, directory: Path) -> Iterator[LocalFile]:
        """Yield the files that differ from those in the repository."""
        for one in contents(directory, self._marks.state, self._fetched, self._patterns):
            if not isinstance(one, LocalFile):
                self._others.append((one.name, one.reason))
                continue
            if self._streams_only and one.path.parent != self._marks.state:
                continue
            known = self._stored.get(one.name, [])
            if known[:2] == one.fingerprint:
                self._lost += [(one.name, str(why)) for why in known[2:]]
            elif self._fetched.get(one.name) != one.fingerprint:
                yield one

    def _send(self, repository: Repository, files: Sequence[LocalFile]) -> None:
        small = [one for one in files if one.fingerprint[0] <= SMALL and _is_text(one.name)]
        most = self._most(repository) if len(small) > 1 else None
        if most:
            for batch in _batches(small, most):
                self._store_together(repository, batch)
        together = {one.name for one in small} if most else set()
        for one in files:
            if one.name not in together:
                self._store_alone(repository, one)

    def _most(self, repository: Repository) -> Most | None:
        """Return the limits of one bulk upload, None to send each file by itself."""
        try:
            return bulk_upload.most(repository)
        except TransferError as failure:
            self._check_answers(repository, failure)
            return None

    def _store_alone(self, repository: Repository, one: LocalFile) -> None:
        try:
            upload(repository, one.name, one.path, one.top)
        except (TransferError, OSError) as error:
            self._fail(one, error)
            self._check_answers(repository, error)
        else:
            self._take([one])

    def _store_together(self, repository: Repository, batch: Sequence[LocalFile]) -> None:
        read: list[tuple[LocalFile, Small]] = []
        for one in batch:
            try:
                read.append((one, _read(one)))
            except (TransferError, OSError) as error:
                self._fail(one, error)
        try:
            results = bulk_upload.upload(repository, [small for _one, small in read])
        except TransferError as failure:
            self._check_answers(repository, failure)
            for one, _small in read:
                # The request may have been too large for a proxy, or one of its files for the server.
                if failure.status in _STORE_SINGLY:
                    self._store_alone(repository, one)
                else:
                    self._fail(one, failure)
            return
        for (one, _small), failed in zip(read, results, strict=True):
            if failed is not None:
                self._fail(one, failed)
        self._take([one for (one, _small), failed in zip(read, results, strict=True) if failed is None])

    def _take(self, stored: Sequence[LocalFile]) -> None:
        self._marks.add(STORED, *([one.name, *one.fingerprint] for one in stored))
        # The sender may store files, so that those refused before were refused for themselves.
        while stored and self._refused:
            self._lose(*self._refused.pop())

    def _fail(self, one: LocalFile, error: TransferError | OSError) -> None:
        fate, why = fate_of(error), refusal(one.name, error)
        if fate is Fate.LOST:
            self._lose(one, why)
            return
        terminal.warn("LGI_stage", f"{one.name}: {why}")
        if fate is Fate.REFUSED:
            self._refused.append((one, why))
            return
        self._has_failed = True

    @staticmethod
    def _check_answers(repository: Repository, error: TransferError | OSError) -> None:
        """Raise _UnreachableError when a failure means that the server does not answer."""
        if isinstance(error, TransferError) and error.may_pass and not answers(repository):
            raise _UnreachableError

    def _lose(self, one: LocalFile, why: str) -> None:
        self._lost.append((one.name, why))
        self._marks.add(STORED, [one.name, *one.fingerprint, why])


def _batches(files: Sequence[LocalFile], most: Most) -> Iterator[list[LocalFile]]:
    """Yield groups of files for one request each."""
    batch: list[LocalFile] = []
    size = 0
    for one in files:
        if batch and (len(batch) == most.files or size + one.fingerprint[0] > most.bytes):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.fingerprint[0]
    if batch:
        yield batch


def _is_text(name: str) -> bool:
    """Return whether a name can be sent as JSON; for others the server reports the error."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(one: LocalFile) -> Small:
    """Read as much of a file as it had when it was opened. Raises TransferError, OSError."""
    with plain_file(one.path, one.top) as descriptor, os.fdopen(os.dup(descriptor), "rb") as opened:
        status = os.fstat(descriptor)
        data = opened.read(status.st_size)
    if len(data) < status.st_size:
        raise TransferError("the file was truncated while it was read")
    return Small(one.name, data, file_properties.of_file(status))


def upload(repository: Repository, name: str, path: Path, top: Path | None = None) -> None:
    """Store a regular file, opened as by `plain_file`. Raises TransferError, OSError."""
    with plain_file(path, top) as descriptor:
        repository.upload(name, Path(f"/proc/self/fd/{descriptor}"))
