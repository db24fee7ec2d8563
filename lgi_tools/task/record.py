"""What a folder remembers of its job: a small file in it."""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lgi_tools.client.job_end import JobEnd

NAME = "LGI_task.json"
_NEW = f"{NAME}.new"
# Why there is nothing left of a job.
CANCELLED, PRUNED = "cancelled", "pruned"
# What is there once a folder was begun with.
OWN = frozenset({NAME, _NEW})


class RecordError(Exception):
    """Something cannot be done with a folder; the text says why."""


@dataclass(frozen=True)
class Fetched:
    """A file that came from the repository: what it was there, and what it then was here.

    Sizes are in bytes, ``changed`` in seconds since 1970, ``modified`` in nanoseconds.
    """

    stored_size: int
    changed: int
    size: int
    modified: int


@dataclass(frozen=True)
class TaskRecord:
    """The job of a folder. Without ``job_id`` it is not known whether the submit arrived.

    ``inputs`` are the files that went along, each with the digest (`folder.digest`) of what was sent.
    ``gone`` says why there is nothing left of it on the server: it was cancelled, or pruned.
    ``folder`` is the whole path of what was submitted.
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


def read(folder: Path) -> TaskRecord | None:
    """What a folder remembers; None when nothing was done with it. Trouble when it cannot be read."""
    path = folder / NAME
    try:
        text = path.read_text("utf-8")
        return _of(json.loads(text)) if text else None
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise RecordError("it is no folder") from None
    except OSError as error:
        raise RecordError(f"{NAME} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError):
        raise RecordError(
            f"{NAME} is damaged, so it is not known whether it was submitted: "
            "look with LGI_qstat, then remove that file"
        ) from None


def original(folder: Path, found: TaskRecord) -> Path | None:
    """The folder of which this one is a copy with the same record; None for the one that was submitted.

    One that was moved is that one: where it was there is nothing, or another one.
    """
    was = Path(found.folder)
    try:
        if not found.folder or was.samefile(folder):
            return None
        there = read(was)
    except (OSError, RecordError):
        return None
    return was if there and there.request_id == found.request_id else None


def _of(told: dict[str, Any]) -> TaskRecord:
    ending = told.pop("ending")
    fetched = {str(name): Fetched(*map(int, four)) for name, four in told.pop("fetched").items()}
    inputs = {str(name): str(digest) for name, digest in told.pop("inputs").items()}
    made = TaskRecord(**told, ending=JobEnd(**ending) if ending else None, fetched=fetched, inputs=inputs)
    return replace(made, job_id=int(made.job_id))


def _text(record: TaskRecord) -> str:
    told = asdict(record)
    told["fetched"] = {name: list(one.values()) for name, one in told["fetched"].items()}
    return json.dumps(told, indent=1) + "\n"


def create(folder: Path, record: TaskRecord) -> TaskRecord:
    """Begin with a folder; the record of whoever was faster, if somebody was."""
    with open(folder / NAME, "a+b", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        # Who was killed before a word of it was written has submitted nothing.
        if os.fstat(opened.fileno()).st_size:
            return read(folder) or record
        opened.write(_text(record).encode())
    return record


def write(folder: Path, record: TaskRecord) -> None:
    """Remember it; the old record is there until the new one is."""
    new = folder / _NEW
    new.write_text(_text(record), "utf-8")
    new.replace(folder / NAME)


def forget(folder: Path) -> None:
    """Nothing was done with the folder after all."""
    (folder / NAME).unlink(missing_ok=True)
