"""Fetch the files of a repository into the directory of its job."""

from functools import partial
from pathlib import Path

from lgi_protocol import xml
from lgi_tools.cli import terminal
from lgi_tools.client.repository import Repository
from lgi_tools.client.stored_file import file_name
from lgi_tools.client.transfer_error import TransferError
from lgi_tools.staging.directory import is_staged
from lgi_tools.staging.marks import FETCHED, Marks, fingerprint
from lgi_tools.staging.outcome import RETRY, UNREACHABLE, answers, transfer


def fetch(directory: Path, repository: Repository) -> int:
    """Fetch all files of the repository and record them. Returns the exit code.

    An interrupted run continues where it stopped.
    """
    try:
        content = repository.content()
    except TransferError as failure:
        terminal.warn("LGI_stage", f"cannot list {repository.url}: {failure}")
        return UNREACHABLE if failure.is_outage else RETRY
    listed = {file_name(found.inside): found.inside for found in xml.find_all(content, "file")}
    marks = Marks(directory)
    done = marks.lines(FETCHED)
    codes = set()
    for name in filter(is_staged, listed):
        there = [xml.value(listed[name], "size"), xml.value(listed[name], "date")]
        if name in done and done[name] == [*_here(directory / name), *there]:
            continue
        code = transfer(name, partial(repository.download, name, directory / name))
        if code == RETRY and not answers(repository):
            return UNREACHABLE
        codes.add(code)
        if code == 0:
            marks.add(FETCHED, [name, *_here(directory / name), *there])
    if codes - {0}:
        return RETRY
    marks.note({name: _here(directory / name) for name in filter(is_staged, listed)})
    return 0


def _here(path: Path) -> list[int]:
    """Return the fingerprint of a file, an empty list when it does not exist."""
    try:
        return fingerprint(path.lstat())
    except OSError:
        return []
