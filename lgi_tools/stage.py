"""LGI_stage: fetch the files of a job's repository into its directory, or store what the job has made."""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from lgi_protocol import xml
from lgi_protocol.job_directory import JobDirectory
from lgi_tools import options, program, settings, terminal
from lgi_tools.job_values import file_name
from lgi_tools.repository import Repository, TransferFailed

NAME = "LGI_stage"
# In the state directory of the job: where it is noted what was fetched.
NOTE = "staged"
RESERVED = ("LGI_", ".LGI_")
# What a script has kept of the streams of its job there, under the names users find them by.
STREAMS = {"joblog.txt": "stdout", "joberr.txt": "stderr"}
# AWAY is sysexits' EX_TEMPFAIL: the server does not answer at all, however often it is tried.
LATER, NEVER, AWAY = 1, 2, 75


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-j", "--job-directory", metavar="DIR", default=".", help="The job's directory.")
@click.argument("direction", type=click.Choice(["in", "out"]))
@options.version
def command(job_directory: str, direction: str) -> int:
    """Fetch all files of a job's repository (in), or store the job's new and changed files there (out).

    Files whose names begin with LGI_ or .LGI_, links, and directories stay where they are. The exit code is
    0 when all is done, 1 when it may succeed later, 2 when it will not, 75 when the server cannot be reached.
    """
    try:
        job = settings.job_at(Path(job_directory))
    except settings.Unsettled as error:
        raise click.UsageError(str(error)) from None
    url = repository_url(job)
    if not url:
        note(job.path, {})
        return 0
    chosen = settings.read_job(job)
    if not os.access(chosen.key, os.R_OK):
        terminal.warn(NAME, f"user {os.geteuid()} cannot read the key {chosen.key}: {_ADVICE}")
        return NEVER
    try:
        repository = Repository(url, chosen.credentials().session())
    except ValueError as error:
        terminal.warn(NAME, str(error))
        return NEVER
    return fetch(job.path, repository) if direction == "in" else store(job.path, repository)


_ADVICE = "the administrator can let it, or set stage=no"


def repository_url(job: JobDirectory) -> str:
    """Where the job's files are, empty when it has none.

    The server's own tag stands at the end, after what the user wrote, and at the top level only.
    """
    found = xml.find_all(job.text("LGI_job_specifics"), "repository_url")
    return found[-1].text if found else ""


def fetch(directory: Path, repository: Repository) -> int:
    """All files of the repository, and a note of what they were; the exit code."""
    try:
        content = repository.content()
    except TransferFailed as failure:
        terminal.warn(NAME, f"cannot list {repository.url}: {failure}")
        return AWAY if failure.is_outage else LATER
    names = [file_name(found.inside) for found in xml.find_all(content, "file")]
    wanted = [name for name in names if is_staged(name)]
    code = _all(repository, ((name, partial(repository.download, name, directory / name)) for name in wanted))
    if code == 0:
        note(directory, {name: _fingerprint(os.stat(directory / name)) for name in wanted})
    return LATER if code == NEVER else code


def store(directory: Path, repository: Repository) -> int:
    """All new and changed files, and the streams; the exit code."""
    wanted = (*made(directory), *_streams(directory))
    return _all(repository, ((name, partial(upload, repository, name, path)) for name, path in wanted))


def _all(repository: Repository, transfers: Iterable[tuple[str, Callable[[], None]]]) -> int:
    """The exit code of all transfers together. When the server has gone away the rest is not tried."""
    codes = set()
    for name, act in transfers:
        code = transfer(name, act)
        if code == LATER and not _answers(repository):
            return AWAY
        codes.add(code)
    return LATER if LATER in codes else max(codes, default=0)


def _answers(repository: Repository) -> bool:
    """Whether the server is there: a connection that breaks may also be the fault of one file."""
    try:
        repository.content()
    except TransferFailed as failure:
        return not failure.is_outage
    return True


def transfer(name: str, act: Callable[[], None]) -> int:
    """Whether a file was transferred, as an exit code; a server that refuses it will not change its mind."""
    try:
        act()
    except TransferFailed as failure:
        terminal.warn(NAME, f"{name}: {failure}")
        return LATER if failure.may_pass else NEVER
    except OSError as error:
        terminal.warn(NAME, f"{name}: {error.strerror}")
        return LATER
    return 0


def is_staged(name: str) -> bool:
    """Whether a name is that of a file of the user."""
    return name not in {"", ".", ".."} and "/" not in name and not name.startswith(RESERVED)


def made(directory: Path) -> Iterator[tuple[str, Path]]:
    """The files that were not there, or not so, when the job began."""
    fetched = _noted(directory)
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        plain = is_staged(entry.name) and entry.is_file(follow_symlinks=False)
        if plain and fetched.get(entry.name) != _fingerprint(entry.stat(follow_symlinks=False)):
            yield entry.name, Path(entry.path)


def _streams(directory: Path) -> Iterator[tuple[str, Path]]:
    state = state_directory(directory)
    for name, place in STREAMS.items():
        if (state / place).exists():
            yield name, state / place


def state_directory(directory: Path) -> Path:
    """Where the marks and streams of a job are, as its daemon says; an older daemon does not say it."""
    return Path(os.environ.get("LGI_STATE_DIRECTORY") or directory / ".LGI_job")


def upload(repository: Repository, name: str, path: Path) -> None:
    """Store a plain file. A link put in its place meanwhile is not followed: it may lead to a key."""
    with _opened(path) as descriptor:
        repository.upload(name, Path(f"/proc/self/fd/{descriptor}"))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TransferFailed("it is no plain file any more")
        yield descriptor
    finally:
        os.close(descriptor)


def note(directory: Path, fetched: dict[str, list[int]]) -> None:
    """Remember what was fetched, all at once."""
    target = state_directory(directory) / NOTE
    target.parent.mkdir(mode=0o700, exist_ok=True)
    new = target.with_name("staged.new")
    new.write_text(json.dumps(fetched), "utf-8")
    new.replace(target)


def _noted(directory: Path) -> dict[str, list[int]]:
    """What was fetched; nothing, so that all is stored, when the note cannot be read."""
    try:
        found = json.loads((state_directory(directory) / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _fingerprint(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_stage; its exit code says whether to try again."""
    return program.run(command, NAME, arguments)
