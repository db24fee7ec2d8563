"""Where LGI_run has promised to bring the results of jobs: a record of this user, not of any server.

A server, or somebody with write access to a job, could otherwise choose where files are written here.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from pathlib import Path

from lgi_protocol import open_flags
from lgi_protocol.value_object import value_object
from lgi_tools.client import file_lock
from lgi_tools.client.job import Details
from lgi_tools.client.settings import own_directory
from lgi_tools.client.stored_file import STREAMS, StoredFile

# Jobs that are remembered; older ones are dropped.
MOST = 5000
_NAME = "result_directories"


@value_object
class ResultDirectory:
    """The directory for the results of a job, which its repository identifies on all servers.

    ``sent`` has the files that were sent with the job: their sizes in bytes and times in seconds.
    """

    job_id: int
    repository_url: str
    directory: str
    sent: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def takes(self, one: StoredFile) -> bool:
        """Return whether a file is a result: neither as it was sent, nor an empty stream."""
        if one.name in STREAMS and not one.size:
            return False
        return self.sent.get(one.name) != (one.size, int(one.changed.timestamp()))


def of_submit(job: Details, directory: str, files: Iterable[Path]) -> ResultDirectory:
    """Return the directory for a job that was just submitted with some files."""
    sent = {}
    for path in files:
        status = path.stat()
        sent[path.name] = (status.st_size, int(status.st_mtime))
    return ResultDirectory(job.id, job.repository_url, os.path.realpath(directory), sent)


def remember(one: ResultDirectory) -> None:
    """Store the directory of a job, for LGI_get. Raises OSError, SettingsError."""
    place = own_directory()
    place.mkdir(mode=0o700, exist_ok=True)
    with open(place / _NAME, "a+b", opener=_private) as opened:
        file_lock.wait_for(opened.fileno())
        opened.seek(0)
        lines = opened.read().splitlines(keepends=True)
        if len(lines) > 2 * MOST:
            opened.truncate(0)
            opened.writelines(lines[-MOST:])
        opened.write(json.dumps(asdict(one)).encode() + b"\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | open_flags.NO_FOLLOW, 0o600)


def known() -> dict[tuple[int, str], ResultDirectory]:
    """Return all directories by job id and repository; none when the record cannot be read."""
    found = {}
    try:
        text = (own_directory() / _NAME).read_text("utf-8")
    except (OSError, ValueError):
        return {}
    for line in text.splitlines():
        try:
            one = _read(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            # A line that was cut on a full disk.
            continue
        found[one.job_id, one.repository_url] = one
    return found


def _read(values: Mapping[str, object]) -> ResultDirectory:
    sent = values["sent"]
    if not isinstance(sent, dict):
        raise TypeError("sent is no table")
    times = {str(name): (int(size), int(when)) for name, (size, when) in sent.items()}
    job_id, url, directory = (values[name] for name in ("job_id", "repository_url", "directory"))
    return ResultDirectory(int(str(job_id)), str(url), str(directory), times)
