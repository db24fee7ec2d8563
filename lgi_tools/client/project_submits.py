"""The submits of `Project`: one job, many jobs, and arrays."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Unpack

from lgi_protocol import comma_lists
from lgi_protocol.client import Client
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply
from lgi_tools.client import idempotent_submit
from lgi_tools.client.element import read_element
from lgi_tools.client.interface_calls import SUBMIT, Caller, is_unknown_call
from lgi_tools.client.job import Details, read_details
from lgi_tools.client.job_plan import PlanArguments, plan_of
from lgi_tools.client.job_request import JobRequest, Submission
from lgi_tools.client.result_patterns import ResultPatterns
from lgi_tools.client.timing import Timing


class ProjectSubmits:
    """The calls of a project that make jobs; `Project` has all others."""

    def _set_up(self, client: Client, caller: Caller, timing: Timing) -> None:
        self._client = client
        self._caller = caller
        self.timing = timing
        # Whether the server has answered: if so, it is retried when it does not answer any more.
        self._answered = False

    @property
    def server(self) -> str:
        """The URL of the project server."""
        return self._client.server

    def submit(
        self,
        application: str,
        *,
        input: bytes | str = b"",
        files: Iterable[str | Path] = (),
        targets: Iterable[str] = (comma_lists.ANY,),
        specifics: str | Mapping[str, str | int] = "",
        read_access: Iterable[str] = (),
        write_access: Iterable[str] = (),
        name: str = "",
        labels: Mapping[str, str] | None = None,
        output_files: Iterable[str] = (),
        exclude_files: Iterable[str] = (),
        **plan: Unpack[PlanArguments],
    ) -> Details:
        """Queue a job; its files are streamed into its repository.

        ``specifics`` is XML, or a mapping to write as XML: ``{"cpus": 4, "walltime": "01:00:00"}``. The job
        is found by ``name`` and ``labels``, as ``{"T": "300"}``. With ``hold`` it is not started before it is
        released, with ``after`` not before these jobs have succeeded, with ``after_any`` not before these
        have ended: jobs, arrays, or text as ``"12-40"`` and ``"102[]"``. If a job of ``after`` fails it is
        aborted, with ``keep_after_failure`` held.
        It is started again ``retries`` times when it fails, and before the user's jobs of lower ``priority``
        (`JobPlan`). Of its files those are kept that match ``output_files``, as ``results/**``, but not
        ``exclude_files``.
        TransportError from a server that is too old for that.
        """
        request = JobRequest(
            application,
            input=input,
            files=files,
            targets=targets,
            specifics=specifics,
            read_access=read_access,
            write_access=write_access,
            name=name,
            labels=labels or {},
            plan=plan_of(**plan),
            results=ResultPatterns(tuple(output_files), tuple(exclude_files)),
        )
        return self.submit_request(request)

    def submit_request(self, request: JobRequest) -> Details:
        """Queue a job as `submit` does, once however often it is called with the same request id."""
        once = {"request_id": request.request_id} if request.request_id else {}
        reply = self._call(SUBMIT, request.fields() | request.show() | once, request.paths())
        return read_element(self.server, reply, "job", read_details)

    def submit_many(
        self, requests: Iterable[JobRequest], report: Callable[[Submission], object] | None = None
    ) -> list[Submission]:
        """Queue many jobs in few calls and return the outcome of each, in their order.

        A refused job does not stop the others: its outcome has the error. ``report`` gets each outcome as
        soon as it is known. ValueError and OSError for a request are raised before any is sent. After other
        errors those not reported may be queued: a call with the same request ids makes no second job.
        """
        from lgi_tools.client.submission import submit_many

        found = submit_many(self._client, self._caller.fields, requests, self.timing)
        return self._collect(found, report)

    def submit_array(
        self,
        requests: Iterable[JobRequest] | Mapping[int, JobRequest],
        *,
        at_most: int = 0,
        request_id: str = "",
        report: Callable[[Submission], object] | None = None,
    ) -> list[Submission]:
        """Queue jobs as the elements of one array and return the outcome of each, in their order.

        The index of an element is its key, or its place from 1. No more than ``at_most`` elements run at once
        (0: any number). All have the same application and readers; a file of several is sent once in a call.
        Each outcome has the ``array_id``. The errors are those of `submit_many`; ServerError when an element
        is refused: then those reported are queued, and a call with the same ``request_id`` (up to 50
        characters) goes on there. Raises TransportError from an older server.
        """
        from lgi_tools.client.bulk_submit import NewArray
        from lgi_tools.client.submission import submit_array

        by_index = requests if isinstance(requests, Mapping) else dict(enumerate(requests, 1))
        array = NewArray(request_id or idempotent_submit.new_id(), len(by_index), at_most)
        found = submit_array(self._client, self._caller.fields, by_index, array, self.timing)
        return self._collect(found, report)

    def check_array(self, application: str, size: int, *, urgent: bool = False) -> None:
        """Raise ServerError when an array of so many jobs is above a limit; older servers do not say so."""
        fields = {"jobs": "[]", "array": idempotent_submit.new_id(), "array_size": str(size)}
        try:
            more = {"application": application, **({"urgent": "1"} if urgent else {})}
            self._call("submit_jobs", fields | more)
        except TransportError as error:
            if not is_unknown_call(error):
                raise

    def _collect(
        self, found: Iterable[Submission], report: Callable[[Submission], object] | None
    ) -> list[Submission]:
        outcomes: list[Submission] = []
        for outcome in found:
            self._answered = True
            outcomes.append(outcome)
            if report:
                report(outcome)
        return outcomes

    def _call(self, name: str, fields: Mapping[str, str], files: tuple[Path, ...] = ()) -> Reply:
        reply = self._caller.call(name, fields, files)
        self._answered = True
        return reply
