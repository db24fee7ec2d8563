"""The last lines of the standard error of a job that has failed, as LGI_explain shows them."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lgi_tools.client import command_line
from lgi_tools.client.job_end import Outcome
from lgi_tools.client.text import shortened

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.job import Details
    from lgi_tools.client.project import Project

# Lines that are shown, and the bytes of a stored stream that is fetched for them.
LINES, MOST = 10, 2**20


def last_lines(project: "Project", job: "Details") -> Iterator[str]:
    """Yield the last lines of a failed job's standard error, as far as there is any; long ones are cut.

    They are as the job has written them: the caller removes what must not reach a terminal.
    """
    if not job.ended or job.end.outcome is not Outcome.FAILED:
        return
    data, missing = _standard_error(project, job)
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    if lines:
        yield "  the end of its standard error:" if not missing else "  of its standard error:"
        yield from (f"    {shortened(line)}" for line in lines[-LINES:])
    if missing:
        yield f"  {missing}"


def _standard_error(project: "Project", job: "Details") -> tuple[bytes, str]:
    """Return the standard error of a job as far as it is known, and what is said when its end is not."""
    from lgi_tools.cli import job_streams
    from lgi_tools.client.stored_file import STREAMS
    from lgi_tools.client.transfer_error import TransferError

    reported, name = job_streams.reported(job)[1], command_line.error_file(job.input)
    if name == command_line.NULL:
        return b"", "its standard error was discarded"
    if reported.is_whole and (reported.size or not name):
        return reported.data, ""
    sizes = {file.name: file.size for file in job.files} if job.repository_url else {}
    if name and name not in sizes:
        return b"", f"its standard error is in {name}, which is not on the server"
    name = name or tuple(STREAMS)[1]
    if name not in sizes:
        return reported.data, f"only its first {len(reported.data)} of {reported.size} bytes are known"
    if sizes[name] <= MOST:
        try:
            return project.files(job).read(name), ""
        except TransferError as error:
            return reported.data, f"its end cannot be fetched: {error}"
    advice = f"LGI_get {job.id} --only {shlex.quote(name)} fetches all of it"
    return reported.data, f"it has {max(reported.size, sizes[name])} bytes: {advice}"
