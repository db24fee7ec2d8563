"""Jobs of an earlier run of this workflow, which was killed: they are taken over or cancelled, never lost."""

from collections.abc import Iterable, Sequence

from lgi_tools import Project, State
from snakemake_executor_plugin_lgi.labels import COMMAND, OUTPUT, WORKFLOW
from snakemake_executor_plugin_lgi.new_job import NewJob


class EarlierJobs:
    """The jobs of a workflow that had not ended when this run began."""

    def __init__(self, project: Project, workflow: str) -> None:
        """Ask the server for them. Raises TransportError, ServerError."""
        self._project = project
        self._workflow = workflow
        # Anybody may give a job such labels, and let this user read it.
        found = project.jobs(labels={WORKFLOW: workflow}, state="!finished", owner=project.user)
        self._left = {job.id: job for job in found if not job.ended}

    def taken_over(self, jobs: Iterable[NewJob]) -> dict[str, int]:
        """Return the id of the earlier job for each job that has one, by the digest of its command.

        An earlier one that waits or runs is taken over; one that has succeeded meanwhile too, if Snakemake
        has noted it for output that it does not know to be complete. Raises TransportError, ServerError.
        """
        every = {one.command.digest: one for one in jobs}
        # Of equal ones the oldest is the furthest.
        active = {self._left[number].labels.get(COMMAND, ""): number for number in sorted(self._left)[::-1]}
        found = {command: active[command] for command in every if command in active}
        noted = [word for command, one in every.items() if command not in found for word in one.noted]
        if numbers := [word for word in noted if word.isascii() and word.isdigit() and len(word) < 10]:
            ended = self._succeeded(numbers)
            found |= {command: ended[command] for command in every if command in ended}
        for number in found.values():
            self._left.pop(number, None)
        return found

    def _succeeded(self, numbers: Sequence[str]) -> dict[str, int]:
        jobs = self._project.jobs(
            numbers=numbers,
            labels={WORKFLOW: self._workflow},
            state=State.FINISHED,
            ended="succeeded",
            owner=self._project.user,
        )
        return {job.labels.get(COMMAND, ""): job.id for job in jobs}

    def cancelled(self, jobs: Iterable[NewJob]) -> dict[str, tuple[int, ...]]:
        """Cancel earlier jobs that write files of these; return those that still run, by the output.

        Raises TransportError, ServerError.
        """
        outputs = {one.output for one in jobs}
        rivals = {number: job.labels.get(OUTPUT, "") for number, job in self._left.items()}
        rivals = {number: output for number, output in rivals.items() if output in outputs}
        if not rivals:
            return {}
        found: dict[str, tuple[int, ...]] = {}
        for one in self._project.delete_jobs(rivals):
            self._left.pop(one.job_id, None)
            if one.state == State.ABORTING:
                found[rivals[one.job_id]] = (*found.get(rivals[one.job_id], ()), one.job_id)
        return found
