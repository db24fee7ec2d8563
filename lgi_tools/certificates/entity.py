"""Whom certificates are for, and in which files theirs are."""

from dataclasses import dataclass
from pathlib import Path

from lgi_tools.certificates.profiles import Kind


@dataclass(frozen=True)
class Issued:
    """The files of one new certificate; users have a PKCS12 file too when a password was given."""

    certificate: Path
    key: Path
    pkcs12: Path | None = None


@dataclass(frozen=True)
class Wanted:
    """Whom a certificate is to be for; ``also`` are other names or addresses of a server."""

    kind: Kind
    name: str
    groups: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def refuse_existing(advice: str, *paths: Path | None) -> None:
    """FileExistsError with an advice when one of the files is there."""
    for path in paths:
        if path is not None and path.exists():
            raise FileExistsError(f"{path} is there already: {advice}")
