"""LGI_filetransfer: list, download, upload and delete files of a job's repository."""

from collections.abc import Callable, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.output_json import OutputFormat
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.cli.session import timing
from lgi_tools.client import settings
from lgi_tools.client.text import one_line
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.commands.stage import repository_url

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.repository import Repository

NAME = "LGI_filetransfer"


class Operation(StrEnum):
    """The actions of the command line."""

    LIST = "list"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    DELETE = "delete"


def _words(context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the action, if it is not given yet, and file names."""
    said = any(word in list(Operation) for word in context.params.get("words") or ())
    actions = [] if said else [CompletionItem(action) for action in Operation if action.startswith(begun)]
    return actions or [CompletionItem(begun, type="file")]


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-x", "--xml", "raw", is_flag=True, help="Print the list as XML, as the server sent it.")
@output_json.option
@click.option(
    "-j",
    "--job-directory",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Use the key, certificate, CA and repository of this job"
    " (default: the current directory's job, if any).",
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
    """Transfer files from and to the repository at URL, an https URL without a slash at its end.

    In a job's directory, or with -j, URL defaults to the job's own repository.

    \b
    list      list the files of the repository: name, size and date
    download  fetch FILES; existing local files are replaced
    upload    store FILES in the repository, each under the last part of its path
    delete    remove FILES from the repository

    Example: LGI_filetransfer download https://lgi.example.org/repository/JOB out.txt
    """
    from lgi_tools.client.repository import Repository

    shape = output_json.shape(raw, as_json)
    job = options.job(job_directory, NAME)
    action, url, names = parse(words, repository_url(job) if job else "")
    if raw and action is not Operation.LIST:
        raise click.UsageError("-x can only be used with list")
    chosen = options.resolve(given, settings.read_job(job) if job else None, fill=True)
    options.require(chosen, NAME)
    try:
        repository = Repository(url, chosen.credentials().session(), timing())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if action is Operation.LIST:
        return show_list(repository, shape)
    return transfer(repository, action, names, shape)


def parse(words: tuple[str, ...], own: str = "") -> tuple[Operation, str, tuple[str, ...]]:
    """Return the action, which may be any of the words, the URL and the files.

    ``own`` is the URL of the current job's repository, used when no URL is given. Raises UsageError when the
    words do not form a command.
    """
    actions = [word for word in words if word in list(Operation)]
    others = [word for word in words if word not in list(Operation)]
    if len(actions) != 1:
        raise click.UsageError(
            "give exactly one of list, download, upload and delete (write a file of that name as ./list)"
        )
    if own and not any("://" in word for word in others[:1]):
        others.insert(0, own)
    if not others:
        raise click.UsageError("no repository: give its URL, or -j DIR of a job")
    action, (url, *names) = Operation(actions[0]), others
    if action is Operation.LIST and names:
        raise click.UsageError(f"list takes no files, but {names[0]!r} was given")
    if action is not Operation.LIST and not names:
        raise click.UsageError(f"no files to {action}: name at least one")
    return action, url, tuple(names)


def show_list(repository: "Repository", shape: OutputFormat) -> int:
    """Print the list of files of a repository, nothing when it is empty. Returns the exit code."""
    from lgi_protocol import xml
    from lgi_tools.client.transfer_error import TransferError

    try:
        content = repository.content()
        if xml.find(content, "file") is None:
            repository.check_exists()
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
    """Return one row, also in a pipe: line ends in a name are escaped (--json prints the exact name)."""
    from lgi_protocol import xml
    from lgi_tools.cli.output_text import date_and_number
    from lgi_tools.client.stored_file import file_name

    name = one_line(file_name(text))
    size, date = (one_line(xml.value(text, part)) for part in ("size", "date"))
    return f"{name:<32} {size:>8} {date_and_number(date)}\n"


def transfer(repository: "Repository", action: Operation, names: tuple[str, ...], shape: OutputFormat) -> int:
    """Transfer each file, also after a failure. Returns the exit code: 0 only when all succeeded."""
    results = []
    for name in names:
        text, fault = _transfer_one(repository, action, name)
        results.append({"file": name, "error": fault})
        if shape is OutputFormat.TEXT:
            terminal.show(f"\n{text} ...\n")
        if fault:
            terminal.warn(NAME, fault)
    if shape is OutputFormat.JSON:
        output_json.show({"repository_url": repository.url, "files": results})
    else:
        terminal.show("\n")
    return 0 if not any(each["error"] for each in results) else 1


_SAID = {
    Operation.DOWNLOAD: ("Downloaded from", "Error downloading from"),
    Operation.UPLOAD: ("Uploaded to", "Error uploading to"),
    Operation.DELETE: ("Deleted", "Error deleting"),
}


def _transfer_one(repository: "Repository", action: Operation, name: str) -> tuple[str, str | None]:
    """Transfer a file. Returns the line to print, and the error or None."""
    # As LGI: the path is the local file, its last part the name in the repository; delete uses all of it.
    from lgi_tools.client.transfer_error import TransferError

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
        # The name in the error may be that of a partial download.
        return f"Error opening file '{one_line(name)}'", f"{name}: {error.strerror or error}"
    return f"{succeeded} '{url}'", None


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_filetransfer and return its exit code: 0 only when every file was transferred."""
    return program.run(command, NAME, arguments, timing)
