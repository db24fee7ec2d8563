"""The quota of a repository: its files, and whether one more may be added."""

from dataclasses import dataclass

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.storage.repository import Limits


@dataclass
class Quota:
    """The sizes of the files in bytes by name, the limits in bytes, and the largest number of files."""

    sizes: dict[str, int]
    limits: Limits
    most_files: int

    def __post_init__(self) -> None:
        """Add up the sizes."""
        self._total = sum(self.sizes.values())

    def check(self, name: str, size: int) -> None:
        """Raise LGIError FILE_TOO_BIG or UPLOAD unless a file of this size may be stored under this name."""
        if size > self.limits.file:
            raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {self.limits.file} bytes are allowed")
        if name not in self.sizes and len(self.sizes) >= self.most_files:
            raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {self.most_files} files")
        self.check_pending(name, size)

    def check_pending(self, name: str, size: int) -> None:
        """Raise LGIError UPLOAD unless so many bytes fit beside the files, of which ``name`` is replaced."""
        if self._total - self.sizes.get(name, 0) + size > self.limits.repository:
            raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {self.limits.repository} bytes")

    def add(self, name: str, size: int) -> None:
        """Count a checked file, which replaces one with the same name."""
        self._total += size - self.sizes.get(name, 0)
        self.sizes[name] = size
