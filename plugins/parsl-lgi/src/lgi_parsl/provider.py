"""LGIProvider: blocks of workers of Parsl's HighThroughputExecutor as jobs of a project."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.providers.base import ExecutionProvider
from parsl.providers.errors import SubmitException

from lgi_parsl.block_errors import store_errors
from lgi_parsl.block_script import LOGS, block_script
from lgi_parsl.block_status import block_status
from lgi_parsl.job_deletion import end_jobs
from lgi_tools import ErrorNumber, JobRequest, Project, ServerError, TransportError
from lgi_tools.client.result_patterns import ResultPatterns

logger = logging.getLogger(__name__)
_LONGEST_NAME = 100


class LGIProvider(ExecutionProvider):
    """Give an executor of Parsl blocks of one node, each a job of the application ``command``.

    Workers connect to the submitting machine; they need Parsl of the same version, which ``worker_init``
    (lines of bash) puts on the PATH. ``walltime`` is as in other providers, None for that of the resource.
    ``mem_per_node`` is in GB. ``specifics`` are more of what jobs request, ``labels`` what they are found by.
    """

    def __init__(
        self,
        *,
        project: Project | None = None,
        application: str = "command",
        targets: Iterable[str] = ("any",),
        cores_per_node: int | None = None,
        mem_per_node: float | None = None,
        walltime: str | None = "00:10:00",
        specifics: Mapping[str, str | int] | None = None,
        labels: Mapping[str, str] | None = None,
        worker_init: str = "",
        init_blocks: int = 1,
        min_blocks: int = 0,
        max_blocks: int = 1,
        parallelism: float = 1,
    ) -> None:
        """Use the project of ``~/.LGI`` unless one is given."""
        self.project = project or Project()
        self.init_blocks, self.min_blocks, self.max_blocks = init_blocks, min_blocks, max_blocks
        self.nodes_per_block, self.parallelism = 1, parallelism
        self.cores_per_node, self.mem_per_node = cores_per_node, mem_per_node
        self.script_dir: str | None = None
        self.resources: dict[object, Any] = {}
        self._worker_init = worker_init
        self._warned = ""
        requests: dict[str, str | int] = {**(specifics or {})}
        requests |= {"cpus": cores_per_node} if cores_per_node else {}
        requests |= {"memory": int(mem_per_node * 1024)} if mem_per_node else {}
        requests |= {"walltime": walltime} if walltime else {}
        self._template: dict[str, Any] = {
            "targets": tuple(targets),
            "specifics": requests,
            "labels": dict(labels or {}),
            # Those of the workers, which say why one has not connected.
            "results": ResultPatterns((f"{LOGS}/**",)),
        }
        self._application = application

    @property
    def label(self) -> str:
        """The name of this kind of provider."""
        return "lgi"

    @property
    def status_polling_interval(self) -> int:
        """Seconds between two calls of `status`."""
        return 5

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl.lgi") -> str:
        """Queue a block and return the id of its job. Raises SubmitException when no job was made."""
        try:
            if tasks_per_node != 1:
                raise ValueError(f"a block has one command, not {tasks_per_node}")
            script = block_script(command, self._worker_init, self._variables())
            name = "".join(char if char.isprintable() else "?" for char in job_name)[:_LONGEST_NAME]
            name = name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")
            request = JobRequest(self._application, input=script, name=name, **self._template)
            job = self.project.submit_request(request)
        except (ServerError, TransportError, ValueError, OSError) as error:
            raise SubmitException(job_name, str(error)) from error
        self.resources[str(job.id)] = {"job_id": str(job.id), "status": JobStatus(JobState.PENDING)}
        return str(job.id)

    def status(self, job_ids: Sequence[object]) -> list[JobStatus]:
        """Return the status of each job.

        While the server does not tell, it is the last one that was known; the log has the error. A job that
        is not on the server any more is MISSING, or CANCELLED if it was cancelled here.
        """
        ids = [str(job_id) for job_id in job_ids if not self._known(job_id).terminal]
        try:
            found = {str(job.id): block_status(job) for job in self.project.jobs(numbers=ids)} if ids else {}
            found |= {job_id: self._missing(job_id) for job_id in ids if job_id not in found}
            self._warned = ""
        except (ServerError, TransportError, OSError) as error:
            self._warn(f"The jobs of Parsl continue, but the server does not say how they are: {error}")
            found = {}
        for job_id, status in found.items():
            if status.state == JobState.FAILED and self.script_dir:
                status.stderr_path = store_errors(self.project, job_id, Path(self.script_dir))
            self._note(job_id, status)
        return [self._known(job_id) for job_id in job_ids]

    def cancel(self, job_ids: Sequence[object]) -> list[bool]:
        """Delete queued jobs and abort running ones; return whether each is ending or has ended."""
        try:
            failed = end_jobs(self.project, [int(str(job_id)) for job_id in job_ids])
        except (ServerError, TransportError) as error:
            logger.warning("No job of Parsl was cancelled: %s", error)
            return [False] * len(job_ids)
        for number, reason in failed.items():
            logger.warning("Job %s was not cancelled: %s", number, reason)
        done = [int(str(job_id)) not in failed for job_id in job_ids]
        for job_id, is_done in zip(job_ids, done, strict=True):
            if is_done and not self._known(job_id).terminal:
                self._note(str(job_id), JobStatus(JobState.CANCELLED))
        return done

    def _warn(self, text: str) -> None:
        """Log a warning once, not at each look."""
        if text != self._warned:
            logger.warning("%s", text)
            self._warned = text

    def _variables(self) -> dict[str, str]:
        known = {"PARSL_CORES": self.cores_per_node, "PARSL_MEMORY_GB": self.mem_per_node}
        return {name: str(value) for name, value in known.items() if value}

    def _known(self, job_id: object) -> JobStatus:
        known: JobStatus = self.resources.get(str(job_id), {"status": JobStatus(JobState.UNKNOWN)})["status"]
        return known

    def _note(self, job_id: str, status: JobStatus) -> None:
        self.resources.setdefault(job_id, {"job_id": job_id})["status"] = status

    def _missing(self, job_id: str) -> JobStatus:
        """Return the status of a job that a list does not have. It may be there again already."""
        try:
            return block_status(self.project.job(job_id))
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            return JobStatus(
                JobState.MISSING, f"job {job_id} is not on the server any more: somebody deleted it"
            )
