"""Repositories on another host, reached by ssh as LGI's document describes.

The commands below are the only texts a shell ever sees. What varies in them is the configured directory, of
plain characters, and names of repositories, which this server made. Names of files and lists of access
travel in a tar stream one way and between NULs the other.
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

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.storage import base
from lgi_server.storage.base import ACCESS_FILE, Limits, NewRepository, StoredFile, Upload
from lgi_server.storage.ssh import RemoteCommandError, Ssh
from lgi_server.storage.threadpool import run_in_thread

log = logging.getLogger("lgi.repositories")
# Whatever the login shell is, sh reads the rest, between single quotes: nothing below may hold one.
_HEAD = "exec sh -c 'cd {directory} || exit 1; "
# The access file is packed last: when it is there, the stream was not cut short.
CREATE = (
    "umask 007; mkdir -p {fan} && mkdir {new} && tar -x -o -f - -C {new} && test -f {new}/{access} "
    "&& find {new} -exec sync {{}} + && mv -T {new} {old} || {{ rm -rf {new}; exit 1; }}'"
)
_REMOVE = "rm -rf {new} {old}'"
_CONTENT = (
    "test -d {old} || exit 0; "
    'exec find {old} -maxdepth 1 -ignore_readdir_race -type f -printf "%s %T@ %f\\0"\''
)
SECONDS = 30.0
# The least a connection must carry, in bytes a second.
SLOWEST = 1_000_000


class RemoteRepositories:
    """The repositories below a directory of another host: a `Store` whose files that host serves."""

    def __init__(self, host: RepositoryHost, limits: Limits, incoming: Path, control: Path) -> None:
        """Streams are made in ``incoming``; ``control`` is made for this server's eyes only."""
        control.mkdir(mode=0o700, exist_ok=True)
        self._host = host
        self._limits = limits
        self._incoming = incoming
        self._ssh = Ssh(host, control)

    def new_name(self) -> str:
        """Return a name nobody can guess."""
        return base.new_name()

    def create(self, name: str, writers: Sequence[str], uploads: Sequence[Upload]) -> None:
        """Make a repository with its first files, all of it or nothing; LGIError UPLOAD, FILE_TOO_BIG."""
        base.check_uploads(uploads, self._limits)
        with tempfile.TemporaryFile(dir=self._incoming) as packed:
            run_in_thread(pack, packed, writers, uploads)
            size = packed.tell()
            packed.seek(0)
            with _answered():
                self._run(CREATE, name, packed, SECONDS + size / SLOWEST)

    def check(self, uploads: Sequence[Upload]) -> None:
        """LGIError UPLOAD or FILE_TOO_BIG unless these can be the first files of one repository."""
        base.check_uploads(uploads, self._limits)

    def create_all(self, wanted: Sequence[NewRepository]) -> tuple[str, ...]:
        """Make repositories one after the other; their names. LGIError UPLOAD, FILE_TOO_BIG."""
        made: list[str] = []
        try:
            for new in wanted:
                made.append(self.new_name())
                self.create(made[-1], new.writers, new.uploads)
        except LGIError:
            for name in made:
                self.remove(name)
            raise
        return tuple(made)

    def remove(self, name: str) -> None:
        """Remove a repository and its files; what cannot be removed now is left, and the log says so."""
        try:
            self._run(_REMOVE, name)
        except RemoteCommandError:
            log.warning("%s may be left on the repository host", name)

    def content(self, name: str) -> list[StoredFile]:
        """Return the plain files of a repository by name; LGIError UPLOAD when the host cannot tell."""
        if not base.is_name(name):
            return []
        with _answered():
            listed = self._run(_CONTENT, name)
        return sorted(_listed(listed), key=lambda stored: stored.name)

    def place(self, name: str, server_name: str) -> str:
        """Return where a repository is, as scp would name it."""
        return f"{self._host.address}:{self._host.directory}/{base.below(name)}"

    def url(self, name: str) -> str:
        """Return where a repository is served."""
        return f"{self._host.url}/{base.below(name)}"

    def _run(self, steps: str, name: str, given: IO[bytes] | None = None, seconds: float = SECONDS) -> bytes:
        return self._ssh.run(command(steps, self._host.directory, name), given, seconds)


def command(steps: str, directory: str, name: str) -> str:
    """Return what the login shell there reads. Raises NoSuchFileError for a name no server of ours makes."""
    old, fan = base.below(name), name[-3:]
    new = f"{fan}/.new-{name}"
    return (_HEAD + steps).format(directory=directory, access=ACCESS_FILE, fan=fan, new=new, old=old)


@contextmanager
def _answered() -> Iterator[None]:
    """Tell a client no more than that it is not the client's fault."""
    try:
        yield
    except RemoteCommandError:
        raise LGIError(ErrorNumber.UPLOAD, message="The repository host cannot be used now") from None


def pack(packed: IO[bytes], writers: Sequence[str], uploads: Sequence[Upload]) -> None:
    """Write the files and then the access list as a tar archive, in the oldest format with long names."""
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
        # A name that is no text can only come from the hand of that host's administrator.
        if base.is_text(name):
            yield StoredFile(name, int(size), int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0")))
