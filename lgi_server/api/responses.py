"""Elements of answers about jobs, and headers, in the order that old programs expect (wire.md 6-8)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element, envelope, write, write_value
from lgi_server.api.job_elements import more
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.services.access.principals import ProjectServers, UserPrincipal
from lgi_server.storage.repository import Store, StoredFile
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow

Elements = tuple[Element, ...]
_TARGETS = ("target_resources", "owners", "application")
_STATE_NOW = ("state", "state_time_stamp")
_ACCESS = ("read_access", "write_access", "job_specifics")
# The elements of a job in each answer, in LGI's order. What is ours comes behind them (`end`), if the job has
# it: a job without it is answered as before.
_DETAILS = ("job_id", *_TARGETS, *_STATE_NOW, "repository_content", "input", "output", *_ACCESS)
_GIVEN = tuple(name for name in _DETAILS if name != "repository_content")
_UPDATED = ("job_id", *_TARGETS, *_STATE_NOW, "input", "output", *_ACCESS)
_STATE = ("job_id", *_TARGETS, *_STATE_NOW, *_ACCESS)
_LISTS = frozenset({"target_resources", "owners", "read_access", "write_access"})
_HEXADECIMAL = frozenset({"input", "output"})
_LISTED = ("job_id", *_STATE_NOW, *_TARGETS, *_ACCESS)
_OFFERED = ("job_id", "state_time_stamp", "target_resources", "owners", *_ACCESS)
_DELETED = ("job_id", "target_resources", "application", "owners", *_ACCESS, *_STATE_NOW)


@dataclass(frozen=True)
class _Listing(Element):
    """A placeholder for the files of a repository, until they are read."""

    repository: str = ""


@dataclass(frozen=True)
class _Details(Element):
    """A job with a placeholder for the files of its repository."""


@dataclass(frozen=True)
class Incomplete(Element):
    """An element with XML as its content, whose last parts, ``rest``, are made outside the transaction."""

    rest: Callable[[], Elements] = tuple


class ResponseBuilder:
    """Builds the answers about one project of this server."""

    def __init__(self, config: Config, project: ProjectConfig, store: Store) -> None:
        """Create a builder; ``store`` has the repositories whose files answers list."""
        self._config = config
        self._project = project
        self._store = store

    def resource_header(
        self, resource: ResourceRow, servers: ProjectServers, session_id: int | None = None
    ) -> Elements:
        """Return the elements that every answer to a resource starts with."""
        header: Elements = (
            Element("resource", resource.resource_name),
            Element("resource_url", resource.url),
            Element("resource_capabilities", resource.resource_capabilities, raw=True),
            *self.project_header(servers),
        )
        return header if session_id is None else (*header, Element("session_id", session_id))

    def project_header(self, servers: ProjectServers) -> Elements:
        """Return the project and its servers; answers to servers start with these elements."""
        return (
            Element("project", self._project.name),
            Element("project_master_server", servers.master.url),
            Element("this_project_server", self._config.url),
        )

    def user_header(self, user: UserPrincipal, servers: ProjectServers) -> Elements:
        """Return the elements that most answers to a user start with."""
        return (*self.project_header(servers), *_user(user))

    def user_first_header(self, user: UserPrincipal, servers: ProjectServers) -> Elements:
        """Return the elements that the answers of the two project lists start with."""
        return (*_user(user), *self.project_header(servers))

    def complete(self, answer: Elements, stored: bool) -> Elements:
        """Return an answer with the files of its repositories; call it outside a transaction.

        Raises LGIError when a repository cannot be read. After a submit (``stored``) its files are left out
        instead, since a client that gets an error submits the job again.
        """
        # Most elements are plain: a call for each would cost more than the rest.
        return tuple([one if type(one) is Element else self._completed(one, stored) for one in answer])

    def _completed(self, one: Element, stored: bool) -> Element:
        if isinstance(one, Incomplete):
            text = " ".join([str(one.content), *map(write, one.rest())])
            return Element(one.name, text, one.number, raw=True)
        return self._complete(one, stored) if isinstance(one, _Details) else one

    def _complete(self, job: "_Details", stored: bool) -> Element:
        parts = list(job.content) if isinstance(job.content, tuple) else []
        for index, part in enumerate(parts):
            if isinstance(part, _Listing):
                parts[index] = Element(part.name, self._files(part.repository, stored))
        return Element(job.name, tuple(parts), job.number)

    def _files(self, repository: str, stored: bool) -> Elements:
        try:
            return repository_files(self._store.content(repository) if repository else [])
        except LGIError:
            if not stored:
                raise
            return repository_files([])

    def details(self, job: JobRow, number: int | None = None, shown: Collection[str] = ()) -> Element:
        """Return all details of a job, and what is ``shown`` more; `complete` adds the repository's files."""
        parts = (*[self.element(job, name) for name in _DETAILS], *end(job))
        keep = self._project.keep_finished
        return _Details("job", (*parts, *more(job, shown, keep)) if shown else parts, number)

    def given(self, job: JobRow) -> str:
        """Return the details of a job that an exchange gives out, as XML, without its repository's files."""
        return " ".join([*[self._text(job, name) for name in _GIVEN], *map(write, end(job))])

    def submitted(
        self, outcomes: Sequence[JobRow | LGIError], sources: Iterable[str | int], tag: str = "request_id"
    ) -> Elements:
        """Return the result of each job of a bulk submit: what it is from, the stored job or its error."""
        jobs = [
            Element("job", (Element(tag, source), *self._outcome(outcome)), number)
            for number, (outcome, source) in enumerate(zip(outcomes, sources, strict=True), 1)
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

    def listed(self, found: Iterable[JobRow], shown: Collection[str] = ()) -> Elements:
        """Return the jobs of a user's list, and what is ``shown`` of each more."""
        jobs = ((number, self._listed(job, shown)) for number, job in enumerate(found, 1))
        return tuple(Element("job", text, number, raw=True) for number, text in jobs)

    def _listed(self, job: JobRow, shown: Collection[str]) -> str:
        """Return the elements of a job as text: pages have thousands of jobs, and an Element takes time."""
        added = more(job, shown, self._project.keep_finished) if shown else ()
        return " ".join(
            [*[self._text(job, name) for name in _LISTED], *map(write, end(job)), *map(write, added)]
        )

    def offered(self, found: Iterable[JobRow]) -> Elements:
        """Return the jobs offered to a resource."""
        return tuple(self._job(job, _OFFERED, number) for number, job in enumerate(found, 1))

    def _job(self, job: JobRow, names: Sequence[str], number: int | None = None) -> Element:
        return Element("job", (*[self.element(job, name) for name in names], *end(job)), number)

    def element(self, job: JobRow, name: str) -> Element:
        """Return an element of a job in an answer; job_specifics are written as they are."""
        if name == "repository_content":
            return _Listing(name, repository=job.repository)
        if name == "job_specifics":
            return Element(name, self.specifics(job), raw=True)
        value = getattr(job, name)
        if isinstance(value, bytes):
            return Element(name, hexcode.encode(value))
        return Element(name, comma_lists.join(value) if isinstance(value, tuple) else value)

    def _text(self, job: JobRow, name: str) -> str:
        """Return an element of a job as text, as `element` does."""
        if name == "job_specifics":
            return f"<{name}> {self.specifics(job)} </{name}>"
        value = getattr(job, name)
        if name in _LISTS:
            value = comma_lists.join(value)
        elif name in _HEXADECIMAL:
            value = hexcode.encode(value)
        return write_value(name, value)

    def specifics(self, job: JobRow) -> str:
        """Return job_specifics with the tags of the repository, which are never stored (ruling 2)."""
        if not job.repository:
            return job.job_specifics
        location = write_value("repository", self._store.location(job.repository, self._project.server_name))
        url = write_value("repository_url", self._store.url(job.repository))
        return f"{job.job_specifics} {location} {url}".strip()


def end(job: JobRow) -> Elements:
    """Return, ours, exit code, signal and reason of a job's end, as far as they are known."""
    values = (
        ("exit_code", job.end.exit_code),
        ("exit_signal", job.end.exit_signal),
        ("end_reason", job.end.reason or None),
    )
    return tuple(Element(name, value) for name, value in values if value is not None)


def _user(user: UserPrincipal) -> Elements:
    return (Element("user", user.name), Element("groups", comma_lists.join(user.groups)))


def repository_files(files: Sequence[StoredFile]) -> Elements:
    """Return the files of a repository, with double quotes: job scripts compare ``number="1"`` as text."""
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


def error(refused: LGIError) -> Element:
    """Return the error of a refused call; BACK_OFF has the seconds until a retry."""
    parts: Elements = (Element("number", int(refused.number)), Element("message", refused.message))
    if refused.number == ErrorNumber.BACK_OFF:
        parts = (*parts, Element("timeout", refused.timeout))
    return Element("error", parts)


def document(config: Config, children: Elements) -> bytes:
    """Return an LGI document; its HTTP status is always 200 (wire.md 1)."""
    return envelope(children, config.ca_certificate_url).encode()


def refusal(config: Config, refused: LGIError) -> bytes:
    """Return the LGI document for a refused request."""
    return document(config, (error(refused),))
