"""LGI_filetransfer: list, download, upload and delete files of a job's repository."""

from collections.abc import Callable, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from lgi_protocol import xml
from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.output_json import OutputFormat
from lgi_tools.cli.output_text import date_and_number
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.client import settings
from lgi_tools.client.models import file_name
from lgi_tools.client.repository import Repository, TransferError
from lgi_tools.client.text import one_line
from lgi_tools.commands.stage import repository_url

NAME = "LGI_filetransfer"


class Operation(StrEnum):
    """The word on the command line that says what to do."""

    LIST = "list"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    DELETE = "delete"


def _words(context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """What to do, while it is not said, and files."""
    said = any(word in list(Operation) for word in context.params.get("words") or ())
    actions = [] if said else [CompletionItem(action) for action in Operation if action.startswith(begun)]
    return actions or [CompletionItem(begun, type="file")]


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-x", "--xml", "raw", is_flag=True, help="Print the list as the server says it.")
@output_json.option
@click.option(
    "-j",
    "--job-directory",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Take key, certificate and CA of this job.",
)
@options.credential_options
@click.argument(
    "words",
    nargs=-1,
    required=True,
    shell_complete=_words,
    metavar="list|download|upload|delete [URL] [FILES]...",
)
@options.version
def command(
    raw: bool, as_json: bool, job_directory: str | None, words: tuple[str, ...], **given: object
) -> int:
    """Transfer files from and to the repository at URL, which is an https URL without a slash at its end.

    In a job's directory, or with -j, it is the job's own repository unless a URL is given.

    \b
    list      show the files of the repository: name, size and date
    download  fetch FILES; a file of that name that is there already is replaced
    upload    store FILES in the repository, each under the last part of its path
    delete    remove FILES from the repository
    """
    shape = output_json.shape(raw, as_json)
    job = options.job(job_directory, NAME)
    action, url, names = parse(words, repository_url(job) if job else "")
    if raw and action is not Operation.LIST:
        raise click.UsageError("-x goes with list only")
    chosen = options.resolve(given, settings.read_job(job) if job else None, fill=True)
    options.require(chosen, NAME)
    try:
        repository = Repository(url, chosen.credentials().session())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if action is Operation.LIST:
        return show_list(repository, shape)
    return transfer(repository, action, names, shape)


def parse(words: tuple[str, ...], own: str = "") -> tuple[Operation, str, tuple[str, ...]]:
    """The action, wherever it stands, then the URL and the files. UsageError when they do not fit.

    Without a URL it is ``own``, the repository of the job we are in, if there is one.
    """
    actions = [word for word in words if word in list(Operation)]
    others = [word for word in words if word not in list(Operation)]
    if len(actions) != 1:
        raise click.UsageError(
            "say once what to do: list, download, upload or delete (a file of such a name is ./list)"
        )
    if own and not any("://" in word for word in others[:1]):
        others.insert(0, own)
    if not others:
        raise click.UsageError("no repository: give its URL")
    action, (url, *names) = Operation(actions[0]), others
    if action is Operation.LIST and names:
        raise click.UsageError(f"list goes without files, such as {names[0]!r}")
    if action is not Operation.LIST and not names:
        raise click.UsageError(f"no files to {action}")
    return action, url, tuple(names)


def show_list(repository: Repository, shape: OutputFormat) -> int:
    """The files of a repository, nothing when there are none; the exit code."""
    try:
        content = repository.content()
    except TransferError as failure:
        terminal.warn(NAME, f"cannot list {repository.url}: {failure}")
        if shape is OutputFormat.JSON:
            output_json.show({"error": {"number": None, "message": str(failure)}})
        return 1
    if shape is OutputFormat.JSON:
        output_json.show({"repository_url": repository.url, "files": output_json.files(content)})
        return 0
    if shape is OutputFormat.XML:
        terminal.show(f"{content or ' <number_of_files> 0 </number_of_files>'}\n")
        return 0
    lines = "".join(_file_line(found.inside) for found in xml.find_all(content, "file"))
    if lines:
        terminal.show(f"\n{lines}\n")
    return 0


def _file_line(text: str) -> str:
    """A row, also in a pipe: a name may hold line ends; --json has it as it is."""
    name = one_line(file_name(text))
    size, date = (one_line(xml.value(text, part)) for part in ("size", "date"))
    return f"{name:<32} {size:>8} {date_and_number(date)}\n"


def transfer(repository: Repository, action: Operation, names: tuple[str, ...], shape: OutputFormat) -> int:
    """Each file in turn, also after one that failed; the exit code, 0 only when all are done."""
    told = []
    for name in names:
        text, fault = _transfer_one(repository, action, name)
        told.append({"file": name, "error": fault})
        if shape is OutputFormat.TEXT:
            terminal.show(f"\n{text} ...\n")
        if fault:
            terminal.warn(NAME, fault)
    if shape is OutputFormat.JSON:
        output_json.show({"repository_url": repository.url, "files": told})
    else:
        terminal.show("\n")
    return 0 if not any(each["error"] for each in told) else 1


_SAID = {
    Operation.DOWNLOAD: ("Downloaded from", "Error downloading from"),
    Operation.UPLOAD: ("Uploaded to", "Error uploading to"),
    Operation.DELETE: ("Deleted", "Error deleting"),
}


def _transfer_one(repository: Repository, action: Operation, name: str) -> tuple[str, str | None]:
    """What is said of a file, and what went wrong with it, if anything."""
    # As LGI: a path names the local file, its last part the one in the repository; delete takes all of it.
    remote = name if action is Operation.DELETE else name.rpartition("/")[2]
    bar = ProgressBar(one_line(remote))
    steps: dict[Operation, Callable[[], None]] = {
        Operation.DOWNLOAD: lambda: repository.download(remote, Path(name), bar),
        Operation.UPLOAD: lambda: repository.upload(remote, Path(name), bar),
        Operation.DELETE: lambda: repository.delete(remote),
    }
    succeeded, failed = _SAID[action]
    try:
        url = repository.file_url(remote)
        with closing(bar):
            steps[action]()
    except TransferError as failure:
        return f"{failed} '{repository.url}/{one_line(remote)}'", f"{name}: {failure}"
    except OSError as error:
        # Not the name in the error, which may be that of the parts that have come.
        return f"Error opening file '{one_line(name)}'", f"{name}: {error.strerror or error}"
    return f"{succeeded} '{url}'", None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_filetransfer; its exit code is 0 only when every file is transferred."""
    return program.run(command, NAME, arguments)
