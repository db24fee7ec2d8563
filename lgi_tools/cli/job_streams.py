"""Standard output and standard error of a job of the application `command`.

The whole of both is in the job's repository, where LGI_stage stores it. The output of the job, which its
resource reports, has both in one text, each cut where it is long.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lgi_tools.cli import terminal
from lgi_tools.client import models
from lgi_tools.client.models import STREAMS, Details
from lgi_tools.client.polling import LONGEST_PAUSE, OUTAGE
from lgi_tools.client.project import Files, Project
from lgi_tools.client.repository import TransferError

_ERRORS = re.compile(rb"(?:\A|(?<=\n))\[LGI: standard error\]\n")
_CUT = re.compile(rb"(?:\A|(?<=\n))\[LGI: cut, it has ([0-9]+) bytes\]\n?\Z")


@dataclass(frozen=True)
class Stream:
    """As much of a stream as was reported; ``size`` is how many bytes it has."""

    data: bytes
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether all of it was reported."""
        return self.size == len(self.data)


def reported(job: Details) -> tuple[Stream, Stream]:
    """Standard output and standard error, as far as they are in the output of a job."""
    output = models.result_of(job).output
    *_, last = [None, *_ERRORS.finditer(output)]
    if last is None:
        return _stream(output), Stream(b"", 0)
    return _stream(output[: last.start()]), _stream(output[last.end() :])


def _stream(text: bytes) -> Stream:
    cut = _CUT.search(text)
    if cut is None:
        return Stream(text, len(text))
    data = text[: cut.start()]
    return Stream(data, max(int(cut[1]), len(data) + 1))


def show(project: Project, job: Details) -> Iterator[str]:
    """Write both streams to ours; what is missing of one is told as a line. OSError for a local fault.

    What was stored is taken first: in the output a stream has a line end of LGI's where it has none itself.
    """
    stored = {file.name: file.size for file in job.files} if job.repository_url else {}
    for name, told, stream in zip(STREAMS, reported(job), (sys.stdout, sys.stderr), strict=True):
        fault = "it is not in the job's repository"
        if stored.get(name) == 0:
            continue
        if name in stored:
            with tempfile.TemporaryDirectory(prefix="LGI_run.") as directory:
                try:
                    path = _fetched(project.files(job), name, Path(directory))
                except TransferError as failure:
                    fault = str(failure)
                else:
                    terminal.show_file(path, stream)
                    continue
        terminal.show(told.data, stream)
        if name in stored or not told.is_whole:
            yield f"{name} cannot be fetched, {len(told.data)} of {told.size} bytes were reported: {fault}"


def _fetched(files: Files, name: str, directory: Path) -> Path:
    """A file, fetched also when the server is away for a while, as for ten minutes at most."""
    end = time.monotonic() + OUTAGE
    while True:
        try:
            return files.download(name, directory)
        except TransferError as failure:
            if not failure.is_outage or time.monotonic() > end:
                raise
        time.sleep(LONGEST_PAUSE)
