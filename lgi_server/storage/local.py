"""Repositories on a local disk: the directories ``<last 3 digits>/JOB_<32 digits>`` below a root.

Every name from a client is checked here, every directory is opened without following links, and every file is
opened through its directory, so that no path can lead out. New files appear complete, by link or rename.
"""

import errno
import logging
import os
import stat
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.storage import copies, directory_files, opened_file, repository
from lgi_server.storage.copies import Copy
from lgi_server.storage.directory_files import link_file, link_files
from lgi_server.storage.opened_file import FileDetails
from lgi_server.storage.pending_uploads import PendingUploads
from lgi_server.storage.quota import Quota
from lgi_server.storage.repository import (
    ACCESS_FILE,
    NEW,
    Limits,
    NewRepository,
    NoSuchFileError,
    StoredFile,
    Upload,
    entry_name,
    file_name,
    regular_files,
    write_new,
)
from lgi_server.storage.threadpool import run_in_thread, syncfs
from lgi_server.storage.upload_budget import UploadBudget
from lgi_server.storage.upload_copy import copy_part, set_properties

log = logging.getLogger("lgi.repositories")
_INCOMING = ".incoming"
_UNKNOWN = FileProperties()
# Files in one repository: an answer with the details of a job lists all of them.
MOST_FILES = 10_000


class Repositories:
    """The repositories below a directory of this server, which serves their files: a `Store`."""

    def __init__(
        self, root: Path, max_file_size: int, max_size: int, url: str = "", reserve: int = 0
    ) -> None:
        """Create the store; sizes are in bytes, ``max_size`` is for all files of one repository together.

        ``reserve`` are the bytes of the disk that uploads leave free.
        """
        self.root = root
        self._url = url
        self.max_file_size = max_file_size
        self.max_size = max_size
        self.pending = PendingUploads(root / _INCOMING, reserve)

    def budget(self, account: str, repository: str = "") -> UploadBudget:
        """Return what a request of an account may write, for one repository or for new ones."""
        return UploadBudget(self.pending, account, repository)

    def directory(self, name: str) -> Path:
        """Return the directory of a repository; NoSuchFileError for an invalid name."""
        return self.root / repository.relative_path(name)

    def location(self, name: str, server_name: str) -> str:
        """Return the location of a repository as ``server_name:directory``."""
        # A Path would take longer than all else of a job in a list.
        return f"{server_name}:{os.path.join(self.root, repository.relative_path(name))}"

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"{self._url}/{repository.relative_path(name)}"

    def new_name(self) -> str:
        """Return a random name."""
        return repository.new_name()

    def create(self, name: str, new: NewRepository) -> None:
        """Create a repository with its first files, and wait in a thread until they are on disk.

        Raises LGIError FILE_TOO_BIG, or UPLOAD; the caller then has to call `remove`.
        """
        self.check(new)
        try:
            run_in_thread(self._make, name, new)
        except OSError as error:
            log.error("cannot create %s: %s", self.directory(name), error)
            raise LGIError(ErrorNumber.UPLOAD, error.strerror or "") from None

    def _make(self, name: str, new: NewRepository) -> None:
        with self._new_directory(name) as at:
            write_new(at, ACCESS_FILE, comma_lists.join(new.writers).encode())
            for upload in new.uploads:
                # A link, not a rename: the database may require that the whole submit is repeated.
                os.link(upload.arrived, upload.name, dst_dir_fd=at)
                # After the link: the modification time shows whether an incoming file is stale.
                set_properties(upload.properties, upload.name, at)
            if new.source:
                self._link(new.source, at)
            os.fsync(at)

    def _link(self, source: str, at: int) -> None:
        try:
            with self.opened(source) as there:
                link_files(there, at)
        except NoSuchFileError:
            raise OSError(errno.ENOENT, "the files of the other job are gone") from None

    def _new_directory(self, name: str) -> AbstractContextManager[int]:
        directory = self.directory(name)
        directory.parent.mkdir(mode=0o770, exist_ok=True)
        directory.mkdir(mode=0o770)
        return self.opened(name)

    def check(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless a repository can have these first files."""
        repository.check_uploads(new.uploads, Limits(self.max_file_size, self.max_size))
        if new.source:
            if not self.directory(new.source).is_dir():
                raise LGIError(ErrorNumber.UPLOAD, "the files of the other job are gone")
            quota = self.quota(new.source)
            for upload in new.uploads:
                quota.check(upload.name, upload.size)
                quota.add(upload.name, upload.size)

    def create_all(self, repositories: Sequence[NewRepository]) -> tuple[str, ...]:
        """Create repositories with checked files and return their names; all, or none and LGIError UPLOAD."""
        files = set[Upload]().union(*(new.uploads for new in repositories))
        self.pending.check_free(sum(file.size for file in files))
        names = tuple(self.new_name() for _ in repositories)
        try:
            run_in_thread(self._make_all, names, repositories)
        except OSError as error:
            for name in names:
                self.remove(name)
            log.error("cannot create %d repositories: %s", len(names), error)
            raise LGIError(ErrorNumber.UPLOAD, error.strerror or "") from None
        return names

    def _make_all(self, names: Sequence[str], repositories: Sequence[NewRepository]) -> None:
        """Write all repositories, and sync the disk once. A file of several is written once, and linked."""
        first: dict[Upload, str] = {}
        for name, new in zip(names, repositories, strict=True):
            with self._new_directory(name) as at:
                access = os.open(ACCESS_FILE, NEW, 0o660, dir_fd=at)
                with os.fdopen(access, "wb") as opened:
                    opened.write(comma_lists.join(new.writers).encode())
                for upload in new.uploads:
                    if (source := first.setdefault(upload, name)) == name:
                        copy_part(upload, os.open(upload.name, NEW, 0o660, dir_fd=at))
                    else:
                        with self.opened(source) as there:
                            link_file(upload.name, there, at)
                if new.source:
                    self._link(new.source, at)
        self.sync()

    def sync(self) -> None:
        """Sync the file system of the repositories; blocks the thread."""
        syncfs(self.root)

    def remove(self, name: str) -> None:
        """Remove a repository, if there is one, with its files."""
        self.remove_all([name])

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove repositories, those that are there, with their files."""
        run_in_thread(directory_files.remove, list(map(self.directory, names)))

    def content(self, name: str) -> list[StoredFile]:
        """Return the regular files of a repository by name; none when there is no such repository."""
        try:
            with self.opened(name) as at:
                return sorted(regular_files(at), key=lambda stored: stored.name)
        except NoSuchFileError:
            return []

    def open(self, name: str, file: str) -> IO[bytes]:
        """Return a regular file, opened for reading; NoSuchFileError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self.opened(name) as at:
            try:
                opened = os.fdopen(os.open(entry_name(file), flags, dir_fd=at), "rb")
            except OSError as error:
                raise NoSuchFileError(file) from error
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            opened.close()
            raise NoSuchFileError(file)
        return opened

    def quota(self, name: str) -> Quota:
        """Return the quota of a repository with its present files."""
        sizes = {stored.name: stored.size for stored in self.content(name)}
        return Quota(sizes, Limits(self.max_file_size, self.max_size), MOST_FILES)

    def put(self, name: str, file: str, arrived: IO[bytes], properties: FileProperties = _UNKNOWN) -> int:
        """Rename an incoming file, synced to disk, into a repository; return its size in bytes.

        It replaces an older file. Raises LGIError FILE_TOO_BIG or UPLOAD, or NoSuchFileError.
        """
        file = file_name(file)
        size = os.fstat(arrived.fileno()).st_size
        self.quota(name).check(file, size)
        with self.opened(name) as at:
            try:
                os.rename(arrived.name, file, dst_dir_fd=at)
            except OSError as error:
                raise LGIError(ErrorNumber.UPLOAD, f"{file!r}: {error.strerror}") from error
            properties.apply(arrived.fileno())
            os.fsync(at)
        return size

    def put_all(self, name: str, made: Sequence[Copy]) -> None:
        """Rename copies into a repository, replacing older files; a failed copy gets its ``refused``."""
        run_in_thread(copies.rename, self, name, made)

    def delete(self, name: str, file: str) -> None:
        """Remove a file; NoSuchFileError, LGIError UPLOAD for an invalid name."""
        file = file_name(file)
        with self.opened(name) as at:
            try:
                os.unlink(file, dir_fd=at)
            except OSError as error:
                raise NoSuchFileError(file) from error

    def writers(self, name: str) -> tuple[str, ...]:
        """Return the names in the access file of a repository; NoSuchFileError."""
        with self.open(name, ACCESS_FILE) as opened:
            return comma_lists.split(opened.read(65536).decode("utf-8", "replace"))

    def details(self, opened: IO[bytes]) -> FileDetails:
        """Return the properties of an opened file."""
        return opened_file.of_descriptor(opened.fileno())

    def old_names(self, part: int, oldest: int) -> list[str]:
        """Return repositories last changed before ``oldest``, in seconds, of one of 16 parts."""
        names = list(directory_files.names(self.root, part))
        return [name for name in names if directory_files.is_older(self.directory(name), oldest)]

    def opened(self, name: str) -> AbstractContextManager[int]:
        """Provide a descriptor of a repository, opened without following links; NoSuchFileError."""
        return repository.opened_directory(os.path.join(self.root, repository.relative_path(name)))
