"""The holders of certificates and their files."""

from dataclasses import dataclass
from pathlib import Path

from lgi_tools.certificates.profiles import Kind


@dataclass(frozen=True)
class Issued:
    """The files of one new certificate; with a PKCS12 file for a user when a password was given."""

    certificate: Path
    key: Path
    pkcs12: Path | None = None


@dataclass(frozen=True)
class Wanted:
    """The holder of a requested certificate; ``also`` are alternative names or addresses of a server."""

    kind: Kind
    name: str
    groups: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def refuse_existing(advice: str, *paths: Path | None) -> None:
    """Raise FileExistsError with an advice when one of the files exists."""
    for path in paths:
        if path is not None and path.exists():
            raise FileExistsError(f"{path} already exists: {advice}")
