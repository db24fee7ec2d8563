"""Repositories on another host, reached by ssh as LGI's document describes.

The commands below are the only texts that a shell ever reads. Their variable parts are the configured
directory, of plain characters, and names of repositories, which this server has made. Names of files and
access lists are sent in a tar stream, and received separated by NULs.
"""

import io
import logging
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lgi_protocol import comma_lists, file_names
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.storage import repository
from lgi_server.storage.pending_uploads import PendingUploads
from lgi_server.storage.repository import ACCESS_FILE, STREAMS, Limits, NewRepository, StoredFile, Upload
from lgi_server.storage.ssh import RemoteCommandError, Ssh
from lgi_server.storage.threadpool import run_in_thread

log = logging.getLogger("lgi.repositories")
# sh reads the rest, whatever the login shell is; it is in single quotes, so nothing below may have one.
_HEAD = "exec sh -c 'cd {directory} || exit 1; "
# The access file comes last in the stream: when it exists the stream was complete.
CREATE = (
    "umask 007; mkdir -p {fan} && mkdir {new} {copy}&& tar -x -o -f - -C {new} && test -f {new}/{access} "
    "&& find {new} -exec sync {{}} + && mv -T {new} {old} || {{ rm -rf {new}; exit 1; }}'"
)
# The files of another repository; what is uploaded in the place of one replaces it.
_COPY = "&& cp -R -P -p {source}/. {{new}} && ( cd {{new}} && rm -f {{access}} {streams} ) "
_REMOVE = "rm -rf {new} {old}'"
_CONTENT = (
    "test -d {old} || exit 0; "
    'exec find {old} -maxdepth 1 -ignore_readdir_race -type f -printf "%s %T@ %f\\0"\''
)
SECONDS = 30.0
# Repositories that one command removes: the system limits its length.
_AT_ONCE = 256
# Bytes per second that a connection must carry at least.
SLOWEST = 1_000_000


class RemoteRepositories:
    """The repositories below a directory of another host, which serves their files: a `Store`."""

    def __init__(self, host: RepositoryHost, limits: Limits, pending: PendingUploads, control: Path) -> None:
        """Create the store; streams are written beside ``pending``, the socket of ssh is in ``control``."""
        control.mkdir(mode=0o700, exist_ok=True)
        self._host = host
        self._limits = limits
        self._pending = pending
        self._ssh = Ssh(host, control)

    def new_name(self) -> str:
        """Return a random name."""
        return repository.new_name()

    def create(self, name: str, new: NewRepository) -> None:
        """Create a repository with its first files, all or nothing; LGIError UPLOAD or FILE_TOO_BIG."""
        self.check(new)
        self._pending.check_free(sum(upload.size for upload in new.uploads))
        with tempfile.TemporaryFile(dir=self._pending.directory) as packed:
            run_in_thread(pack, packed, new.writers, new.uploads)
            size = packed.tell()
            packed.seek(0)
            with _translated_errors():
                self._run(create_steps(new.source), name, packed, SECONDS + size / SLOWEST)

    def check(self, new: NewRepository) -> None:
        """Raise LGIError UPLOAD or FILE_TOO_BIG unless a repository can have these first files."""
        repository.check_uploads(new.uploads, self._limits)

    def create_all(self, repositories: Sequence[NewRepository]) -> tuple[str, ...]:
        """Create repositories one after the other and return their names; all or none.

        Raises LGIError UPLOAD or FILE_TOO_BIG.
        """
        made: list[str] = []
        try:
            for new in repositories:
                made.append(self.new_name())
                self.create(made[-1], new)
        except LGIError:
            for name in made:
                self.remove(name)
            raise
        return tuple(made)

    def remove(self, name: str) -> None:
        """Remove a repository with its files; a failure is only logged."""
        try:
            self._run(_REMOVE, name)
        except RemoteCommandError:
            log.warning("cannot remove %s, it may still be on the repository host", name)

    def remove_all(self, names: Sequence[str]) -> None:
        """Remove repositories, many with one command; after a failure the others are only logged too."""
        for begin in range(0, len(names), _AT_ONCE):
            some = names[begin : begin + _AT_ONCE]
            try:
                self._ssh.run(removal(self._host.directory, some), None, SECONDS + len(some))
            except RemoteCommandError:
                left = ", ".join(names[begin:])
                log.warning("cannot remove %s, they may still be on the repository host", left)
                return

    def content(self, name: str) -> list[StoredFile]:
        """Return the regular files of a repository, ordered by name; LGIError UPLOAD when the host fails."""
        if not repository.is_name(name):
            return []
        with _translated_errors():
            listed = self._run(_CONTENT, name)
        return sorted(_listed(listed), key=lambda stored: stored.name)

    def location(self, name: str, server_name: str) -> str:
        """Return the location of a repository as scp takes it."""
        return f"{self._host.address}:{self._host.directory}/{repository.relative_path(name)}"

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"{self._host.url}/{repository.relative_path(name)}"

    def _run(self, steps: str, name: str, given: IO[bytes] | None = None, seconds: float = SECONDS) -> bytes:
        return self._ssh.run(command(steps, self._host.directory, name), given, seconds)


def create_steps(source: str = "") -> str:
    """Return the steps that create a repository, with the files of another one, if ``source`` names one.

    Raises NoSuchFileError for a name that is none.
    """
    copy = _COPY.format(source=repository.relative_path(source), streams=" ".join(STREAMS)) if source else ""
    return CREATE.replace("{copy}", copy)


def command(steps: str, directory: str, name: str) -> str:
    """Return the command for the login shell of the host; NoSuchFileError for an invalid name."""
    old, fan = repository.relative_path(name), name[-3:]
    new = f"{fan}/.new-{name}"
    return (_HEAD + steps).format(directory=directory, access=ACCESS_FILE, fan=fan, new=new, old=old)


def removal(directory: str, names: Sequence[str]) -> str:
    """Return the command that removes repositories; NoSuchFileError for an invalid name."""
    places = [
        place for name in names for place in (f"{name[-3:]}/.new-{name}", repository.relative_path(name))
    ]
    return f"{_HEAD.format(directory=directory)}rm -rf {' '.join(places)}'"


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn RemoteCommandError into LGIError UPLOAD without details, which only the log has."""
    try:
        yield
    except RemoteCommandError:
        raise LGIError(ErrorNumber.UPLOAD, message="The repository host is not available") from None


def pack(packed: IO[bytes], writers: Sequence[str], uploads: Sequence[Upload]) -> None:
    """Write the files and then the access list as a tar archive of the GNU format, which has long names."""
    with tarfile.open(
        fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for upload in uploads:
            with upload.arrived.open("rb") as opened:
                opened.seek(upload.part[0] if upload.part else 0)
                archive.addfile(_member(upload.name, upload.size, upload.properties), opened)
        access = comma_lists.join(writers).encode()
        archive.addfile(_member(ACCESS_FILE, len(access), FileProperties()), io.BytesIO(access))


def _member(name: str, size: int, properties: FileProperties) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o770 if properties.executable else 0o660
    member.mtime = time.time() if properties.modified is None else properties.modified // 10**9
    return member


def _listed(output: bytes) -> Iterator[StoredFile]:
    for entry in output.split(b"\0")[:-1]:
        size, date, raw = entry.split(b" ", 2)
        name = raw.decode("utf-8", "surrogateescape")
        seconds, _, fraction = date.decode("ascii").partition(".")
        # Other names can only have been created on that host itself.
        if file_names.is_listable(name):
            yield StoredFile(name, int(size), int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0")))
