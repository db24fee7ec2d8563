"""The files of a job in an object store of its user: inputs before it runs, the archive of results after."""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from lgi_protocol import open_flags
from lgi_tools.cli import terminal
from lgi_tools.client.result_patterns import ResultPatterns, path_of
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.client.user_store import place, url_file
from lgi_tools.client.user_store.url_file import StoreUrls
from lgi_tools.staging.directory import LocalFile, contents, plain_file, refusal
from lgi_tools.staging.marks import STORED, Fingerprint, Marks, fingerprint
from lgi_tools.staging.outcome import PERMANENT, transfer
from lgi_tools.staging.store_transfer import StoreTransfer

# The servers that the owner of the resource allows, separated by blanks: set by the library of applications.
ALLOWED = "LGI_OBJECT_STORES"
# Of little use for what is compressed already, and fast.
_LEVEL = 3


class UserStore:
    """The store of one job, by its URLs."""

    def __init__(self, directory: Path, patterns: ResultPatterns) -> None:
        """Use the ``directory`` of a job with these patterns of results."""
        self._directory, self._patterns = directory, patterns
        self._transfer = StoreTransfer(os.environ.get(ALLOWED, "").split())
        # Results that cannot be read, with reasons.
        self.lost: list[tuple[str, str]] = []

    def fetch(self) -> tuple[int, dict[str, Fingerprint]]:
        """Fetch all inputs. Returns the exit code and the fingerprints of these files."""
        try:
            urls = self._urls()
        except (TransferError, ValueError, OSError) as error:
            return _permanent(error), {}
        done: dict[str, Fingerprint] = {}
        for one in urls.inputs:
            target = self._directory / one.name
            if code := transfer(one.name, partial(self._transfer.fetch, one, target)):
                return code, {}
            done[one.name] = fingerprint(target.lstat())
        # The script of the job looks for it: elsewhere its results would go to the project.
        flags = os.O_CREAT | os.O_WRONLY | open_flags.NO_FOLLOW
        os.close(os.open(self._directory / url_file.MARK, flags, 0o644))
        return 0, done

    def store(self) -> int:
        """Store the archive of results, unless an earlier run has stored the same. Returns the exit code."""
        marks = Marks(self._directory)
        fetched = marks.noted()
        changed = [one for one in self._results(marks.state) if fetched.get(one.name) != one.fingerprint]
        seal = hashlib.sha256(repr([(one.name, one.fingerprint) for one in changed]).encode()).hexdigest()
        if marks.lines(STORED).get(place.RESULTS) == [seal]:
            return 0
        try:
            urls = self._urls()
        except (TransferError, ValueError, OSError) as error:
            return _permanent(error)
        code = transfer(place.RESULTS, partial(self._send, urls.results, changed, marks.state))
        if code == 0:
            marks.add(STORED, [place.RESULTS, seal])
        return code

    def _results(self, state: Path) -> Iterator[LocalFile]:
        """Yield the files that can be read, but for the streams and the URLs."""
        for one in contents(self._directory, state, {}, self._patterns):
            if not isinstance(one, LocalFile) or one.path.parent == state or one.name == url_file.NAME:
                continue
            try:
                with plain_file(one.path, one.top):
                    pass
            except (TransferError, OSError) as error:
                self.lost.append((one.name, refusal(one.name, error)))
                continue
            yield one

    def _send(self, url: str, files: Iterable[LocalFile], state: Path) -> None:
        with tempfile.TemporaryFile(dir=state) as archive:
            with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=_LEVEL) as opened:
                for one in files:
                    self._add(opened, one)
            size = archive.tell()
            archive.seek(0)
            self._transfer.store(url, archive, size)

    def _add(self, archive: tarfile.TarFile, one: LocalFile) -> None:
        with plain_file(one.path, one.top) as descriptor, os.fdopen(os.dup(descriptor), "rb") as opened:
            status = os.fstat(descriptor)
            member = tarfile.TarInfo(path_of(one.name) if self._patterns.has_paths else one.name)
            member.size, member.mtime = status.st_size, int(status.st_mtime)
            member.mode = 0o755 if status.st_mode & 0o100 else 0o644
            archive.addfile(member, opened)

    def _urls(self) -> StoreUrls:
        file = self._directory / url_file.NAME
        with plain_file(file) as descriptor, os.fdopen(os.dup(descriptor), "rb") as opened:
            text = opened.read(url_file.LONGEST + 1)
        if len(text) > url_file.LONGEST:
            raise ValueError(f"{url_file.NAME} is too long")
        return url_file.read(text)


def _permanent(error: Exception) -> int:
    why = error.strerror if isinstance(error, OSError) else str(error)
    terminal.warn("LGI_stage", f"{url_file.NAME}: {why}")
    return PERMANENT
