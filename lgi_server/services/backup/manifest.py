"""The manifest of a backup: what made it, and each of its files with size and digest."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# The version of the layout of archive and manifest.
FORMAT = 1
NAME = "manifest.json"
# A file of its own with the SHA-256 of the manifest.
DIGEST = "manifest.sha256"


@dataclass(frozen=True)
class StoredFile:
    """A file of the archive; ``size`` in bytes, SHA-256 in hexadecimal, ``modified`` in nanoseconds."""

    name: str
    size: int
    digest: str
    mode: int = 0o600
    modified: int = 0


@dataclass(frozen=True)
class ProjectContents:
    """One project: the address of its database, the rows and last number of each table.

    ``deleted`` are the jobs that were deleted, with their repositories, while these were added.
    """

    address: str
    rows: Mapping[str, int]
    numbers: Mapping[str, int]
    deleted: tuple[int, ...] = ()
    # The file of its password, in the archive; empty when the address names none.
    password_file: str = ""


@dataclass(frozen=True)
class Manifest:
    """The contents of a backup, ``made`` in Unix seconds.

    ``settings`` has the settings of the configuration that are files, by section and name, with the files of
    the archive in place of those of the server.
    """

    made: int
    release: str
    schema: int
    host: str
    with_authority: bool
    with_repositories: bool
    settings: Mapping[str, Mapping[str, str]]
    projects: Mapping[str, ProjectContents]
    files: tuple[StoredFile, ...] = field(repr=False)
    format: int = FORMAT


def release() -> str:
    """Return the version of this program."""
    try:
        return version("lgi")
    except PackageNotFoundError:
        return "unknown"


def to_json(manifest: Manifest) -> bytes:
    """Serialize a manifest."""
    return json.dumps(asdict(manifest), indent=1).encode()


def from_json(data: bytes) -> Manifest:
    """Parse a manifest. Raises ValueError when it is damaged or of a newer format."""
    try:
        values: dict[str, Any] = json.loads(data)
        if values["format"] != FORMAT:
            raise ValueError(f"its format is {values['format']!r:.20}, this program reads format {FORMAT}")
        values["files"] = tuple(StoredFile(**one) for one in values["files"])
        values["projects"] = {name: _project(one) for name, one in values["projects"].items()}
        manifest = Manifest(**values)
        _check_types(manifest)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its manifest is damaged: {error}") from None
    return manifest


def _project(values: dict[str, Any]) -> ProjectContents:
    return ProjectContents(**{**values, "deleted": tuple(map(int, values["deleted"]))})


def _check_types(manifest: Manifest) -> None:
    """Raise TypeError unless values that are used as names and numbers are such."""
    for one in manifest.files:
        _check(str, one.name, one.digest)
        _check(int, one.size, one.mode, one.modified)
    for project in manifest.projects.values():
        _check(str, project.address, project.password_file)
        _check(int, *project.rows.values(), *project.numbers.values())
    for section in manifest.settings.values():
        _check(str, *section.values())
    _check(int, manifest.made, manifest.schema)
    _check(str, manifest.release, manifest.host)


def _check(kind: type, *values: object) -> None:
    for value in values:
        if not isinstance(value, kind) or (kind is int and int(str(value)) < 0):
            raise TypeError(f"{value!r:.40} is not {kind.__name__}")
