"""The end of a job that LGI_run waits for, and its results, brought to the directory of -d."""

from collections.abc import Iterable
from pathlib import Path

from lgi_protocol.states import State
from lgi_tools.cli import hold_warning, job_streams, terminal
from lgi_tools.client import job_end, result_directory
from lgi_tools.client.job import Details
from lgi_tools.client.polling import OutageError
from lgi_tools.client.project import Project
from lgi_tools.client.result_directory import ResultDirectory
from lgi_tools.client.settings import SettingsError
from lgi_tools.commands import get_paths
from lgi_tools.commands.get_results import Getter
from lgi_tools.commands.wait import line_of, warn_of_outage


def promise(name: str, job: Details, directory: str, files: Iterable[Path]) -> ResultDirectory:
    """Remember where the results of a job go; a failure is a warning, since the job is submitted."""
    own = result_directory.of_submit(job, directory, files)
    try:
        result_directory.remember(own)
    except (OSError, SettingsError) as error:
        text = (error.strerror or "") if isinstance(error, OSError) else str(error)
        advice = f"fetch the results with LGI_get {job.id} -d {directory} --as '{{file}}'"
        terminal.warn(name, f"warning: the directory is not remembered: {text}; {advice}")
    return own


def until_end(name: str, project: Project, job: Details, own: ResultDirectory | None) -> int:
    """Wait until a job has ended, print its output, fetch its results into a directory of its ``own``.

    Returns its exit code.
    """
    try:
        ended = project.wait(job, on_held=hold_warning.warning(name, {job.id}))
    except KeyboardInterrupt:
        terminal.warn(
            name,
            f"job {job.id} continues; wait for it with LGI_wait {job.id}, or abort it with LGI_qdel {job.id}",
        )
        return job_end.INTERRUPTED
    except OutageError as error:
        return warn_of_outage(name, project, f"job {job.id}", error)
    code = ended.end.code
    faults = [*job_streams.show(project, ended), *(_bring(project, own) if own else ())]
    for fault in faults:
        terminal.warn(name, fault)
        code = code or job_end.FAILED
    # An exit code alone is not printed, as for a program that runs locally.
    if ended.exit_code is None or ended.end_reason or ended.state != State.FINISHED:
        terminal.warn(name, f"job {line_of(ended)}")
    return code


def _bring(project: Project, own: ResultDirectory) -> Iterable[str]:
    """Fetch the results of an ended job. Returns what is missing, and why."""
    places = {(own.job_id, own.repository_url): own}
    getter = Getter(get_paths.PathPattern(get_paths.DEFAULT), Path(), own=places)
    return getter.get(project, own.job_id).faults
