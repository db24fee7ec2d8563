"""The tags of the answers, in the order old programs were written against (wire.md 6-8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element, write
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.services.access.principals import ProjectServers, UserPrincipal
from lgi_server.services.jobs.licences import Licence
from lgi_server.storage.base import Store, StoredFile
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.pending_work import PendingJob
from lgi_server.tables.running_locks import Lock

Elements = tuple[Element, ...]
_DETAILS = [
    "job_id",
    "target_resources",
    "owners",
    "application",
    "state",
    "state_time_stamp",
    "repository_content",
    "input",
    "output",
    "read_access",
    "write_access",
    "job_specifics",
]
_UPDATED = [name for name in _DETAILS if name != "repository_content"]
_STATE = [name for name in _UPDATED if name not in {"input", "output"}]
_LISTED = [
    "job_id",
    "state",
    "state_time_stamp",
    "target_resources",
    "owners",
    "application",
    "read_access",
    "write_access",
    "job_specifics",
]
_OFFERED = [
    "job_id",
    "state_time_stamp",
    "target_resources",
    "owners",
    "read_access",
    "write_access",
    "job_specifics",
]
_DELETED = [
    "job_id",
    "target_resources",
    "application",
    "owners",
    "read_access",
    "write_access",
    "job_specifics",
    "state",
    "state_time_stamp",
]


@dataclass(frozen=True)
class _Listing(Element):
    """Stands for the files of a repository until they are looked up."""

    repository: str = ""


@dataclass(frozen=True)
class _Details(Element):
    """A job that is answered with the files of its repository."""


class ResponseBuilder:
    """Writes answers of one project; knows where the server and its repositories are."""

    def __init__(self, config: Config, project: ProjectConfig, store: Store) -> None:
        """Create a builder; it reads repositories when an answer lists their files."""
        self._config = config
        self._project = project
        self._store = store

    def resource_header(
        self, resource: ResourceRow, servers: ProjectServers, session_id: int | None = None
    ) -> Elements:
        """Return what every answer to a resource starts with."""
        header: Elements = (
            Element("resource", resource.resource_name),
            Element("resource_url", resource.url),
            Element("resource_capabilities", resource.resource_capabilities, raw=True),
            *self.project_header(servers),
        )
        return header if session_id is None else (*header, Element("session_id", session_id))

    def project_header(self, servers: ProjectServers) -> Elements:
        """Return what every answer says of the project; answers to servers start with it."""
        return (
            Element("project", self._project.name),
            Element("project_master_server", servers.master.url),
            Element("this_project_server", self._config.url),
        )

    def user_header(self, user: UserPrincipal, servers: ProjectServers) -> Elements:
        """Return what most answers to a user start with."""
        return (*self.project_header(servers), *_user(user))

    def user_first_header(self, user: UserPrincipal, servers: ProjectServers) -> Elements:
        """Return what the two list calls start with."""
        return (*_user(user), *self.project_header(servers))

    def complete(self, answer: Elements, stored: bool) -> Elements:
        """Return an answer with the files of its repositories, to be looked up when no transaction is open.

        LGIError when that cannot be done, unless the answer says that a job was ``stored``: it was, and
        whoever were told otherwise would submit it again.
        """
        return tuple([self._complete(one, stored) if isinstance(one, _Details) else one for one in answer])

    def _complete(self, job: "_Details", stored: bool) -> Element:
        parts = list(job.content) if isinstance(job.content, tuple) else []
        for place, part in enumerate(parts):
            if isinstance(part, _Listing):
                parts[place] = Element(part.name, self._files(part.repository, stored))
        return Element(job.name, tuple(parts), job.number)

    def _files(self, repository: str, stored: bool) -> Elements:
        try:
            return repository_files(self._store.content(repository) if repository else [])
        except LGIError:
            if not stored:
                raise
            return repository_files([])

    def details(self, job: JobRow, number: int | None = None) -> Element:
        """Return a job with everything, for `complete`."""
        whole = self._job(job, _DETAILS, number)
        return _Details(whole.name, whole.content, whole.number)

    def submitted(self, outcomes: Sequence[JobRow | LGIError], request_ids: Sequence[str]) -> Elements:
        """Return what became of each job of a bulk submit."""
        jobs = [
            Element("job", (Element("request_id", request_id), *self._outcome(outcome)), number)
            for number, (outcome, request_id) in enumerate(zip(outcomes, request_ids, strict=True), 1)
        ]
        return (Element("number_of_jobs", len(jobs)), *jobs)

    def _outcome(self, outcome: JobRow | LGIError) -> Elements:
        if isinstance(outcome, LGIError):
            return (error(outcome),)
        return (
            Element("job_id", outcome.job_id),
            Element("state", outcome.state),
            Element("repository_url", self._store.url(outcome.repository)),
        )

    def updated(self, job: JobRow) -> Element:
        """Return a job after an update."""
        return self._job(job, _UPDATED)

    def state(self, job: JobRow) -> Element:
        """Return a job without input and output."""
        return self._job(job, _STATE)

    def deleted(self, job: JobRow) -> Element:
        """Return a job that was deleted or is being aborted."""
        return self._job(job, _DELETED, 1)

    def listed(self, found: Iterable[JobRow]) -> Elements:
        """Return the jobs of a user's list."""
        return tuple(self._job(job, _LISTED, number) for number, job in enumerate(found, 1))

    def offered(self, found: Iterable[JobRow]) -> Elements:
        """Return the jobs offered to a resource."""
        return tuple(self._job(job, _OFFERED, number) for number, job in enumerate(found, 1))

    def _job(self, job: JobRow, names: Sequence[str], number: int | None = None) -> Element:
        return Element("job", (*[self._value(job, name) for name in names], *end(job)), number)

    def _value(self, job: JobRow, name: str) -> Element:
        if name == "repository_content":
            return _Listing(name, repository=job.repository)
        if name == "job_specifics":
            return Element(name, self._specifics(job), raw=True)
        value = getattr(job, name)
        if isinstance(value, bytes):
            return Element(name, hexcode.encode(value))
        return Element(name, comma_lists.join(value) if isinstance(value, tuple) else value)

    def _specifics(self, job: JobRow) -> str:
        """Return the posted text and where the repository is: rendered here, never parsed back (ruling 2)."""
        if not job.repository:
            return job.job_specifics
        place = Element("repository", self._store.place(job.repository, self._project.server_name))
        url = Element("repository_url", self._store.url(job.repository))
        return f"{job.job_specifics} {write(place)} {write(url)}".strip()


def end(job: JobRow) -> Elements:
    """Ours: how a job ended, as far as its daemon has told."""
    told = (
        ("exit_code", job.end.exit_code),
        ("exit_signal", job.end.exit_signal),
        ("end_reason", job.end.reason or None),
    )
    return tuple(Element(name, value) for name, value in told if value is not None)


def _user(user: UserPrincipal) -> Elements:
    return (Element("user", user.name), Element("groups", comma_lists.join(user.groups)))


def repository_files(files: Sequence[StoredFile]) -> Elements:
    """Return the files of a repository. Double quotes: shipped job scripts compare ``number="1"`` as text."""
    listed = tuple(
        Element(
            "file",
            (
                Element("file_name", stored.name),
                Element("size", stored.size),
                Element("date", f"{stored.date // 10**9}.{stored.date % 10**9:09d}0"),
            ),
            number,
            quote='"',
        )
        for number, stored in enumerate(files, 1)
    )
    return (*listed, Element("number_of_files", len(files)))


def slave_servers(servers: ProjectServers) -> Elements:
    """Return the slave servers of the project."""
    return (
        Element("number_of_slave_servers", len(servers.slaves)),
        *(Element("project_server", server.url, number) for number, server in enumerate(servers.slaves, 1)),
    )


def resource_list(found: Sequence[ResourceRow]) -> Elements:
    """Return the resources of the project."""
    return (
        Element("number_of_resources", len(found)),
        *(
            Element(
                "resource",
                (
                    Element("resource_name", one.resource_name),
                    Element("resource_capabilities", one.resource_capabilities, raw=True),
                    Element("last_call_time", one.last_call_time),
                ),
                number,
            )
            for number, one in enumerate(found, 1)
        ),
    )


def licence_list(found: Sequence[Licence]) -> Elements:
    """Return the licences of the project; nothing at all where it has none, as LGI before them."""
    if not found:
        return ()
    return (
        Element("number_of_licences", len(found)),
        *(
            Element(
                "licence",
                (Element("name", one.name), Element("total", one.total), Element("used", one.used)),
                number,
            )
            for number, one in enumerate(found, 1)
        ),
    )


def awaited(jobs: Sequence[PendingJob]) -> Elements:
    """Return jobs that a resource has waited for."""
    return (
        Element("number_of_jobs", len(jobs)),
        *(
            Element(
                "job",
                (
                    Element("job_id", job.job_id),
                    Element("application", job.application),
                    Element("state", job.state),
                ),
                number,
            )
            for number, job in enumerate(jobs, 1)
        ),
    )


def locked(lock: Lock, time_name: str, time: int) -> Elements:
    """Return a lock that was made (``lock_time``) or undone (``unlock_time``)."""
    return (
        Element("job_id", lock.job_id),
        Element(
            "lock",
            (
                Element("lock_id", lock.lock_id),
                Element("job_id", lock.job_id),
                Element(time_name, time),
                Element("session_id", lock.session_id),
                Element("resource_id", lock.resource_id),
            ),
        ),
    )


def error(refused: LGIError) -> Element:
    """Return the answer to a refused call; a back-off says when to come back."""
    parts: Elements = (Element("number", int(refused.number)), Element("message", refused.message))
    if refused.number == ErrorNumber.BACK_OFF:
        parts = (*parts, Element("timeout", refused.timeout))
    return Element("error", parts)
