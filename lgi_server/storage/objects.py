"""Repositories in an object store: the objects ``<prefix>JOB_<32 digits>/<file>`` of one bucket.

This server serves them at the addresses that repositories on its disk have: programs see no difference.
The digits of a repository's name are random, and only the users of its job learn them. What arrives is
written to the incoming directory, where the limits of account and disk hold, and sent to the store when it is
complete.
"""

import io
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, TypeVar

from lgi_protocol import comma_lists, file_names, file_properties, s3_bucket
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import EXECUTABLE, MODIFIED, FileProperties
from lgi_protocol.s3_bucket import ObjectHead, S3Bucket
from lgi_protocol.s3_errors import S3Error
from lgi_server.config.model import Config
from lgi_server.storage import repository, store_errors
from lgi_server.storage.copies import Copy
from lgi_server.storage.local import MOST_FILES, Repositories
from lgi_server.storage.object_reader import ObjectReader
from lgi_server.storage.opened_file import FileDetails
from lgi_server.storage.repository import (
    ACCESS_FILE,
    STREAMS,
    Limits,
    NewRepository,
    NoSuchFileError,
    StoredFile,
    entry_name,
    file_name,
)

log = logging.getLogger("lgi.repositories")
# Requests to the store at once, for one of a caller.
_AT_ONCE = 8
_PROPERTY = "x-amz-meta-"
# What an ETag of ours does not have.
_TAG = re.compile("[^0-9A-Za-z._-]")
# What a store copies by one request.
_LARGEST_COPY = 5 * 2**30
_UNKNOWN = FileProperties()
Item = TypeVar("Item")


class ObjectRepositories(Repositories):
    """The repositories in an object store, with the incoming directory on this server's disk: a `Store`."""

    def __init__(self, config: Config, bucket: S3Bucket, prefix: str) -> None:
        """Keep the files in a bucket, below ``prefix``, which is empty or ends with a slash."""
        super().__init__(
            config.repository,
            config.max_file_size,
            config.max_repository_size,
            f"{config.url}/repository",
            config.disk_reserve,
        )
        self._bucket = bucket
        self._prefix = prefix

    def location(self, name: str, server_name: str) -> str:
        """Return the location of a repository as ``server_name:directory``; it does not name the bucket."""
        return f"{server_name}:/{repository.relative_path(name)}"

    def check(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless a repository can have these first files."""
        repository.check_uploads(new.uploads, Limits(self.max_file_size, self.max_size))

    def create(self, name: str, new: NewRepository) -> None:
        """Create a repository with its first files; LGIError UPLOAD or FILE_TOO_BIG, then call `remove`."""
        self.check(new)
        self._create(name, new)

    def create_all(self, repositories: Sequence[NewRepository]) -> tuple[str, ...]:
        """Create repositories with checked files and return their names; all, or none and LGIError UPLOAD."""
        names = tuple(self.new_name() for _ in repositories)
        try:
            _each(lambda one: self._create(*one), list(zip(names, repositories, strict=True)))
        except LGIError:
            self.remove_all(names)
            raise
        return names

    def _create(self, name: str, new: NewRepository) -> None:
        if new.source:
            self._check_source(new)
        for upload in new.uploads:
            with upload.arrived.open("rb") as opened:
                opened.seek(upload.part[0] if upload.part else 0)
                self._send(name, upload.name, opened, upload.size, upload.properties)
        if new.source:
            self._copy(new.source, name, {upload.name for upload in new.uploads})
        access = comma_lists.join(new.writers).encode()
        with store_errors.translated(name):
            self._bucket.put_bytes(self._key(name, ACCESS_FILE), access)

    def _check_source(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless the files fit beside those of the other repository."""
        quota = self.quota(new.source)
        if not quota.sizes:
            raise LGIError(ErrorNumber.UPLOAD, "the files of the other job are gone")
        for upload in new.uploads:
            quota.check(upload.name, upload.size)
            quota.add(upload.name, upload.size)

    def _copy(self, source: str, name: str, replaced: set[str]) -> None:
        """Copy the files of a repository, but the streams and those that are replaced."""
        omitted = {*STREAMS, *replaced}
        chosen = [
            one
            for one in self.content(source)
            if one.name not in omitted and not file_names.is_reserved(one.name)
        ]
        for one in chosen:
            if one.size > _LARGEST_COPY:
                raise LGIError(
                    ErrorNumber.UPLOAD, f"{one.name!r} is too large for a copy in the object store"
                )
        with store_errors.translated(name):
            _each(
                lambda one: self._bucket.copy(self._key(source, one.name), self._key(name, one.name)), chosen
            )

    def remove(self, name: str) -> None:
        """Remove a repository, if there is one, with its files; a failure is only logged."""
        try:
            self._bucket.remove([one.key for one in self._bucket.objects(self._key(name))])
        except S3Error as error:
            log.warning("cannot remove %s, it may still be in the object store: %s", name, error)

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove repositories, those that are there, with their files; failures are only logged."""
        _each(self.remove, names)

    def content(self, name: str) -> list[StoredFile]:
        """Return the files of a repository by name, none when there is no such one; LGIError UPLOAD."""
        if not repository.is_name(name):
            return []
        begin, found = self._key(name), list[StoredFile]()
        with store_errors.translated(name):
            for one in self._bucket.objects(begin):
                file = one.key.removeprefix(begin)
                # Others can only have been stored by somebody with the keys of the store.
                is_entry = one.key != file and "/" not in file and file not in {"", ".", ".."}
                if is_entry and file_names.is_listable(file):
                    found.append(StoredFile(file, one.size, one.date))
                if len(found) > MOST_FILES + 1:
                    break
        return sorted(found, key=lambda stored: stored.name)

    def open(self, name: str, file: str) -> IO[bytes]:
        """Return a file, opened for reading; NoSuchFileError, LGIError UPLOAD."""
        key = self._key(name, entry_name(file))
        with store_errors.translated(name):
            # One request for head and bytes: another one may find a newer version.
            answer = self._bucket.get(key)
            head = s3_bucket.head_of(answer)
        return io.BufferedReader(ObjectReader(self._bucket, key, head, answer), 2**16)

    def details(self, opened: IO[bytes]) -> FileDetails:
        """Return the properties of an opened file."""
        reader = opened.raw if isinstance(opened, io.BufferedReader) else None
        if not isinstance(reader, ObjectReader):
            return super().details(opened)
        head = reader.head
        properties = _properties(head)
        version = _TAG.sub("", head.tag) or f"{head.size:x}-{head.date:x}"
        return FileDetails(version, properties.modified or head.date, properties)

    def put(self, name: str, file: str, arrived: IO[bytes], properties: FileProperties = _UNKNOWN) -> int:
        """Send an incoming file to a repository; return its size in bytes.

        It replaces an older file. Raises LGIError FILE_TOO_BIG or UPLOAD, or NoSuchFileError.
        """
        file = file_name(file)
        size = arrived.seek(0, io.SEEK_END)
        self.quota(name).check(file, size)
        self.writers(name)
        arrived.seek(0)
        self._send(name, file, arrived, size, properties)
        return size

    def put_all(self, name: str, copies: Sequence[Copy]) -> None:
        """Send copies to a repository, replacing older files; a failed copy gets its ``refused``."""
        self.writers(name)
        _each(partial(self._put_copy, name), copies)

    def _put_copy(self, name: str, copy: Copy) -> None:
        try:
            with open(str(copy.path), "rb") as opened:
                upload = copy.upload
                self._send(name, upload.name, opened, upload.size, upload.properties)
        except LGIError as refused:
            copy.refused = refused

    def delete(self, name: str, file: str) -> None:
        """Remove a file; NoSuchFileError, LGIError UPLOAD for an invalid name."""
        key = self._key(name, file_name(file))
        with store_errors.translated(name):
            self._bucket.head(key)
            self._bucket.remove([key])

    def writers(self, name: str) -> tuple[str, ...]:
        """Return the names in the access file of a repository; NoSuchFileError."""
        with self.open(name, ACCESS_FILE) as opened:
            return comma_lists.split(opened.read(65536).decode("utf-8", "replace"))

    def old_names(self, part: int, oldest: int) -> list[str]:
        """Return repositories last changed before ``oldest``, in seconds, of one of 16 parts."""
        begin = f"{self._prefix}JOB_{part:x}"
        with store_errors.translated(begin):
            places = (place.removeprefix(self._prefix).rstrip("/") for place in self._bucket.prefixes(begin))
            return [name for name in places if repository.is_name(name) and self._is_older(name, oldest)]

    def _is_older(self, name: str, oldest: int) -> bool:
        return all(one.date < oldest * 10**9 for one in self._bucket.objects(self._key(name)))

    def _send(self, name: str, file: str, opened: IO[bytes], size: int, properties: FileProperties) -> None:
        headers = {f"{_PROPERTY}{key}".lower(): value for key, value in properties.headers().items()}
        with store_errors.translated(name):
            self._bucket.put(self._key(name, file), opened, size, headers)

    def _key(self, name: str, file: str = "") -> str:
        if not repository.is_name(name):
            raise NoSuchFileError(name)
        return f"{self._prefix}{name}/{file}"


def _properties(head: ObjectHead) -> FileProperties:
    """Return the properties of a file, which its object has as headers of its own."""
    modified = file_properties.read_time(head.headers.get(f"{_PROPERTY}{MODIFIED}", ""))
    executable = head.headers.get(f"{_PROPERTY}{EXECUTABLE}", "") == "1"
    return FileProperties(head.date if modified is None else modified, executable)


def _each(work: Callable[[Item], object], items: Sequence[Item]) -> None:
    """Do ``work`` for each item, some at once; raise the first error when all have ended."""
    if len(items) < 2:
        for item in items:
            work(item)
        return
    # Greenlets in a server, where threads are replaced by them.
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _done in threads.map(work, items):
            pass
