"""The record of a folder's job, the file LGI_task.json in the folder."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lgi_tools.client import file_lock
from lgi_tools.client.job_end import JobEnd

NAME = "LGI_task.json"
_NEW = f"{NAME}.new"
# Why a job is no longer on the server.
CANCELLED, PRUNED = "cancelled", "pruned"
# The files of the record itself.
OWN = frozenset({NAME, _NEW})


class RecordError(Exception):
    """An operation on a folder is not possible; the text gives the reason."""


@dataclass(frozen=True)
class Fetched:
    """A fetched file: its properties in the repository, and those of the local copy.

    Sizes are in bytes, ``changed`` in seconds since 1970, ``modified`` in nanoseconds.
    """

    stored_size: int
    changed: int
    size: int
    modified: int


@dataclass(frozen=True)
class TaskRecord:
    """The job of a folder. Without ``job_id`` the result of the submit is unknown.

    ``inputs`` has the sent files, each with its digest (`folder.digest`). ``gone`` says why the job is no
    longer on the server: cancelled or pruned. ``folder`` is the absolute path of the submitted folder.
    ``used`` is what is known of what the job has used, by the fields of a `JobUsage`, ``tries`` are those
    before the last one as JSON (`output_tries`).
    """

    request_id: str
    server: str
    image: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    job_id: int = 0
    repository_url: str = ""
    ending: JobEnd | None = None
    fetched: Mapping[str, Fetched] = field(default_factory=dict)
    got: bool = False
    gone: str = ""
    folder: str = ""
    used: Mapping[str, int] = field(default_factory=dict)
    tries: Sequence[Mapping[str, Any]] = ()


def read(folder: Path) -> TaskRecord | None:
    """Return the record of a folder, None when there is none. Raises RecordError for an unreadable one."""
    path = folder / NAME
    try:
        text = path.read_text("utf-8")
        return _of(json.loads(text)) if text else None
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise RecordError("it is not a folder") from None
    except OSError as error:
        raise RecordError(f"{NAME} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError):
        raise RecordError(
            f"{NAME} is damaged, so that it is unknown whether the folder was submitted: "
            "check with LGI_qstat, then remove that file"
        ) from None


def original(folder: Path, found: TaskRecord) -> Path | None:
    """Return the submitted folder of which this one is a copy; None when this one was submitted.

    A moved folder is not a copy: its old path does not exist, or is another folder.
    """
    was = Path(found.folder)
    try:
        if not found.folder or was.samefile(folder):
            return None
        there = read(was)
    except (OSError, RecordError):
        return None
    return was if there and there.request_id == found.request_id else None


def _of(values: dict[str, Any]) -> TaskRecord:
    ending = values.pop("ending")
    fetched = {str(name): Fetched(*map(int, four)) for name, four in values.pop("fetched").items()}
    inputs = {str(name): str(digest) for name, digest in values.pop("inputs").items()}
    ended = JobEnd(**_known(JobEnd, ending)) if ending else None
    values["tries"] = tuple(values.get("tries", ()))
    made = TaskRecord(**_known(TaskRecord, values), ending=ended, fetched=fetched, inputs=inputs)
    return replace(made, job_id=int(made.job_id))


def _known(kind: type[TaskRecord | JobEnd], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without those that only a newer LGI_task knows."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _text(record: TaskRecord) -> str:
    values = asdict(record)
    values["fetched"] = {name: list(one.values()) for name, one in values["fetched"].items()}
    return json.dumps(values, indent=1) + "\n"


def create(folder: Path, record: TaskRecord) -> TaskRecord:
    """Create the record of a folder. Returns the existing record when another process was faster."""
    with open(folder / NAME, "a+b", buffering=0) as opened:
        file_lock.wait_for(opened.fileno())
        # An empty file is from a process that was killed before it submitted.
        if os.fstat(opened.fileno()).st_size:
            return read(folder) or record
        opened.write(_text(record).encode())
    return record


def write(folder: Path, record: TaskRecord) -> None:
    """Replace the record of a folder atomically."""
    new = folder / _NEW
    new.write_text(_text(record), "utf-8")
    new.replace(folder / NAME)


def forget(folder: Path) -> None:
    """Remove the record of a folder that was not submitted."""
    (folder / NAME).unlink(missing_ok=True)
