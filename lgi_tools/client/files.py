"""The files of a job: list, download, upload and delete."""

import tempfile
from pathlib import Path

from lgi_protocol import xml
from lgi_tools.client.repository import Repository
from lgi_tools.client.stored_file import StoredFile, read_file, visible
from lgi_tools.client.transfer_error import TransferError


class Files:
    """The files of a job. Transfers are atomic, both locally and in the repository.

    Raises TransferError with the reason, and OSError for local files.
    """

    def __init__(self, repository: Repository) -> None:
        """Use a repository; nothing is requested yet."""
        self._repository = repository

    @property
    def url(self) -> str:
        """The URL of the repository."""
        return self._repository.url

    def list(self) -> tuple[StoredFile, ...]:
        """Return all files, without the server's own."""
        found = xml.find_all(self._repository.content(), "file")
        return visible(tuple(read_file(one.inside) for one in found))

    def download(self, name: str, target: str | Path = "") -> Path:
        """Stream a file into ``target``, a file or directory (default: the current one). Returns its path."""
        path = Path(target or name.rpartition("/")[2])
        if path.is_dir():
            path /= name.rpartition("/")[2]
        self._repository.download(name, path)
        return path

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return the content of a file that fits into memory.

        With ``most`` a file of more bytes is refused (TransferError), and no more of it is fetched.
        """

        def check(done: int, total: int) -> None:
            if most is not None and max(done, total) > most:
                raise TransferError(f"{name} has more than {most} bytes, which are the most that are read")

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, name.rpartition("/")[2])
            self._repository.download(name, path, check)
            return path.read_bytes()

    def modified(self, name: str) -> int | None:
        """Return when a file was changed, in nanoseconds since 1970; older servers tell whole seconds."""
        return self._repository.modified(name)

    def upload(self, source: str | Path, name: str = "") -> None:
        """Stream a local file into the repository, under its own name or another."""
        self._repository.upload(name or Path(source).name, Path(source))

    def delete(self, name: str) -> None:
        """Delete a file."""
        self._repository.delete(name)
