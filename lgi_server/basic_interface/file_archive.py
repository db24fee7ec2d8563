"""All files of jobs as one ZIP archive, made while it is sent."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import IO

from lgi_protocol import file_names
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface.file_tree import path_of
from lgi_server.basic_interface.job_actions import local_repository
from lgi_server.basic_interface.registry import AfterCommit, Answer, FileStream, PageContext
from lgi_server.storage import zip_stream
from lgi_server.storage.local import Repositories

# Files and bytes of one archive.
MOST_FILES, MOST_BYTES = 10_000, 16 * 2**30


def archive(visit: PageContext, job_id: int) -> Answer:
    """Return an archive of the files of a job; LGIError NO_JOB, UPLOAD, or FILE_TOO_BIG."""
    stored = local_repository(visit, job_id)
    return AfterCommit(partial(of_jobs, visit, {"": stored}, f"job_{job_id}.zip"))


def of_chosen(visit: PageContext, numbers: Sequence[int]) -> Answer:
    """Return an archive of the files of several jobs, those of each in a directory with its number."""
    stored = {str(number): local_repository(visit, number) for number in numbers}
    return AfterCommit(partial(of_jobs, visit, stored, "jobs.zip"))


def of_jobs(visit: PageContext, repositories: dict[str, str], name: str) -> FileStream:
    """Return an archive of the files of repositories, each below a directory of its own or "" for none."""
    store = visit.visitor.server.store
    entries = list(islice(_entries(store, repositories), MOST_FILES + 1))
    size = sum(size for _name, size, _changed, _open in entries)
    if not entries:
        raise LGIError(ErrorNumber.UPLOAD, message="There are no files")
    if len(entries) > MOST_FILES or size > MOST_BYTES:
        raise LGIError(
            ErrorNumber.FILE_TOO_BIG,
            message=f"An archive has at most {MOST_FILES} files and {MOST_BYTES} bytes: use LGI_get",
        )
    files: Sequence[tuple[str, int, partial[IO[bytes]]]] = [(one[0], one[2], one[3]) for one in entries]
    return FileStream(name, zip_stream.stream(files))


def _entries(
    store: Repositories, repositories: dict[str, str]
) -> Iterator[tuple[str, int, int, "partial[IO[bytes]]"]]:
    for directory, stored in repositories.items():
        taken = set[str]()
        for file in store.content(stored):
            if not file_names.is_reserved(file.name):
                path = "/".join(path_of(file.name))
                # Two names may stand for one path.
                path = file.name if path in taken else path
                taken.add(path)
                name = f"{directory}/{path}" if directory else path
                yield name, file.size, file.date // 10**9, partial(store.open, stored, file.name)
