"""Fetch the files of a repository into the directory of its job."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lgi_protocol import xml
from lgi_tools.cli import terminal
from lgi_tools.client.repository import Repository
from lgi_tools.client.result_patterns import path_of
from lgi_tools.client.stored_file import file_name
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging.directory import is_staged, is_staged_path
from lgi_tools.staging.marks import FETCHED, Fingerprint, Marks, fingerprint
from lgi_tools.staging.outcome import RETRY, UNREACHABLE, answers, transfer, worst

if TYPE_CHECKING:
    from lgi_tools.staging.user_store import UserStore


def fetch(
    directory: Path, repository: Repository, *, has_paths: bool = False, own: "UserStore | None" = None
) -> int:
    """Fetch all files of the repository and record them. Returns the exit code.

    An interrupted run continues where it stopped. Where names are paths (``has_paths``), results of an
    earlier try are put into their directories. The inputs in an ``own`` store of the user follow.
    """
    try:
        content = repository.content()
    except TransferError as failure:
        terminal.warn("LGI_stage", f"cannot list {repository.url}: {failure}")
        return UNREACHABLE if failure.is_outage else RETRY
    listed = {file_name(found.inside): found.inside for found in xml.find_all(content, "file")}
    marks = Marks(directory)
    done = marks.lines(FETCHED)
    codes = {0}
    names = list(filter(is_staged, listed))
    paths = _paths(names) if has_paths else {name: name for name in names}
    places = {name: directory / path for name, path in paths.items()}
    for name, place in places.items():
        there = [xml.value(listed[name], "size"), xml.value(listed[name], "date")]
        if name in done and done[name] == [*_here(place), *there]:
            continue
        code = transfer(name, partial(_download, repository, name, place))
        if code == RETRY and not answers(repository):
            return UNREACHABLE
        codes.add(code)
        if code == 0:
            marks.add(FETCHED, [name, *_here(place), *there])
    if code := worst(codes):
        return code
    stored: dict[str, Fingerprint] = {}
    if own is not None:
        code, stored = own.fetch()
        if code:
            return code
    marks.note({name: _here(place) for name, place in places.items()} | stored)
    return 0


def _paths(names: Iterable[str]) -> dict[str, str]:
    """Return where each file goes, below the directory of the job whatever its name says.

    A file whose path is that of another one, or leads through another one, has its name as path.
    """
    paths = {name: path if is_staged_path(path := path_of(name)) else name for name in names}
    while clashes := _clashes(paths):
        paths |= {name: name for name in clashes}
    return paths


def _clashes(paths: Mapping[str, str]) -> list[str]:
    taken = Counter(paths.values())
    return [
        name
        for name, path in paths.items()
        if path != name and (taken[path] > 1 or any(str(one) in taken for one in PurePosixPath(path).parents))
    ]


def _download(repository: Repository, name: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    repository.download(name, place)


def _here(path: Path) -> list[int]:
    """Return the fingerprint of a file, an empty list when it does not exist."""
    try:
        return fingerprint(path.lstat())
    except OSError:
        return []
