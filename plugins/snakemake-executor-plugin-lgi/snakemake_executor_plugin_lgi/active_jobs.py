"""The jobs that were submitted and have not ended, and what the server says of them."""

from collections.abc import Callable, Iterable, Sequence

from lgi_tools import ErrorNumber, Job, Project, ServerError, TransportError
from snakemake_executor_plugin_lgi import connection
from snakemake_executor_plugin_lgi.job_command import JobCommand

# Jobs in one call.
_MOST = 500


class ActiveJobs:
    """The jobs of this run, by their id; ``warn`` gets warnings of an outage, and of held jobs."""

    def __init__(self, project: Project, warn: Callable[[str], object]) -> None:
        """Begin with no job."""
        self._project = project
        self._warn = warn
        self._commands: dict[int, JobCommand] = {}
        self._told: set[str | int] = set()

    def add(self, job_id: int, command: JobCommand) -> None:
        """Follow one more job."""
        self._commands[job_id] = command

    def remove(self, job_id: int) -> JobCommand:
        """Follow a job no longer, and return its command."""
        command = self._commands.pop(job_id)
        command.remove_script()
        return command

    def look(self, numbers: Sequence[int]) -> dict[int, Job | None]:
        """Return the jobs that have ended, None for one that does not exist; nothing in an outage.

        Raises WorkflowError when the server refuses the caller.
        """
        try:
            found = {job.id: job for job in self._listed(numbers)}
            gone = [number for number in numbers if number not in found and self._is_gone(number)]
        except TransportError as error:
            self._tell_once("outage", f"LGI: the project server does not answer, I try again: {error}")
            return {}
        except ServerError as error:
            raise connection.refused(error) from None
        self._told.discard("outage")
        for job in found.values():
            if job.shown_state == "held":
                self._tell_once(job.id, f"LGI job {job.id} is held: LGI_explain {job.id} says why.")
        return {job.id: job for job in found.values() if job.ended} | dict.fromkeys(gone)

    def _listed(self, numbers: Sequence[int]) -> Iterable[Job]:
        for begin in range(0, len(numbers), _MOST):
            yield from self._project.jobs(numbers=numbers[begin : begin + _MOST])

    def _is_gone(self, number: int) -> bool:
        """Return whether a job that is not listed does not exist: lists come in pages while jobs change."""
        try:
            self._project.job(number)
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            return True
        return False

    def _tell_once(self, key: str | int, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._warn(text)

    def cancel(self) -> None:
        """Delete the jobs that wait, and abort those that run; say which could not be."""
        numbers = list(self._commands)
        try:
            outcomes = self._project.delete_jobs(numbers)
        except (TransportError, ServerError) as error:
            ids = ",".join(map(str, numbers))
            self._warn(f"LGI: the jobs {ids} could not be cancelled: {error}. LGI_qdel {ids} does so later.")
            return
        for one in outcomes:
            if one.error and one.error.number != ErrorNumber.NO_JOB:
                self._warn(f"LGI job {one.job_id} could not be cancelled: {one.error}")
