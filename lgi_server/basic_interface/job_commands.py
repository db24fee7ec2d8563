"""The command line and the Python that submit a job like another one."""

import shlex
from collections.abc import Iterator

from lgi_protocol import comma_lists
from lgi_protocol import labels as job_labels
from lgi_protocol.daemon_reference import without_reference
from lgi_server.basic_interface import filters
from lgi_server.tables.job_queue.jobs import JobRow

# Bytes of an input that stands in the command itself.
MOST_INPUT = 2000


def shell(job: JobRow, targets: tuple[str, ...]) -> str:
    """Return the command; a long input, or one that is no text, is in a file that the reader has to make."""
    words = ["LGI_qsub", "-a", job.application]
    begin = ""
    if job.input:
        words += ["-i", "input.txt"]
        if (text := _text(job.input)) is not None:
            begin = f"printf %s {shlex.quote(text)} > input.txt\n"
    for option, value in _options(job, targets):
        words += [option, value]
    return begin + shlex.join(words)


def _options(job: JobRow, targets: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if targets != (comma_lists.ANY,):
        yield "-t", comma_lists.join(targets)
    if specifics := without_reference(job.job_specifics).strip():
        yield "-s", specifics
    if job.job_name:
        yield "--name", job.job_name
    for label in job_labels.split_labels(job.labels):
        yield "--label", label
    if job.retries:
        yield "--retries", str(job.retries)
    if job.user_priority:
        yield "--priority", str(job.user_priority)


def python(job: JobRow, targets: tuple[str, ...]) -> str:
    """Return the call; a long input, or one that is no text, is read from a file."""
    arguments = [repr(job.application)]
    if job.input:
        text = _text(job.input)
        arguments.append(f"input={text!r}" if text is not None else 'input=open("input.txt", "rb").read()')
    if targets != (comma_lists.ANY,):
        arguments.append(f"targets={list(targets)!r}")
    if specifics := without_reference(job.job_specifics).strip():
        arguments.append(f"specifics={specifics!r}")
    if job.job_name:
        arguments.append(f"name={job.job_name!r}")
    if named := job_labels.split_labels(job.labels):
        arguments.append(f"labels={dict(label.split('=', 1) for label in named)!r}")
    if job.retries:
        arguments.append(f"retries={job.retries}")
    if job.user_priority:
        arguments.append(f"priority={job.user_priority}")
    call = ",\n    ".join(arguments)
    return f"from lgi_tools import Project\n\nproject = Project()\njob = project.submit(\n    {call},\n)"


def _text(data: bytes) -> str | None:
    """Return data as text that a person can copy; None for any other."""
    shown = filters.content(data)
    if shown.is_binary or len(data) > MOST_INPUT:
        return None
    text = data.decode()
    return text if filters.visible(text) == text else None
