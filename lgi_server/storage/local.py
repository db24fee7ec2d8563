"""The directories of files that belong to jobs: ``<last 3 digits>/JOB_<32 digits>`` below one root.

Every name from outside is checked here, every directory is opened without following links and every file
is reached through its directory, so that no path a client can invent leads out. Files appear by rename.
"""

import errno
import logging
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.storage import base
from lgi_server.storage.base import (
    ACCESS_FILE,
    Limits,
    NewRepository,
    NoSuchFileError,
    StoredFile,
    Upload,
    file_name,
    is_text,
)
from lgi_server.storage.pending_uploads import PendingUploads
from lgi_server.storage.quota import Room
from lgi_server.storage.threadpool import run_in_thread, syncfs
from lgi_server.storage.upload_budget import UploadBudget

log = logging.getLogger("lgi.repositories")
_INCOMING = ".incoming"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 2**20
_UNKNOWN = FileProperties()
# Files in one repository: every answer with a job's details lists them.
MOST_FILES = 10_000
# No upload takes longer than a day.
STALE_SECONDS = 86400


class Repositories:
    """The repositories below a directory of this server: a `Store` whose files it serves itself."""

    def __init__(
        self, root: Path, max_file_size: int, max_size: int, url: str = "", reserve: int = 0
    ) -> None:
        """Sizes in bytes; ``max_size`` is for all files of one repository together.

        ``reserve`` is what uploads leave of the disk to everything else.
        """
        self.root = root
        self._url = url
        self.max_file_size = max_file_size
        self.max_size = max_size
        self.incoming = root / _INCOMING
        self.incoming.mkdir(mode=0o700, exist_ok=True)
        self.pending = PendingUploads(self.incoming, reserve)

    def budget(self, account: str, repository: str = "") -> UploadBudget:
        """Return what a request of an account may write, for one repository or for new ones."""
        return UploadBudget(self.pending, account, repository)

    def forget_stale(self, now: float) -> None:
        """Remove arrivals whose request ended long ago with the server, not by itself."""
        for arrived in self.incoming.iterdir():
            with suppress(FileNotFoundError):
                if arrived.stat().st_mtime < now - STALE_SECONDS:
                    arrived.unlink()

    def directory(self, name: str) -> Path:
        """Return where a repository is."""
        return self.root / base.below(name)

    def place(self, name: str, server_name: str) -> str:
        """Return where a repository is, as others would name it."""
        return f"{server_name}:{self.directory(name)}"

    def url(self, name: str) -> str:
        """Return where a repository is served."""
        return f"{self._url}/{base.below(name)}"

    def new_name(self) -> str:
        """Return a name nobody can guess."""
        return base.new_name()

    def create(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        """Make a repository with its first files; LGIError FILE_TOO_BIG, or UPLOAD when there is no room.

        When it raises, `remove` is the caller's to call. A disk is waited for aside, once for everything.
        """
        base.check_uploads(uploads, Limits(self.max_file_size, self.max_size))
        try:
            run_in_thread(self._make, name, writers, uploads)
        except OSError as error:
            log.error("cannot make %s: %s", self.directory(name), error)
            raise LGIError(ErrorNumber.UPLOAD, error.strerror or "") from None

    def _make(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        directory = self.directory(name)
        directory.parent.mkdir(mode=0o770, exist_ok=True)
        directory.mkdir(mode=0o770)
        with self.opened(name) as at:
            self._write(at, ACCESS_FILE, comma_lists.join(writers).encode())
            for upload in uploads:
                # A link, not a rename: the database may ask for the whole submit to be done again.
                os.link(upload.arrived, upload.name, dst_dir_fd=at)
                # Only now: by its time it is seen whether an arrival was left behind.
                give_properties(upload.properties, upload.name, at)
            os.fsync(at)

    @staticmethod
    def _write(at: int, name: str, data: bytes) -> None:
        with os.fdopen(os.open(name, _NEW, 0o660, dir_fd=at), "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())

    def check(self, uploads: Sequence[Upload]) -> None:
        """LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of one repository."""
        base.check_uploads(uploads, Limits(self.max_file_size, self.max_size))

    def create_all(self, wanted: Sequence[NewRepository]) -> tuple[str, ...]:
        """Make repositories whose files were checked; their names. LGIError UPLOAD when there is no room."""
        self.pending.check_free(sum(upload.size for new in wanted for upload in new.uploads))
        names = tuple(self.new_name() for _ in wanted)
        try:
            run_in_thread(self._make_all, names, wanted)
        except OSError as error:
            for name in names:
                self.remove(name)
            log.error("cannot make %d repositories: %s", len(names), error)
            raise LGIError(ErrorNumber.UPLOAD, error.strerror or "") from None
        return names

    def _make_all(self, names: Sequence[str], wanted: Sequence[NewRepository]) -> None:
        """Write all of them, and wait for the disk once."""
        for name, new in zip(names, wanted, strict=True):
            directory = self.directory(name)
            directory.parent.mkdir(mode=0o770, exist_ok=True)
            directory.mkdir(mode=0o770)
            with self.opened(name) as at:
                access = os.open(ACCESS_FILE, _NEW, 0o660, dir_fd=at)
                with os.fdopen(access, "wb") as opened:
                    opened.write(comma_lists.join(new.writers).encode())
                for upload in new.uploads:
                    copy_part(upload, os.open(upload.name, _NEW, 0o660, dir_fd=at))
        self.sync()

    def sync(self) -> None:
        """Return when everything written here would survive a power cut. Blocks its thread."""
        root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syncfs(root)
        finally:
            os.close(root)

    def remove(self, name: str) -> None:
        """Remove a repository and its files; none there is fine."""
        directory = self.directory(name)
        # rmtree follows no links on the systems we run on; a fault half way leaves rubbish, not danger.
        run_in_thread(shutil.rmtree, directory, ignore_errors=True)
        with suppress(OSError):
            directory.parent.rmdir()

    @contextmanager
    def arriving(self, budget: UploadBudget) -> Iterator[IO[bytes]]:
        """Provide a file in the incoming directory, gone at the end unless it was renamed meanwhile."""
        opened = budget.new_file()
        try:
            yield opened
        finally:
            opened.close()
            with suppress(FileNotFoundError):
                os.unlink(opened.name)

    def content(self, name: str) -> list[StoredFile]:
        """Return the plain files of a repository by name; empty when there is no such repository."""
        try:
            with self.opened(name) as at:
                return sorted(self._files(at), key=lambda stored: stored.name)
        except NoSuchFileError:
            return []

    @staticmethod
    def _files(at: int) -> Iterator[StoredFile]:
        with os.scandir(at) as entries:
            for entry in entries:
                # A name that is no text can only come from the administrator's own hand.
                readable = is_text(entry.name)
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if readable and stat.S_ISREG(status.st_mode):
                        yield StoredFile(entry.name, status.st_size, status.st_mtime_ns)

    def open(self, name: str, file: str) -> IO[bytes]:
        """Return a plain file for reading. Raises NoSuchFileError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self.opened(name) as at:
            try:
                opened = os.fdopen(os.open(_part(file), flags, dir_fd=at), "rb")
            except OSError as error:
                raise NoSuchFileError(file) from error
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            opened.close()
            raise NoSuchFileError(file)
        return opened

    def check_room(self, name: str, file: str, size: int) -> None:
        """LGIError FILE_TOO_BIG or UPLOAD unless a file of this size may be stored under this name."""
        self.room(name).check(file, size)

    def room(self, name: str) -> Room:
        """Return what a repository holds, and may hold."""
        sizes = {stored.name: stored.size for stored in self.content(name)}
        return Room(sizes, Limits(self.max_file_size, self.max_size), MOST_FILES)

    def put(self, name: str, file: str, arrived: IO[bytes], properties: FileProperties = _UNKNOWN) -> int:
        """Give an arrived file, already on the disk, its name, replacing an older one; answer its size."""
        wanted = file_name(file)
        size = os.fstat(arrived.fileno()).st_size
        self.check_room(name, wanted, size)
        with self.opened(name) as at:
            try:
                os.rename(arrived.name, wanted, dst_dir_fd=at)
            except OSError as error:
                raise LGIError(ErrorNumber.UPLOAD, f"{wanted!r}: {error.strerror}") from error
            properties.apply(arrived.fileno())
            os.fsync(at)
        return size

    def delete(self, name: str, file: str) -> None:
        """Remove a file. Raises NoSuchFileError."""
        wanted = file_name(file)
        with self.opened(name) as at:
            try:
                os.unlink(wanted, dir_fd=at)
            except OSError as error:
                raise NoSuchFileError(file) from error

    def writers(self, name: str) -> tuple[str, ...]:
        """Return the names in the repository's access file. Raises NoSuchFileError."""
        with self.open(name, ACCESS_FILE) as opened:
            return comma_lists.split(opened.read(65536).decode("utf-8", "replace"))

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """Provide a descriptor of the repository's directory, whose parents lead nowhere else."""
        path = self.directory(name)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            parent = os.open(path.parent, flags)
            try:
                at = os.open(path.name, flags, dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise NoSuchFileError(name) from error
            raise
        try:
            yield at
        finally:
            os.close(at)


def give_properties(properties: FileProperties, name: str, at: int) -> None:
    """Give a file of a directory what is said of it."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    try:
        properties.apply(descriptor)
    finally:
        os.close(descriptor)


def copy_part(upload: Upload, descriptor: int) -> None:
    """Write what has arrived to a new file and close that."""
    begin, left = upload.part or (0, upload.size)
    with os.fdopen(descriptor, "wb") as opened, upload.arrived.open("rb") as arrived:
        arrived.seek(begin)
        while left:
            block = arrived.read(min(left, _BLOCK))
            if not block:
                raise OSError(errno.EIO, f"{upload.name!r} has not arrived whole")
            opened.write(block)
            left -= len(block)
        opened.flush()
        upload.properties.apply(opened.fileno())


def _part(text: str) -> str:
    """Return one part of a path. Raises NoSuchFileError for anything that would lead elsewhere."""
    if text in {"", ".", ".."} or "/" in text or "\0" in text:
        raise NoSuchFileError(text)
    return text
