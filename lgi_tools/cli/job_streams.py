"""Standard output and standard error of a job of the application `command`.

LGI_stage stores both streams completely in the job's repository. The output that the resource reports has
both in one text, each truncated when it is long.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lgi_protocol.value_object import value_object
from lgi_tools.cli import terminal
from lgi_tools.client.files import Files
from lgi_tools.client.job import Details
from lgi_tools.client.project import Project
from lgi_tools.client.result import result_of
from lgi_tools.client.stored_file import STREAMS
from lgi_tools.client.timing import Timing
from lgi_tools.client.transfer_error import TransferError

_ERRORS = re.compile(rb"(?:\A|(?<=\n))\[LGI: standard error\]\n")
_CUT = re.compile(rb"(?:\A|(?<=\n))\[LGI: cut, it has ([0-9]{1,18}) bytes\]\n?\Z")


@value_object
class Stream:
    """The reported part of a stream; ``size`` is the total number of bytes."""

    data: bytes
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether the stream was reported completely."""
        return self.size == len(self.data)


def reported(job: Details) -> tuple[Stream, Stream]:
    """Return standard output and standard error as far as they are in the output of a job."""
    output = result_of(job).output
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
    """Write both streams of a job to ours, and yield a line for each missing part. Raises OSError.

    A stored stream is preferred: in the reported output LGI adds a line end to a stream without one.
    """
    stored = {file.name: file.size for file in job.files} if job.repository_url else {}
    for name, part, stream in zip(STREAMS, reported(job), (sys.stdout, sys.stderr), strict=True):
        fault = "it is not in the job's repository"
        if stored.get(name) == 0:
            continue
        if name in stored:
            with tempfile.TemporaryDirectory(prefix="LGI_run.") as directory:
                try:
                    path = fetch(project.files(job), name, Path(directory), project.timing)
                except TransferError as failure:
                    fault = str(failure)
                else:
                    terminal.show_file(path, stream)
                    continue
        terminal.show(part.data, stream)
        if name in stored or not part.is_whole:
            yield f"{name} cannot be fetched, {len(part.data)} of {part.size} bytes were reported: {fault}"


def fetch(files: Files, name: str, directory: Path, timing: Timing) -> Path:
    """Fetch a file; retry for up to ten minutes while the server does not answer."""
    end = time.monotonic() + timing.outage_seconds
    while True:
        try:
            return files.download(name, directory)
        except TransferError as failure:
            if not failure.is_outage or time.monotonic() > end:
                raise
        time.sleep(timing.poll.longest)
