"""The calls a resource makes (wire.md 6), for the daemon and for LGI_qsub inside a job."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol import comma_lists, hexcode, xml
from lgi_protocol.client import Client
from lgi_protocol.job_end import NO_END, End, read_end
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.states import State

# Not a state: somebody looks at what the job puts out.
WATCHED = "watched"
_AWAITED = ("job_id", "application", "state")


@dataclass(frozen=True)
class JobDescription:
    """A job as a project server describes it to a resource."""

    job_id: str
    state: str
    application: str
    target_resources: tuple[str, ...]
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    job_specifics: str
    state_time_stamp: str
    input: bytes
    output: bytes
    end: End = NO_END

    @property
    def daemon_reference(self) -> str:
        """The reference of the daemon that has taken the job, empty when none has."""
        return xml.value(self.job_specifics, "daemon_reference")


@dataclass(frozen=True)
class WorkOffer:
    """The answer to a request for work: the caller's own name and the jobs locked for it."""

    resource: str
    jobs: tuple[JobDescription, ...]


@dataclass(frozen=True)
class SignUp:
    """The answer to a sign-up: a session, and where else the project has servers.

    ``longest_wait`` is for how many seconds the server holds a call that waits; 0: it does not, as LGI.
    ``job_certificates``: it gives jobs certificates of their own.
    """

    session_id: str
    master_server: str
    slave_servers: tuple[str, ...]
    max_field_size: int
    longest_wait: int = 0
    job_certificates: bool = False


@dataclass(frozen=True)
class PendingJob:
    """A job that a resource could take (``queued``), is to abort (``aborting``), or is to send the output of.

    ``state`` is WATCHED for the last.
    """

    job_id: str
    application: str
    state: str


def is_job_id(text: str) -> bool:
    """Whether a text can be the number of a job: it becomes part of calls, logs and environments."""
    return re.fullmatch("[0-9]{1,9}", text) is not None


def read_job(text: str) -> JobDescription:
    """The content of a ``<job>`` element. ValueError when input or output is not hexadecimal."""

    def value(name: str) -> str:
        return xml.value(text, name)

    return JobDescription(
        job_id=value("job_id"),
        state=value("state"),
        application=value("application"),
        target_resources=comma_lists.split(value("target_resources")),
        owners=comma_lists.split(value("owners")),
        read_access=comma_lists.split(value("read_access")),
        write_access=comma_lists.split(value("write_access")),
        job_specifics=value("job_specifics"),
        state_time_stamp=value("state_time_stamp"),
        input=hexcode.decode(value("input")),
        output=hexcode.decode(value("output")),
        end=read_end(text),
    )


class ResourceCalls:
    """A resource's calls on one server, in one project."""

    def __init__(self, client: Client, project: str) -> None:
        """The session, where a call needs one, comes from `sign_up`."""
        self.client = client
        self.project = project
        self.session_id = ""

    def sign_up(self, capabilities: str = "") -> SignUp:
        """Open a session; posted capabilities replace the ones the server knows."""
        fields = {"project": self.project}
        if capabilities:
            fields["capabilities"] = capabilities
        reply = self.client.post("resources/resource_signup_resource", fields)
        self.session_id = reply.value("session_id")
        return SignUp(
            session_id=self.session_id,
            master_server=reply.value("project_master_server"),
            slave_servers=tuple(xml.unescape(url.strip()) for url in reply.all("project_server")),
            max_field_size=reply.max_field_size,
            longest_wait=reply.number("longest_wait"),
            job_certificates=reply.number("job_certificates") > 0,
        )

    def sign_off(self) -> None:
        """End the session; its locks are freed. As long as nobody has confirmed it, it may be tried again."""
        self._post("resource_signoff_resource", {})
        self.session_id = ""

    def _post(self, call: str, fields: dict[str, str], files: tuple[Path, ...] = ()) -> Reply:
        base = {"session_id": self.session_id, "project": self.project}
        return self.client.post(f"resources/{call}", base | fields, files)

    def request_work(self, application: str, start: int, limit: int, owners: str = "") -> WorkOffer:
        """Queued jobs, each locked for this session until unlocked or signed off."""
        fields = {"application": application, "start": str(start), "limit": str(limit), "owners": owners}
        reply = self._post("resource_request_work", fields)
        jobs = tuple(read_job(text) for text in reply.all("job"))
        return WorkOffer(reply.value("resource"), jobs)

    def count_work(self, application: str) -> int:
        """How many queued jobs wait for this resource; locks nothing."""
        fields = {"application": application, "start": "0", "limit": "0", "owners": ""}
        return leading_number(self._post("resource_request_work", fields).value("number_of_jobs"))

    def wait(
        self,
        applications: Iterable[str],
        known: Iterable[PendingJob],
        seconds: int,
        load: int = 0,
        watched: Iterable[str] | None = None,
    ) -> tuple[PendingJob, ...]:
        """Jobs to take or to abort but for the known ones, as soon as there are any, else none after a while.

        ``load`` is how full the resource is, in percent: of a new job the emptier hear first. ``watched`` are
        jobs whose output is sent already: who gives them is told of others that somebody looks at.
        Needs no session and locks nothing. For servers that say longest_wait at sign-up.
        """
        known = tuple(known)
        fields = {
            "project": self.project,
            "applications": comma_lists.join(applications),
            "queued": comma_lists.join(one.job_id for one in known if one.state == State.QUEUED),
            "aborting": comma_lists.join(one.job_id for one in known if one.state == State.ABORTING),
            "wait": str(seconds),
            "load": str(load),
        }
        if watched is not None:
            fields["watched"] = comma_lists.join(watched)
        jobs = self.client.post("resources/resource_wait", fields).all("job")
        return tuple(PendingJob(*(xml.value(job, name) for name in _AWAITED)) for job in jobs)

    def lock(self, job_id: str) -> None:
        """Lock a job for this session."""
        self._post("resource_lock_job", {"job_id": job_id})

    def unlock(self, job_id: str) -> None:
        """Free a job this session has locked."""
        self._post("resource_unlock_job", {"job_id": job_id})

    def details(self, job_id: str) -> JobDescription:
        """Everything of a job this session has locked."""
        return _job(self._post("resource_request_job_details", {"job_id": job_id}))

    def update(self, job_id: str, **changes: str | bytes | int | None) -> JobDescription:
        """Change state, target_resources, job_specifics, input or output of a locked job; empty ones stay.

        exit_code, exit_signal and end_reason tell how it ended; None and an empty text stay, 0 is a value.
        With ``daemon_reference`` a server of today refuses a change by a daemon that has lost the job.
        """
        fields = {"job_id": job_id}
        for name, change in changes.items():
            if isinstance(change, bytes):
                change = hexcode.encode(change)
            if change not in {None, ""}:
                fields[name] = str(change)
        return _job(self._post("resource_update_job", fields))

    def submit(self, fields: dict[str, str], files: tuple[Path, ...] = ()) -> Reply:
        """Insert a job that comes back locked for this session. A job needs no session, and locks nothing."""
        return self._post("resource_submit_job", fields, files)

    def job_state(self, job_id: str) -> JobDescription:
        """A job's state without session or lock; tells the server that the job is looked after."""
        fields = {"project": self.project, "job_id": job_id}
        return _job(self.client.post("resources/resource_job_state", fields))

    def send_tail(
        self, job_id: str, daemon_reference: str, offset: int, data: bytes, complete: bool = False
    ) -> bool:
        """Send what a job has put out from byte ``offset`` on: whether anybody still looks.

        Needs no session. For jobs the server has named as WATCHED.
        """
        fields = {
            "project": self.project,
            "job_id": job_id,
            "daemon_reference": daemon_reference,
            "offset": str(offset),
            "tail": hexcode.encode(data),
            "complete": str(int(complete)),
        }
        return self.client.post("resources/resource_job_tail", fields).number("watched") > 0

    def job_certificate(self, job_id: str, daemon_reference: str, request: bytes) -> bytes:
        """A certificate (PEM) for a job this daemon has, from a signing request (DER) of the job's key.

        Needs no session. For servers that say job_certificates at sign-up. ValueError when the answer is not
        hexadecimal.
        """
        fields = {
            "project": self.project,
            "job_id": job_id,
            "daemon_reference": daemon_reference,
            "request": hexcode.encode(request),
        }
        reply = self.client.post("resources/resource_job_certificate", fields)
        return hexcode.decode(reply.value("certificate"))


def _job(reply: Reply) -> JobDescription:
    found = xml.find(reply.content, "job")
    return read_job(found.inside if found else "")
