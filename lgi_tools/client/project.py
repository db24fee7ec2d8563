"""Project: the Python interface to the jobs of a project. `LGI_Client` is the class of LGI's document."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from lgi_protocol import comma_lists
from lgi_protocol.client import Client
from lgi_protocol.reply import Reply
from lgi_protocol.states import State
from lgi_tools.client import settings
from lgi_tools.client.element import read_element
from lgi_tools.client.hold_notice import HoldNotice, OnHeld
from lgi_tools.client.interface_calls import Caller
from lgi_tools.client.job import AnyJob, Details, Job, id_of, read_details
from lgi_tools.client.job_calls import JobCalls, held_for
from lgi_tools.client.polling import Outage, poll_until
from lgi_tools.client.project_submits import ProjectSubmits
from lgi_tools.client.resource import Resource, read_resource
from lgi_tools.client.result import Result, result_of
from lgi_tools.client.selected_jobs import selected_jobs
from lgi_tools.client.selection import SHOW, Filters, Selection, selection_of
from lgi_tools.client.settings import Settings
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.client.transfer_error import TransferError

if TYPE_CHECKING:
    # Slow to load, and most callers do not need them; some need this module.
    from lgi_tools.client.executor.job_executor import JobExecutor
    from lgi_tools.client.executor.options import ExecutorOptions
    from lgi_tools.client.files import Files
    from lgi_tools.client.job_array import JobArray
    from lgi_tools.client.job_progress import Progress
    from lgi_tools.client.job_table import JobList

_Value = TypeVar("_Value")


class Project(ProjectSubmits, JobCalls):
    """The jobs of a project on one of its servers, over persistent connections.

    Raises ServerError with LGI's number when the server refuses a call, TransportError without a valid
    answer, OSError for local files. A busy server is retried for one minute. Safe for concurrent threads.
    """

    def __init__(
        self,
        server: str = "",
        project: str = "",
        *,
        user: str = "",
        groups: Iterable[str] = (),
        key: str | Path = "",
        certificate: str | Path = "",
        ca: str | Path = "",
        token: str = "",
        check_host: bool = True,
    ) -> None:
        """Connect with the arguments and the defaults of ``~/.LGI``. Raises ValueError for a missing one.

        A ``token`` of LGI_token is used instead of key and certificate.
        """
        files = {"key": key, "certificate": certificate, "ca": ca}
        caller = {"server": server, "project": project, "user": user, "groups": comma_lists.join(groups)}
        caller["token"] = token
        self._open(settings.with_defaults(check_host, **files, **caller), DEFAULT)

    @classmethod
    def of(cls, chosen: Settings, timing: Timing = DEFAULT) -> Self:
        """Return the project of complete settings."""
        made = cls.__new__(cls)
        made._open(chosen, timing)
        return made

    def _open(self, chosen: Settings, timing: Timing) -> None:
        settings.require_arguments(chosen, {}, "server", "user", "groups", *chosen.proofs)
        client = Client(chosen.server, chosen.credentials(), direct=True)
        self._set_up(client, Caller(client, chosen, timing), timing)

    @property
    def user(self) -> str:
        """The user of the calls."""
        return self._caller.fields["user"]

    def job(self, job: AnyJob) -> Details:
        """Return all data of one job. Raises ServerError NO_JOB."""
        return self._details(id_of(job), {})

    def jobs(self, **filters: Unpack[Filters]) -> Iterator[Job]:
        """Yield the jobs the user may read, least recently changed first, fetched page by page.

        ``state`` and ``application`` select jobs; ``!finished`` selects all others. ``ended`` selects by
        outcome: ``succeeded``, ``failed`` or ``unknown``. ``name`` and all ``labels`` match exactly.
        ``owner`` is a user or group, ``resource`` where a job runs or ran, ``since`` the earliest last change
        in Unix seconds; ``numbers`` are job ids and ranges as ``12-40``. Raises ValueError for an invalid
        filter, TransportError from a server that is too old for one.
        """
        return self.select(selection_of(**filters))

    def select(self, selection: Selection) -> Iterator[Job]:
        """Yield the jobs of a selection as `jobs` does."""
        return selected_jobs(partial(self._call, "job_state"), self.server, selection)

    def job_list(self, **filters: Unpack[Filters]) -> "JobList":
        """Return the jobs of filters as for `jobs`, as a tuple that a notebook shows as a table."""
        from lgi_tools.client.job_table import JobList

        return JobList(self.jobs(**filters))

    def arrays(self) -> "Iterator[JobArray]":
        """Yield the arrays of jobs that the user may read, the newest first. Older servers have none."""
        from lgi_tools.client.job_array import job_arrays

        return job_arrays(partial(self._call, "job_arrays"))

    def progress(self, selection: Selection | None = None, **filters: Unpack[Filters]) -> "Progress":
        """Return how far the jobs of a selection are, or those of filters as for `jobs`.

        Raises TransportError from a server that is too old.
        """
        from lgi_tools.client.job_progress import read_progress

        asked = selection_of(**filters) if selection is None else selection
        return read_progress(partial(self._call, "job_progress"), self.server, asked)

    def wait(
        self,
        job: AnyJob,
        timeout: float | None = None,
        *,
        on_outage: Callable[[Outage], object] | None = None,
        on_held: OnHeld | None = None,
    ) -> Details:
        """Wait until a job has ended and return it. Raises TimeoutError after ``timeout`` seconds.

        Raises OutageError when a server that had answered before has not answered for ten minutes; the job
        continues. With ``on_outage``, which is called with the error, a server that is down at first is
        waited for too. ``on_held`` is called with the job when somebody, or the scheduler, holds it, or with
        one that it follows.
        """
        job_id, notice = id_of(job), HoldNotice(on_held, self)
        return poll_until(
            lambda held: notice.look(self._details(job_id, held_for(held))),
            lambda found: found.ended,
            timeout,
            answered=self._answered,
            on_outage=on_outage,
            timing=self.timing,
        )

    def as_completed(self, jobs: Iterable[AnyJob], timeout: float | None = None) -> Iterator[Job]:
        """Yield jobs as they end, each once. Raises TimeoutError ``timeout`` seconds after the start.

        Raises OutageError as `wait` does. A job that does not exist, or is deleted meanwhile, raises
        ServerError NO_JOB when all others have ended.
        """
        from lgi_tools.client.job_ends import JobEnds

        gone: list[int] = []
        for ended in JobEnds(self, [id_of(job) for job in jobs]).follow(timeout):
            gone += [one for one in ended if isinstance(one, int)]
            yield from (one for one in ended if isinstance(one, Job))
        for number in gone:
            self.job(number)

    def executor(self, application: str = "command", **options: Unpack["ExecutorOptions"]) -> "JobExecutor":
        """Return an executor of `concurrent.futures` whose calls are jobs, with arguments as of `submit`.

        Functions are called by ``python`` there, by default by the version of here. Without ``keep`` (True)
        the jobs of functions that have returned are deleted. ImportError at the first function when the
        package cloudpickle is not installed.
        """
        from lgi_tools.client.executor.job_executor import JobExecutor
        from lgi_tools.client.executor.options import template_of

        python, keep = options.get("python", ""), options.get("keep", True)
        return JobExecutor(self, template_of(application, **options), python=python, keep=keep)

    def map(
        self,
        function: "Callable[..., _Value]",
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **options: Unpack["ExecutorOptions"],
    ) -> "Iterator[_Value]":
        """Call a function with each of the arguments in jobs, and yield the values in order.

        The options are those of `executor`, whose `map` this is.
        """
        executor = self.executor(**options)
        try:
            return executor.map(function, *iterables, timeout=timeout, chunksize=chunksize)
        finally:
            executor.shutdown(wait=False)

    def result(self, job: AnyJob, timeout: float | None = None) -> Result:
        """Wait until a job has ended and return its result. Raises TimeoutError after ``timeout`` seconds."""
        return result_of(self.wait(job, timeout))

    def delete(self, job: AnyJob) -> bool:
        """Delete a job and return whether it is removed. A running job is aborted; delete it again later."""
        reply = self._call("delete_job", {"job_id": str(id_of(job))})
        return reply.value("job", "state") != State.ABORTING

    def files(self, job: AnyJob) -> "Files":
        """Return the repository of a job."""
        from lgi_tools.client.files import Files
        from lgi_tools.client.repository import Repository

        found = job if isinstance(job, Job) else self.job(job)
        if not found.repository_url:
            raise TransferError(f"job {found.id} has no repository")
        return Files(Repository(found.repository_url, self._client.session, self.timing))

    def resources(self) -> tuple[Resource, ...]:
        """Return the resources of the project."""
        reply = self._call("project_resource_list", {})
        return tuple(read_resource(text) for text in reply.all("resource"))

    def call(self, name: str, fields: Mapping[str, str]) -> Reply:
        """Make any call of ``interfaces/interface_<name>``, for calls without a method here."""
        return self._call(name, fields)

    def close(self) -> None:
        """Close the connections; a ``with`` block does so too."""
        self._client.close()

    def __enter__(self) -> Self:
        """Return the project itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _details(self, job_id: int, more: Mapping[str, str]) -> Details:
        reply = self._call("job_state", {"job_id": str(job_id)} | SHOW | dict(more))
        return read_element(self.server, reply, "job", read_details)
