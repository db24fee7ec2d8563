"""LGIJob: the job of a worker of Dask."""

import asyncio
import logging
import math
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dask
from dask_jobqueue.core import Job
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from lgi_dask.job_end import warn_of_end
from lgi_tools import ErrorNumber, JobRequest, Project, ServerError, TransportError

logger = logging.getLogger(__name__)
_MEGABYTE = 1024**2


class LGIJob(Job):
    """A job of the application ``command`` that runs a worker, made and ended by `LGICluster`."""

    config_name = "lgi"
    # Not used: calls of the client replace them.
    submit_command = cancel_command = ""

    def __init__(
        self,
        scheduler: str | None = None,
        name: str | None = None,
        *,
        project: Project,
        application: str = "command",
        targets: Iterable[str] = ("any",),
        walltime: str | None = None,
        specifics: Mapping[str, str | int] | None = None,
        labels: Mapping[str, str] | None = None,
        files: Iterable[str | Path] = (),
        config_name: str | None = None,
        **options: Any,
    ) -> None:
        """Make no job yet; the arguments are those of `LGICluster`."""
        options = {key: _quoted(key, value) for key, value in options.items()}
        quoted = None if name is None else shlex.quote(str(name))
        super().__init__(scheduler=scheduler, name=quoted, config_name=config_name, **options)
        self.name, self.job_header = name, ""
        walltime = walltime or dask.config.get(f"jobqueue.{self.config_name}.walltime")
        requests: dict[str, str | int] = {
            "cpus": self.worker_cores,
            "memory": math.ceil(self.worker_memory / _MEGABYTE),
            **({"walltime": walltime} if walltime else {}),
            **(specifics or {}),
        }
        self._project = project
        self._watch: asyncio.Task[None] | None = None
        self._request = JobRequest(
            application,
            input=self.job_script(),
            files=tuple(files),
            targets=tuple(targets),
            specifics=requests,
            name=self.job_name,
            labels={"dask": str(name)[:100], **(labels or {})},
        )

    async def _submit_job(self, script_filename: str) -> str:
        """Queue the job and return its number. Raises RuntimeError when the server takes no job."""
        try:
            job = await asyncio.to_thread(self._project.submit_request, self._request)
        except (ServerError, TransportError, ValueError, OSError) as error:
            # Otherwise the cluster cannot be closed.
            self.status = Status.failed
            raise RuntimeError(f"no job was made for the worker {self.name}: {error}") from error
        return str(job.id)

    async def start(self) -> None:
        """Make the job, and warn when it ends by itself."""
        await super().start()
        self._watch = asyncio.create_task(warn_of_end(self._project, int(self.job_id), str(self.name)))

    async def close(self) -> None:
        """Delete the job if it is queued, abort it if it runs; one that has ended stays with its files.

        When the server does not answer, the log says so: the worker ends by itself without a scheduler.
        """
        if self._watch:
            self._watch.cancel()
        if self.job_id:
            await asyncio.to_thread(self._end_job, int(self.job_id))
        await ProcessInterface.close(self)

    def _end_job(self, job_id: int) -> None:
        try:
            if not self._project.job(job_id).ended:
                self._project.delete(job_id)
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                logger.warning("Job %s of the worker %s was not deleted: %s", job_id, self.name, error)
        except TransportError as error:
            logger.warning(
                "Job %s of the worker %s ends when it misses the scheduler: %s", job_id, self.name, error
            )


def _quoted(key: str, value: Any) -> Any:
    """Return an option as a word of the script: dask-jobqueue puts its options together as they are."""
    if key in {"python", "local_directory", "interface"} and isinstance(value, str):
        return shlex.quote(value)
    if key == "worker_extra_args" and value is not None:
        return [shlex.quote(str(word)) for word in value]
    return value
