"""The jobs of a bulk submit as they are posted: a list in JSON, and the contents of all files as one."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from lgi_protocol import file_properties, whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.file_properties import FileProperties
from lgi_server.api import fields as api_fields
from lgi_server.api.form import Form
from lgi_server.config.model import Config
from lgi_server.storage.repository import Upload, file_name
from lgi_server.storage.threadpool import run_in_thread

_FIELDS = frozenset(
    {
        *("request_id", "application", "target_resources", "job_specifics"),
        *("input", "output", "read_access", "write_access", "job_name", "labels", "hold"),
        *("after", "after_any", "keep_after_failure", "retries", "retry_on", "backoff"),
        *("array_index", "priority", "deadline", "urgent", "not_on", "notify", "mail", "webhook"),
    }
)
_BLOCK = 2**20


@dataclass(frozen=True)
class BulkEntry:
    """One job: the fields that a single submit would post, and its files."""

    request_id: str
    form: Form
    files: tuple[Upload, ...]

    def uploads(self) -> tuple[Upload, ...]:
        """Return the files after a check of their names; LGIError UPLOAD."""
        for file in self.files:
            file_name(file.name)
        return self.files


def read(form: Form, uploads: Sequence[Upload], config: Config) -> tuple[BulkEntry, ...]:
    """Return the jobs of a call; LGIError POST_TOO_BIG for too many, UPLOAD for a malformed list."""
    try:
        listed = json.loads(form.text(api_fields.JOBS))
    except (ValueError, RecursionError) as error:
        raise _malformed(f"it is not JSON: {error}") from None
    if not isinstance(listed, list):
        raise _malformed("it is not an array")
    if len(listed) > config.max_jobs_at_once:
        why = f"{len(listed)} jobs, at most {config.max_jobs_at_once} at once"
        raise LGIError(ErrorNumber.POST_TOO_BIG, why)
    entries = [_entry(number, one) for number, one in enumerate(listed, 1)]
    _check_ids([posted.get("request_id", "") for posted, _files in entries])
    parts = iter(_parts([file for _posted, files in entries for file in files], uploads))
    return tuple(
        BulkEntry(
            posted.get("request_id", "").strip()[:64], Form(posted), tuple(next(parts) for _file in files)
        )
        for posted, files in entries
    )


def _malformed(why: str) -> LGIError:
    return LGIError(ErrorNumber.UPLOAD, why, message="The list of jobs is malformed")


@dataclass(frozen=True)
class _Listed:
    """A file of the list; ``size`` is in bytes."""

    name: str
    size: int
    properties: FileProperties


def _entry(number: int, one: Any) -> tuple[dict[str, str], list[_Listed | int]]:
    """Return the fields and the files of a job."""
    if not isinstance(one, dict):
        raise _malformed(f"job {number} is not an object")
    fields = {name: value for name, value in one.items() if name != "files"}
    for name, value in fields.items():
        if name not in _FIELDS:
            raise _malformed(
                f"job {number} has a field {name[:40]!r}, known are {', '.join(sorted(_FIELDS))}"
            )
        if not isinstance(value, str):
            raise _malformed(f"{name} of job {number} is not a string")
    return fields, list(_files(number, one.get("files", [])))


def _files(number: int, listed: Any) -> Iterator[_Listed | int]:
    for file in listed if isinstance(listed, list) else [None]:
        if type(file) is int:
            yield file
            continue
        name, size, *rest = file if isinstance(file, list) and len(file) in {2, 4} else (None, None)
        # Not isinstance: True is an int in Python.
        if not isinstance(name, str) or type(size) is not int or not 0 <= size <= whole_number.MOST:
            raise _malformed(f"files of job {number} is not an array of names and sizes")
        yield _Listed(name, size, file_properties.of_list(*rest) if rest else FileProperties())


def _check_ids(request_ids: Sequence[str]) -> None:
    """Raise LGIError UPLOAD when two jobs have the same request_id."""
    given = [one for one in request_ids if one]
    for one in given if len(set(given)) != len(given) else ():
        if given.count(one) > 1:
            raise _malformed(f"two jobs have the request_id {one[:40]!r}")


def _parts(listed: Sequence[_Listed | int], uploads: Sequence[Upload]) -> list[Upload]:
    """Return the files as parts of the posted one, which has their contents one after the other.

    In the place of a file stands the number, from 0, of the one of those before it that it is the same as.
    """
    files = [file for file in listed if isinstance(file, _Listed)]
    parts = _distinct(files, uploads)
    found, before = list[Upload](), 0
    for file in listed:
        if isinstance(file, _Listed):
            found.append(parts[before])
            before += 1
        elif 0 <= file < before:
            found.append(parts[file])
        else:
            raise _malformed(f"there is no file {file} before it, only {before} files")
    return found


def _distinct(files: Sequence[_Listed], uploads: Sequence[Upload]) -> list[Upload]:
    posted = uploads[0].size if uploads else 0
    sizes = [file.size for file in files]
    if len(uploads) > 1 or posted != sum(sizes):
        raise _malformed(f"the files have {sum(sizes)} bytes together, {posted} were posted")
    path = uploads[0].arrived if uploads else Path("/dev/null")
    digests = run_in_thread(_digests, path, sizes)
    begins = accumulate(sizes, initial=0)
    return [
        Upload(file.name, path, digest, (begin, file.size), file.properties)
        for file, digest, begin in zip(files, digests, begins, strict=False)
    ]


def _digests(path: Path, sizes: Sequence[int]) -> list[str]:
    """Return the SHA-256 of each part of a file, as hexadecimal digits."""
    digests = []
    with path.open("rb") as opened:
        for size in sizes:
            digest = hashlib.sha256()
            while size:
                block = opened.read(min(size, _BLOCK))
                digest.update(block)
                size -= len(block)
            digests.append(digest.hexdigest())
    return digests
