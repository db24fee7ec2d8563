"""Short files of several repositories, whose contents are in memory: stored by one thread together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol.errors import LGIError
from lgi_server.storage import copies, file_list
from lgi_server.storage.copies import Copy
from lgi_server.storage.local import Repositories
from lgi_server.storage.threadpool import run_in_thread

# With more files a sync of the whole file system takes less time than one of each.
MOST_SYNCS = 16


@dataclass(frozen=True)
class PostedFiles:
    """Files for a repository: their list in JSON, their contents as one, and the account that posts them."""

    repository: str
    listed: str
    contents: bytes
    account: str


def store(repositories: Repositories, posted: Sequence[PostedFiles]) -> list[int | LGIError | OSError]:
    """Store files of several repositories, replacing older ones, and wait until they are on disk.

    Return for each how many they are, or the error for which none of them is stored.
    """
    return run_in_thread(_store, repositories, posted)


def _store(repositories: Repositories, posted: Sequence[PostedFiles]) -> list[int | LGIError | OSError]:
    written: list[list[Copy]] = [[] for _one in posted]
    try:
        errors = [_write(repositories, one, made) for one, made in zip(posted, written, strict=True)]
        _sync(repositories, [copy for made in written for copy in made])
        return [
            error or _rename(repositories, one.repository, made)
            for one, made, error in zip(posted, written, errors, strict=True)
        ]
    finally:
        for copy in (copy for made in written for copy in made):
            if copy.path is not None:
                copy.path.unlink(missing_ok=True)


def _write(repositories: Repositories, one: PostedFiles, made: list[Copy]) -> LGIError | OSError | None:
    """Write the files into the incoming directory, and add a copy for each; return why one is missing."""
    try:
        _write_all(repositories, one, made)
    except (LGIError, OSError) as error:
        return error
    return None


def _write_all(repositories: Repositories, one: PostedFiles, made: list[Copy]) -> None:
    budget = repositories.budget(one.account, one.repository)
    budget.announce(len(one.contents))
    uploads = file_list.read(one.listed, None, len(one.contents))
    for copy in copies.checked(repositories.quota(one.repository), uploads):
        if copy.refused is not None:
            raise copy.refused
        begin, size = copy.upload.part or (0, 0)
        with budget.new_file() as opened:
            copy.path = Path(opened.name)
            made.append(copy)
            opened.write(one.contents[begin : begin + size])


def _sync(repositories: Repositories, made: Sequence[Copy]) -> None:
    if len(made) > MOST_SYNCS:
        repositories.sync()
        return
    for copy in made:
        descriptor = os.open(str(copy.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename(repositories: Repositories, name: str, made: Sequence[Copy]) -> int | LGIError | OSError:
    """Rename the copies into their repository; return their number, or why not all are there."""
    try:
        copies.rename(repositories, name, made)
    except (LGIError, OSError) as error:
        return error
    return next((copy.refused for copy in made if copy.refused is not None), len(made))
