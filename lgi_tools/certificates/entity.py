"""The files of a new certificate."""

from pathlib import Path

from lgi_protocol.value_object import value_object


@value_object
class Issued:
    """The files of one new certificate; with a PKCS12 file for a user when a password was given."""

    certificate: Path
    key: Path
    pkcs12: Path | None = None


def refuse_existing(advice: str, *paths: Path | None) -> None:
    """Raise FileExistsError with an advice when one of the files exists."""
    for path in paths:
        if path is not None and path.exists():
            raise FileExistsError(f"{path} already exists: {advice}")
