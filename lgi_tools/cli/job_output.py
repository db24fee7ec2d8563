"""The output of an ended job as one text, whole where the job's repository has what its resource cut."""

import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lgi_protocol.value_object import value_object
from lgi_tools.cli import job_streams, terminal
from lgi_tools.cli.job_streams import Stream
from lgi_tools.client.job import Details
from lgi_tools.client.project import Project
from lgi_tools.client.result import result_of
from lgi_tools.client.stored_file import STREAMS
from lgi_tools.client.transfer_error import TransferError

_SEPARATOR = b"[LGI: standard error]\n"


@value_object
class StoredStream:
    """The bytes of a stream that are available: a file of the repository, or what was reported.

    ``fault`` is the reason why only the first bytes are available, empty when all are.
    """

    name: str
    reported: Stream
    path: Path | None = None
    fault: str = ""

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open the available bytes for reading."""
        with tempfile.TemporaryFile() if self.path is None else self.path.open("rb") as opened:
            if self.path is None:
                opened.write(self.reported.data)
                opened.seek(0)
            yield opened

    @property
    def warning(self) -> str:
        """Return what must be said of a stream that is not available as a whole."""
        known = len(self.reported.data)
        return f"only the first {known} of {self.reported.size} bytes of {self.name} are known: {self.fault}"


@contextmanager
def fetched(project: Project, job: Details) -> Iterator[list[StoredStream]]:
    """Yield both streams of an ended job; what the reported output has cut is fetched. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="LGI_tail.") as directory:
        reported = zip(STREAMS, job_streams.reported(job), strict=True)
        yield [_stream(project, job, name, stream, Path(directory)) for name, stream in reported]


def _stream(project: Project, job: Details, name: str, reported: Stream, directory: Path) -> StoredStream:
    sizes = {file.name: file.size for file in job.files} if job.repository_url else {}
    if reported.is_whole:
        # A stream without a line end at its end has one in the output.
        is_longer = reported.data.endswith(b"\n") and sizes.get(name) == reported.size - 1
        return StoredStream(name, Stream(reported.data[:-1], reported.size - 1) if is_longer else reported)
    if not sizes.get(name):
        return StoredStream(name, reported, fault="the rest is not in the job's repository")
    try:
        return StoredStream(
            name, reported, job_streams.fetch(project.files(job), name, directory, project.timing)
        )
    except TransferError as failure:
        return StoredStream(name, reported, fault=str(failure))


def show_last_lines(project: Project, job: Details, lines: int) -> Iterator[str]:
    """Print the last lines of both streams as one text. Yields a warning for each incomplete stream."""
    if not lines:
        return
    if all(stream.is_whole for stream in job_streams.reported(job)):
        terminal.show(last_lines(result_of(job).output, lines))
        return
    with fetched(project, job) as streams:
        last: deque[bytes] = deque(maxlen=lines)
        for stream in streams:
            with stream.opened() as opened:
                if stream is not streams[0] and stream.reported.size:
                    if last and not last[-1].endswith(b"\n"):
                        last.append(last.pop() + b"\n")
                    last.append(_SEPARATOR)
                last.extend(opened)
            if stream.fault:
                yield stream.warning
    terminal.show(b"".join(last))


def show_all(project: Project, job: Details) -> int:
    """Print the whole output. Returns the number of bytes that cannot be printed."""
    if not all(stream.is_whole for stream in job_streams.reported(job)):
        return show_rest(project, job, 0)
    terminal.show(result_of(job).output)
    return 0


def last_lines(text: bytes, lines: int) -> bytes:
    """Return the last lines of a text; the very last one may be incomplete."""
    return b"".join(text.splitlines(keepends=True)[-lines:]) if lines else b""


def show_rest(project: Project, job: Details, begin: int) -> int:
    """Print the output after its first ``begin`` bytes. Returns the number of bytes that cannot be printed.

    While a job runs its resource sends both streams as one, in the order in which they came. When the job
    has written to both, it is unknown how much of each was in the first bytes.
    """
    with fetched(project, job) as streams:
        written = [stream for stream in streams if stream.reported.size]
        size = sum(stream.reported.size for stream in written)
        if begin and len(written) > 1:
            return max(0, size - begin)
        return sum(_show_after(stream, begin) for stream in written)


def _show_after(stream: StoredStream, begin: int) -> int:
    if stream.path is not None:
        terminal.show_file(stream.path, sys.stdout, begin)
        return 0
    terminal.show(stream.reported.data[begin:])
    return max(0, stream.reported.size - max(begin, len(stream.reported.data)))
