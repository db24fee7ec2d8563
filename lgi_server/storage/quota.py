"""What a repository holds, and what may be added to it."""

from dataclasses import dataclass

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.storage.base import Limits


@dataclass
class Room:
    """Sizes in bytes by name; ``most_files`` is the number of files a repository may hold."""

    sizes: dict[str, int]
    limits: Limits
    most_files: int

    def __post_init__(self) -> None:
        """Count the bytes there are."""
        self._total = sum(self.sizes.values())

    def check(self, name: str, size: int) -> None:
        """LGIError FILE_TOO_BIG or UPLOAD unless a file of this size may be stored under this name."""
        if size > self.limits.file:
            raise LGIError(ErrorNumber.FILE_TOO_BIG, f"at most {self.limits.file} bytes are allowed")
        if name not in self.sizes and len(self.sizes) >= self.most_files:
            raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {self.most_files} files")
        self.check_pending(name, size)

    def check_pending(self, name: str, size: int) -> None:
        """LGIError UPLOAD unless so many bytes have a place beside the files there, one of which goes."""
        if self._total - self.sizes.get(name, 0) + size > self.limits.repository:
            raise LGIError(ErrorNumber.UPLOAD, f"a repository holds at most {self.limits.repository} bytes")

    def add(self, name: str, size: int) -> None:
        """Count a file that was checked, in the place of one with the same name."""
        self._total += size - self.sizes.get(name, 0)
        self.sizes[name] = size
