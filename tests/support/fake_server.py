"""A project server in memory: the calls of a resource, with faults on demand."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from lgi_protocol import job_usage, xml
from lgi_protocol.client import Client
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.exchange import Exchange, ExchangeAnswer
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_end import End
from lgi_protocol.job_usage import JobUsage
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.sign_up import SignUp
from lgi_protocol.states import resource_may_change
from lgi_protocol.work_offer import WATCHED, PendingJob, WorkOffer
from tests.support.fake_exchange import FakeExchange

URL = "https://master.test/LGI"
RESOURCE = "cluster@test"


def refused(number: ErrorNumber, timeout: int = 10) -> ServerError:
    """Return the error as a client gets it."""
    return ServerError(int(number), number.message, timeout)


@dataclass
class Fault:
    """A fault of the next calls of a name; ``after`` loses the answer only."""

    call: str
    error: Exception
    after: bool
    times: int


@dataclass
class FakeServer:
    """A server with its jobs, its locks and every call it received."""

    url: str = URL
    slaves: tuple[str, ...] = ()
    jobs: dict[str, JobDescription] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stamp: int = 1000
    longest_wait: int = 0
    # The daemons that have signed up, and how many others each is told of.
    daemons: list[str] = field(default_factory=list)
    other_daemons: int = 0
    # What each sign-up said of the resource.
    capabilities: list[str] = field(default_factory=list)
    # The jobs somebody looks at, and what was sent of them: from which byte on, what, whether that is all.
    looked_at: set[str] = field(default_factory=set)
    sent: list[tuple[int, bytes, bool]] = field(default_factory=list)
    # The version of resource_exchange that it announces, 0 for none, and whether it tells news of jobs that a
    # held one does not name; the exchanges that were made, the jobs with the references they were given to,
    # those given back with the reasons, and the jobs that were held.
    exchange: int = 0
    hears_unnamed: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    # How full the resource was in each, in percent.
    loads: list[int] = field(default_factory=list)
    # For how many seconds each exchange may be held.
    held_for: list[int] = field(default_factory=list)
    given: list[tuple[str, str]] = field(default_factory=list)
    returned: list[tuple[str, str]] = field(default_factory=list)
    pulses: list[str] = field(default_factory=list)
    # What was said of why held jobs wait.
    wait_reasons: list[str] = field(default_factory=list)
    # Whether it refuses an exchange as a whole; the jobs whose reports it refuses in an exchange.
    is_impossible: Callable[[Exchange], bool] = lambda _exchange: False
    refusals: dict[str, ErrorNumber] = field(default_factory=dict)
    # What each job has used; `JobDescription.end` is without it.
    usages: dict[str, JobUsage] = field(default_factory=dict)
    # As transactions are: workers of a daemon call at the same time, and tests look and change meanwhile.
    guard: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def submit(self, job_id: str, owners: tuple[str, ...] = ("mark@laptop",), specifics: str = "") -> None:
        """Queue a job with the input ``hi``."""
        job = JobDescription(
            job_id=job_id,
            state="queued",
            application="hello_world",
            target_resources=("any",),
            owners=owners,
            read_access=owners,
            write_access=owners,
            job_specifics=specifics,
            state_time_stamp=str(self.stamp),
            input=b"hi",
            output=b"",
        )
        with self.guard:
            self.jobs[job_id] = job

    def change(self, job_id: str, **changes: Any) -> None:
        """Change a job as another caller would, with a new time stamp."""
        with self.guard:
            self.stamp += 1
            self.jobs[job_id] = replace(self.jobs[job_id], **changes, state_time_stamp=str(self.stamp))

    def fail(self, call: str, error: Exception | None = None, after: bool = False, times: int = 1) -> None:
        """Let the next calls of a name fail, by default without an answer."""
        self.faults.append(Fault(call, error or TransportError(self.url, "connection lost"), after, times))

    def made(self, *names: str) -> list[str]:
        """Return the received calls of these names, in their order."""
        return [call for call in self.calls if call in names]

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Answer a call, or fail before or after its effect, as a test has set."""
        with self.guard:
            self.calls.append(call)
            fault = next((one for one in self.faults if one.call == call and one.times), None)
            if fault is None:
                return answer()
            fault.times -= 1
            if fault.after:
                answer()
            raise fault.error


class FakeCalls(ResourceCalls):
    """The calls of one session, made on the fake without any wire."""

    def __init__(self, server: FakeServer, project: str) -> None:
        self.server = server
        self.project = project
        self.session_id = ""
        self.client: Client

    def sign_up(self, capabilities: str = "", daemon: str = "") -> SignUp:
        def answer() -> SignUp:
            self.session_id = str(len(self.server.calls))
            self.server.sessions.add(self.session_id)
            self.server.capabilities.append(capabilities)
            self.server.daemons.append(daemon)
            return SignUp(
                session_id=self.session_id,
                master_server=URL,
                slave_servers=self.server.slaves,
                max_field_size=xml.MAX_FIELD_SIZE,
                longest_wait=self.server.longest_wait,
                resource=RESOURCE,
                other_daemons=self.server.other_daemons,
                exchange=self.server.exchange,
                hears_unnamed=self.server.hears_unnamed,
            )

        return self.server.handle("sign_up", answer)

    def sign_off(self) -> None:
        def answer() -> None:
            self.server.sessions.discard(self.session_id)
            held = [job for job, session in self.server.locks.items() if session == self.session_id]
            for job_id in held:
                del self.server.locks[job_id]

        self.server.handle("sign_off", answer)

    def request_work(self, application: str, start: int, limit: int, owners: str = "") -> WorkOffer:
        def answer() -> WorkOffer:
            self.server.asked.append({"start": start, "limit": limit, "owners": owners})
            free = [
                job
                for job in self.server.jobs.values()
                if job.state == "queued"
                and job.application == application
                and job.job_id not in self.server.locks
            ]
            page = free[start : start + limit]
            for job in page:
                self.server.locks[job.job_id] = self.session_id
            return WorkOffer(RESOURCE, tuple(replace(job, state="", input=b"") for job in page))

        return self.server.handle("request_work", answer)

    def poll_work(
        self,
        applications: Iterable[str],
        known: Iterable[PendingJob],
        seconds: int,
        *,
        load: int = 0,
        watched: Iterable[str] | None = None,
    ) -> tuple[PendingJob, ...]:
        def answer() -> tuple[PendingJob, ...]:
            self.server.asked.append(
                {"known": [one.job_id for one in known], "seconds": seconds, "load": load}
            )
            found = [
                PendingJob(job.job_id, job.application, job.state)
                for job in self.server.jobs.values()
                if job.state in {"queued", "aborting"} and job.application in applications
            ]
            if watched is not None:
                found += [
                    PendingJob(job, "hello_world", WATCHED) for job in self.server.looked_at - {*watched}
                ]
            return tuple(one for one in found if one not in known)

        return self.server.handle("wait", answer)

    def exchange(
        self, exchange: Exchange, daemon: str, seconds: int = 0, *, load: int = 0, capabilities: str = ""
    ) -> ExchangeAnswer:
        def answer() -> ExchangeAnswer:
            if not self.server.exchange:
                raise TransportError(self.server.url, "the answer is not an LGI document (HTTP 404)")
            self.server.exchanges.append(exchange)
            self.server.loads.append(load)
            self.server.held_for.append(seconds)
            if self.server.is_impossible(exchange):
                raise refused(ErrorNumber.DATABASE)
            if capabilities:
                self.server.capabilities.append(capabilities)
            return FakeExchange(self.server, RESOURCE).answer(exchange)

        return self.server.handle("exchange", answer)

    def send_tail(
        self, job_id: str, daemon_reference: str, offset: int, data: bytes, *, complete: bool = False
    ) -> bool:
        def answer() -> bool:
            if self._known(job_id).daemon_reference != daemon_reference:
                raise refused(ErrorNumber.NOT_YOUR_LOCK)
            self.server.sent.append((offset, data, complete))
            return job_id in self.server.looked_at

        return self.server.handle("send_tail", answer)

    def lock(self, job_id: str) -> None:
        def answer() -> None:
            self._known(job_id)
            if job_id in self.server.locks:
                raise refused(ErrorNumber.CANNOT_LOCK)
            self.server.locks[job_id] = self.session_id

        self.server.handle("lock", answer)

    def unlock(self, job_id: str) -> None:
        def answer() -> None:
            self._locked(job_id)
            del self.server.locks[job_id]

        self.server.handle("unlock", answer)

    def details(self, job_id: str) -> JobDescription:
        def answer() -> JobDescription:
            self._locked(job_id)
            return self._known(job_id)

        return self.server.handle("details", answer)

    def update(self, job_id: str, **changes: str | bytes | int | None) -> JobDescription:
        def answer() -> JobDescription:
            self._locked(job_id)
            job = self._known(job_id)
            given: dict[str, Any] = {name: value for name, value in changes.items() if value}
            if given.pop("daemon_reference", job.daemon_reference) != job.daemon_reference:
                raise refused(ErrorNumber.NOT_YOUR_LOCK)
            if not resource_may_change(job.state, given.get("state", job.state)):
                raise refused(ErrorNumber.STATE)
            told = {name: given.pop(name, None) for name in ("exit_code", "exit_signal", "end_reason")}
            self.server.usages[job_id] = JobUsage(*(given.pop(name, None) for name in job_usage.FIELDS))
            if "exit_code" in changes and given.get("state", "") in {"finished", "aborted"}:
                code, signal = changes["exit_code"], changes["exit_signal"]
                given["end"] = End(code, signal, told["end_reason"] or "")  # type: ignore[arg-type]
            if "target_resources" in given:
                given["target_resources"] = (given["target_resources"],)
            self.server.change(job_id, **given)
            return self.server.jobs[job_id]

        return self.server.handle("update", answer)

    def job_state(self, job_id: str) -> JobDescription:
        return self.server.handle("job_state", lambda: replace(self._known(job_id), input=b"", output=b""))

    def _known(self, job_id: str) -> JobDescription:
        if job_id not in self.server.jobs:
            raise refused(ErrorNumber.NO_JOB)
        return self.server.jobs[job_id]

    def _locked(self, job_id: str) -> None:
        if self.server.locks.get(job_id) != self.session_id:
            raise refused(ErrorNumber.NOT_YOUR_LOCK)
