"""LGI_task status, get, cancel, prune and list-codes."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol import comma_lists
from lgi_tools.cli import options, output_json, terminal
from lgi_tools.client.text import one_line
from lgi_tools.task.command_options import NAME, faults, folders_of, on_folders, settled, watched

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.task import cancel as task_cancel
    from lgi_tools.task import status as task_status


@click.command()
@click.option("-s", "--summary", is_flag=True, help="Print only the number of folders per status.")
@output_json.option
@on_folders
@output_json.json_errors
def status(
    summary: bool,
    as_json: bool,
    folders: tuple[str, ...],
    batch: tuple[str, ...],
    hands: int,
    **given: object,
) -> int:
    """Show the status of the jobs of folders (default: the current directory).

    \b
    received   the job is queued behind others
    submitted  the job is at the head of the queue and will probably start soon
    running    the job runs on a resource
    completed  the job has ended: its exit code, or why there is none
    removed    the job was removed from the server before its results were fetched

    Example: LGI_task status --summary --batch 'runs/*'
    """
    from lgi_tools.task import status as task_status

    named = folders_of(folders, batch)
    with settled(given) as chosen:
        statuses = list(watched(task_status.of_folders(chosen, named, hands), len(named), "asking"))
    statuses.sort(key=lambda one: one.folder)
    right = [one for one in statuses if one.word]
    if as_json:
        document = [_as_json(one) for one in statuses]
        output_json.show({"folders": document})
    elif summary:
        counts = Counter(one.line for one in right)
        terminal.show("".join(one_line(f"{counts[line]} {line}") + "\n" for line in sorted(counts)))
    else:
        alone = named == [Path()]
        lines = (one.line if alone else f"{one.folder}: {one.line}" for one in right)
        terminal.show("".join(one_line(line) + "\n" for line in lines))
    return faults((one.folder, "" if one.word else one.reason) for one in statuses)


def _as_json(one: "task_status.TaskStatus") -> dict[str, object]:
    return {
        "folder": str(one.folder),
        "job_id": one.job_id or None,
        "status": one.word or None,
        "exit_code": one.end.exit_code if one.end else None,
        "exit_signal": one.end.exit_signal if one.end else None,
        "reason": one.reason,
        **one.used,
        **({"tries": list(one.tries)} if one.tries else {}),
    }


@click.command()
@click.option(
    "-f", "--force", is_flag=True, help="Also replace inputs that the job has changed and you have not."
)
@click.option(
    "--replace-edited",
    is_flag=True,
    help="Also replace files you have edited: your changes are lost.",
)
@on_folders
def get(
    force: bool,
    replace_edited: bool,
    folders: tuple[str, ...],
    batch: tuple[str, ...],
    hands: int,
    **given: object,
) -> int:
    """Fetch the results of the jobs, with joblog.txt and joberr.txt, into their folders.

    An existing file is replaced only if it was fetched from the job and not changed since. Fetched files that
    you deleted are fetched again. The files stay on the server until they are pruned.

    Example: LGI_task get --batch 'runs/*'
    """
    from lgi_tools.task import results
    from lgi_tools.task.results import Replace

    replaced = Replace.EDITED if replace_edited else Replace.INPUTS if force else Replace.RESULTS
    named = folders_of(folders, batch)
    with settled(given) as chosen:
        fetched = list(watched(results.get(chosen, named, hands, replaced), len(named), "fetching"))
    fetched.sort(key=lambda one: one.folder)
    if batch or len(named) > 1:
        files = sum(len(one.files) for one in fetched)
        terminal.show(f"{files} files into {sum(1 for one in fetched if one.files)} folders\n")
    else:
        terminal.show("".join(one_line(name) + "\n" for one in fetched for name in one.files))
    faults((one.folder, note) for one in fetched for note in one.notes)
    return faults((one.folder, fault) for one in fetched for fault in one.faults)


@click.command()
@on_folders
def cancel(folders: tuple[str, ...], batch: tuple[str, ...], hands: int, **given: object) -> int:
    """Cancel the jobs of folders that have not ended.

    Example: LGI_task cancel runs/1 runs/2
    """
    from lgi_tools.task import cancel as task_cancel

    named = folders_of(folders, batch)
    with settled(given) as chosen:
        return _say_removed(task_cancel.cancel(chosen, named, hands), len(named), "cancelling")


@click.command()
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask for confirmation, even when results were not fetched."
)
@on_folders
def prune(yes: bool, folders: tuple[str, ...], batch: tuple[str, ...], hands: int, **given: object) -> int:
    """Remove ended jobs with their inputs and results from the server. This cannot be undone.

    The files in the folders stay; a pruned folder can be submitted again.

    Example: LGI_task prune --batch 'runs/*'
    """
    from lgi_tools.task import cancel as task_cancel

    named = folders_of(folders, batch)
    lost = task_cancel.loss(named)
    if lost.text and not yes:
        _ask(lost)
    with settled(given) as chosen:
        return _say_removed(task_cancel.prune(chosen, named, hands), len(named), "pruning")


def _ask(lost: "task_cancel.Loss") -> None:
    """Ask for confirmation. Raises Abort, or UsageError without a terminal."""
    said = lost.text
    if not sys.stdin.isatty():
        wanted = "get them first, or give --yes" if lost.unfetched else "give --yes to remove them anyway"
        raise click.UsageError(f"{said}: {wanted}")
    click.confirm(f"{said[0].upper()}{said[1:]}. Remove them anyway?", abort=True, err=True)


def _say_removed(removals: "Iterator[task_cancel.Removed]", total: int, label: str) -> int:
    ends = list(watched(removals, total, label))
    counts = Counter(one.word for one in ends if one.word)
    terminal.show("".join(f"{counts[word]} {word}\n" for word in sorted(counts)))
    return faults((one.folder, one.reason) for one in ends)


@click.command("list-codes")
@click.option("--digests", "has_digests", is_flag=True, help="Show the digest of each image, which pins it.")
@output_json.option
@options.project_options
@output_json.json_errors
def list_codes(has_digests: bool, as_json: bool, **given: object) -> int:
    """List the containers that resources announce: CODE, VERSION and the resources.

    With --digests a line for each image that differs: CODE, VERSION@DIGEST, as submit takes it, and the
    resources that have it.

    Example: LGI_task list-codes --digests
    """
    from lgi_tools.client.project import Project
    from lgi_tools.task import images

    with settled(given) as chosen, Project.of(chosen) as project:
        known = images.announced_digests(project.resources())
    split = [(*_code_and_version(image), digests) for image, digests in known.items()]
    if as_json:
        document = [
            {"code": code, "version": version, "resources": list(digests), "digests": digests}
            for code, version, digests in split
        ]
        output_json.show({"codes": document})
        return 0
    if not split:
        terminal.warn(NAME, "no resource announces containers")
    lines = (
        f"{code} {version}{f'@{digest}' if digest else ''} {comma_lists.join(names)}"
        for code, version, digests in split
        for digest, names in (_by_digest(digests) if has_digests else {"": list(digests)}).items()
    )
    terminal.show("".join(one_line(line) + "\n" for line in lines))
    return 0


def _code_and_version(image: str) -> tuple[str, str]:
    code, _, version = image.rpartition(":")
    return code, version


def _by_digest(digests: Mapping[str, str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, digest in digests.items():
        found.setdefault(digest, []).append(name)
    return found
