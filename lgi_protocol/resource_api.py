"""Calls of a resource (wire.md 6), used by the daemon and by LGI_qsub inside a job."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lgi_protocol import comma_lists, exchange_text, hexcode, job_repository, xml
from lgi_protocol.client import Client
from lgi_protocol.exchange import Exchange, ExchangeAnswer
from lgi_protocol.job_description import JobDescription, read_job
from lgi_protocol.job_repository import SmallFile
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.sign_up import SignUp, read_sign_up
from lgi_protocol.states import State
from lgi_protocol.work_offer import PendingJob, WorkOffer

_PENDING = ("job_id", "application", "state")


class ResourceCalls:
    """The calls of a resource to one server in one project. Errors are those of `Client.post`."""

    def __init__(self, client: Client, project: str) -> None:
        """Set client and project; `sign_up` opens the session that most calls need."""
        self.client = client
        self.project = project
        self.session_id = ""

    def sign_up(self, capabilities: str = "", daemon: str = "") -> SignUp:
        """Open a session; non-empty capabilities replace those the server knows.

        ``daemon`` is the number of the daemon, by which newer servers tell those of one resource apart.
        """
        fields = {"project": self.project}
        if capabilities:
            fields["capabilities"] = capabilities
        if daemon:
            fields["daemon"] = daemon
        reply = self.client.post("resources/resource_signup_resource", fields)
        self.session_id = reply.value("session_id")
        return read_sign_up(reply)

    def sign_off(self) -> None:
        """End the session and release its locks. The session id is kept when the call fails, for a retry."""
        self._post("resource_signoff_resource", {})
        self.session_id = ""

    def _post(self, call: str, fields: dict[str, str], files: tuple[Path, ...] = ()) -> Reply:
        base = {"session_id": self.session_id, "project": self.project}
        return self.client.post(f"resources/{call}", base | fields, files)

    def request_work(self, application: str, start: int, limit: int, owners: str = "") -> WorkOffer:
        """Request queued jobs; each is locked for this session until it is unlocked or signed off."""
        fields = {"application": application, "start": str(start), "limit": str(limit), "owners": owners}
        reply = self._post("resource_request_work", fields)
        jobs = tuple(read_job(text) for text in reply.all("job"))
        return WorkOffer(reply.value("resource"), jobs)

    def count_work(self, application: str, owners: str = "") -> int:
        """Return the number of queued jobs for this resource; nothing is locked."""
        fields = {"application": application, "start": "0", "limit": "0", "owners": owners}
        return leading_number(self._post("resource_request_work", fields).value("number_of_jobs"))

    def poll_work(
        self,
        applications: Iterable[str],
        known: Iterable[PendingJob],
        seconds: int,
        *,
        load: int = 0,
        watched: Iterable[str] | None = None,
    ) -> tuple[PendingJob, ...]:
        """Wait at most ``seconds`` for jobs to take or to abort that are not in ``known``, and return them.

        ``load`` is the load of the resource in percent: of a new job the server notifies resources of less
        load first. ``watched`` are the jobs whose output is sent already; if it is given, the answer may
        contain further ones in state WATCHED. Needs no session, locks nothing; for servers whose
        ``longest_wait`` is above 0.
        """
        known = tuple(known)
        fields = {
            "project": self.project,
            "applications": comma_lists.join(applications),
            "queued": comma_lists.join(job.job_id for job in known if job.state == State.QUEUED),
            "aborting": comma_lists.join(job.job_id for job in known if job.state == State.ABORTING),
            "wait": str(seconds),
            "load": str(load),
        }
        if watched is not None:
            fields["watched"] = comma_lists.join(watched)
        jobs = self.client.post("resources/resource_wait", fields).all("job")
        return tuple(PendingJob(*(xml.value(job, name) for name in _PENDING)) for job in jobs)

    def exchange(
        self, exchange: Exchange, daemon: str, seconds: int = 0, *, load: int = 0, capabilities: str = ""
    ) -> ExchangeAnswer:
        """Report on jobs, name those that are held, and get new ones and what has changed, in one call.

        Needs no session, locks nothing, and may be repeated; for servers that announce it at the sign-up.
        ``daemon`` is the number of the daemon. When there is nothing to answer the server waits at most
        ``seconds``, as in `poll_work`, and not if there are reports. Non-empty capabilities replace those
        that the server knows. Raise ValueError when a part of the answer is not hexadecimal.
        """
        fields = {
            "project": self.project,
            "daemon": daemon,
            "wait": str(seconds),
            "load": str(load),
            "exchange": exchange_text.write(exchange),
        }
        if capabilities:
            fields["capabilities"] = capabilities
        return exchange_text.read(self.client.post("resources/resource_exchange", fields))

    def lock(self, job_id: str) -> None:
        """Lock a job for this session; raise ServerError CANNOT_LOCK when it is locked."""
        self._post("resource_lock_job", {"job_id": job_id})

    def unlock(self, job_id: str) -> None:
        """Unlock a job locked by this session; raise ServerError NOT_YOUR_LOCK when it is not."""
        self._post("resource_unlock_job", {"job_id": job_id})

    def details(self, job_id: str) -> JobDescription:
        """Return all fields of a job locked by this session."""
        return _job(self._post("resource_request_job_details", {"job_id": job_id}))

    def update(self, job_id: str, **changes: str | bytes | int | None) -> JobDescription:
        """Change fields of a locked job: state, target_resources, job_specifics, input or output.

        exit_code, exit_signal and end_reason report how it ended, the fields of `JobUsage` what it used. None
        and empty values change nothing; 0 is a value. With ``daemon_reference`` newer servers refuse a daemon
        that has lost the job.
        """
        fields = {"job_id": job_id}
        for name, change in changes.items():
            if isinstance(change, bytes):
                change = hexcode.encode(change)
            if change not in {None, ""}:
                fields[name] = str(change)
        return _job(self._post("resource_update_job", fields))

    def repository_file_count(self, url: str) -> int:
        """Return how many files a job's repository has. Raise RepositoryError."""
        return job_repository.file_count(self.client, url)

    def store_files(self, url: str, files: Sequence[SmallFile]) -> None:
        """Store files in a job's repository. Raise RepositoryError."""
        job_repository.store(self.client, url, files)

    def submit(self, fields: dict[str, str], files: tuple[Path, ...] = ()) -> Reply:
        """Submit a job, which is then locked for this session; without a session nothing is locked."""
        return self._post("resource_submit_job", fields, files)

    def job_state(self, job_id: str) -> JobDescription:
        """Return a job's state without session or lock; the server records that the daemon is alive."""
        fields = {"project": self.project, "job_id": job_id}
        return _job(self.client.post("resources/resource_job_state", fields))

    def send_tail(
        self, job_id: str, daemon_reference: str, offset: int, data: bytes, *, complete: bool = False
    ) -> bool:
        """Send the output of a job from byte ``offset`` on; return whether a user still follows it.

        Needs no session. For jobs the server has announced as WATCHED.
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

    def attach_stream(self, daemon_reference: str, fields: Mapping[str, str]) -> Reply:
        """Send and receive data of a session of LGI_attach with a job of this daemon (`AttachStream`)."""
        base = {"project": self.project, "daemon_reference": daemon_reference}
        return self.client.post("resources/resource_attach_stream", base | dict(fields))

    def job_certificate(self, job_id: str, daemon_reference: str, request: bytes) -> bytes:
        """Return a certificate (PEM) for a job of this daemon, from a signing request (DER) of its key.

        Needs no session; for servers with ``job_certificates``. Raise ValueError when the answer is not
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
