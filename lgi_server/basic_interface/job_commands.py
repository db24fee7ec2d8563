"""The command line that submits a job as it is described."""

import shlex
from collections.abc import Iterator

from lgi_protocol import comma_lists
from lgi_server.basic_interface.job_description import JobDescription

INPUT_FILE = "input.txt"


def shell(job: JobDescription) -> str:
    """Return the command; a long input, or one that is no text, is in a file that the reader has to make.

    Empty for an array, which LGI_qsub does not submit.
    """
    if job.array:
        return ""
    begin = _begin(job)
    words = ["LGI_qsub", "-a", job.application]
    if job.input:
        words += ["-i", INPUT_FILE]
    for option, value in _options(job):
        words += [option, value] if value else [option]
    if any(name.startswith("-") for name in job.files):
        words.append("--")
    words += job.files
    command = shlex.join(words)
    return begin + (f"{command} {directory_of(job.like)}/*" if job.like >= 0 else command)


def _begin(job: JobDescription) -> str:
    """Return the commands that make the files which the command reads."""
    begin = ""
    if job.like >= 0:
        leave_out = "--exclude joblog.txt --exclude joberr.txt"
        begin += f"LGI_get {leave_out} --as '{{file}}' -d {directory_of(job.like)} {job.like}\n"
    text = job.input_text
    if job.input and text is not None:
        begin += f"printf %s {shlex.quote(text)} > {INPUT_FILE}\n"
    return begin


def directory_of(job_id: int) -> str:
    """Return the directory of the files of another job."""
    return f"job_{job_id}"


def _options(job: JobDescription) -> Iterator[tuple[str, str]]:
    """Yield the options with their values, empty for one that takes none."""
    plan = job.plan
    listed = {
        "-t": job.targets if job.has_targets else (),
        "-r": job.read_access,
        "-w": job.write_access,
        "-G": job.groups,
        "--not-on": plan.not_on,
        "--after": job.after,
        "--after-any": job.after_any,
        "--notify": plan.notify.events if plan.notify else (),
    }
    if job.specifics:
        yield "-s", job.specifics
    if job.job_name:
        yield "--name", job.job_name
    for key, value in job.label_values.items():
        yield "--label", f"{key}={value}"
    for option, names in listed.items():
        if names:
            yield option, comma_lists.join(names)
    yield from _numbers(job)


def _numbers(job: JobDescription) -> Iterator[tuple[str, str]]:
    plan = job.plan
    said = {
        "--retries": str(plan.retries or ""),
        "--retry-on": plan.retry_on,
        "--backoff": "" if job.backoff is None else str(job.backoff),
        "--priority": str(plan.priority or ""),
        "--deadline": job.deadline,
        "--mail": plan.notify.mail if plan.notify else "",
        "--webhook": plan.notify.webhook if plan.notify else "",
    }
    yield from ((option, text) for option, text in said.items() if text)
    switches = {"--hold": plan.hold, "--urgent": plan.urgent, "--keep-after-failure": plan.keep}
    yield from ((option, "") for option, is_set in switches.items() if is_set)
