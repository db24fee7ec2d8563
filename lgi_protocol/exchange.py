"""The one call of a cycle, `resource_exchange` (wire.md 6, ours): what a daemon posts, and the answer.

A daemon reports what its jobs have become, names those that it holds, and asks for new ones; all in one call,
without a session or a lock.
"""

from lgi_protocol.errors import ServerError
from lgi_protocol.job_description import JobDescription
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.job_repository import SmallFile
from lgi_protocol.machine_state import MachineState
from lgi_protocol.value_object import value_object

# The versions that servers announce at the sign-up: from the second one on reports may have files.
VERSION, WITH_FILES = 1, 2
# How many of each an exchange may have, and bytes of its text.
MOST_REPORTS, MOST_HOLDS, MOST_WANTS, MOST_REFERENCES = 256, 1024, 64, 256
MOST_TEXT = 8 * 1024 * 1024
# Characters of the reason for which a job waits.
MOST_WAIT_REASON = 200


@value_object
class Report:
    """The new state of a job: an end, ``running``, or ``queued`` to give it back before anything ran.

    ``output`` is stored only if it is not empty, as are ``job_specifics``. ``end.reason`` of a job that is
    given back says why. ``files`` are stored in the job's repository before; for servers with WITH_FILES.
    """

    job_id: str
    daemon_reference: str
    state: str
    output: bytes = b""
    end: End = NO_END
    job_specifics: str = ""
    files: tuple[SmallFile, ...] = ()


@value_object
class Hold:
    """A job that the daemon has, as it was at ``state_time_stamp``.

    ``wait_reason`` is why it cannot be started yet, one line, empty if it waits no more; None for no news.
    Servers that do not know it read it over.
    """

    job_id: str
    daemon_reference: str
    state_time_stamp: str
    wait_reason: str | None = None


@value_object
class Want:
    """Jobs that the daemon would take: at most ``count`` of an application.

    ``owners`` is a filter as that of a request for work; jobs in ``without`` are not wanted. ``cores`` and
    ``memory`` (MB) are what these jobs may request together; None for no limit. ``gpus`` are the GPUs that
    they may request together; None for a resource that has none.
    """

    application: str
    count: int
    owners: str = ""
    without: tuple[str, ...] = ()
    cores: int | None = None
    memory: int | None = None
    gpus: int | None = None


@value_object
class Reference:
    """A reference for a new job, 32 hexadecimal digits, which the daemon has stored on its disk.

    ``request`` is the signing request (DER) for the job's certificate, empty for none.
    """

    daemon_reference: str
    request: bytes = b""


@value_object
class Exchange:
    """What a daemon posts.

    ``attached`` are the sessions of LGI_attach that it knows, None if it has none.
    ``watched`` are the jobs whose output it sends, None if it cannot send output. ``machine`` is what has
    changed of its machine, None if nothing has; older servers read it over.
    """

    reports: tuple[Report, ...] = ()
    holds: tuple[Hold, ...] = ()
    wants: tuple[Want, ...] = ()
    references: tuple[Reference, ...] = ()
    watched: tuple[str, ...] | None = None
    machine: MachineState | None = None
    attached: tuple[str, ...] | None = None


@value_object
class JobAnswer:
    """What the server says of one reported or held job: its present state, or the ``error`` about it.

    ``files`` is how many files of a report are stored.
    """

    job_id: str
    daemon_reference: str
    state: str = ""
    state_time_stamp: str = ""
    job_specifics: str = ""
    target_resources: tuple[str, ...] = ()
    error: ServerError | None = None
    files: int = 0


@value_object
class GivenJob:
    """A job that is now running under one of the posted references, the one in ``description``.

    ``certificate`` (PEM) is empty if none was issued, ``repository_files`` -1 if their number is not known.
    """

    description: JobDescription
    certificate: bytes = b""
    repository_files: int = -1


@value_object
class AttachRequest:
    """A session of LGI_attach with a job that the daemon has."""

    job_id: str
    session: str


@value_object
class RefusedItem:
    """A want or reference that the server cannot read: what it names, and the error."""

    name: str
    error: ServerError


@value_object
class ExchangeAnswer:
    """The answer: one `JobAnswer` for each report in its order, those of holds that differ, new jobs.

    ``watched`` are further jobs whose output a user follows, ``spent`` are references that no job will get.
    ``has_more``: there is more for this daemon than the answer could have; ``other_daemons`` as in `SignUp`.
    ``restored_at`` is when the server was restored from a backup, made at ``backup_made_at``, in Unix
    seconds; 0 for a server that was not, or long ago.
    ``refused`` are wants and references that cannot be read: no job is given for them. ``attaches`` are new
    sessions of LGI_attach.
    """

    resource: str = ""
    reports: tuple[JobAnswer, ...] = ()
    holds: tuple[JobAnswer, ...] = ()
    watched: tuple[str, ...] = ()
    spent: tuple[str, ...] = ()
    jobs: tuple[GivenJob, ...] = ()
    has_more: bool = False
    other_daemons: int = 0
    restored_at: int = 0
    backup_made_at: int = 0
    refused: tuple[RefusedItem, ...] = ()
    attaches: tuple[AttachRequest, ...] = ()
