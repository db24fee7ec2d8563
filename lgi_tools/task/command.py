"""LGI_task: run folders as jobs."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol import comma_lists
from lgi_tools.cli import (
    access_options,
    label_options,
    options,
    plan_options,
    program,
    result_options,
    terminal,
)
from lgi_tools.cli.param_types import unmet_request
from lgi_tools.cli.request_options import request_options, warn_of_unmet
from lgi_tools.client import command_line
from lgi_tools.client.settings import Settings
from lgi_tools.task import command_publish, command_results
from lgi_tools.task.command_options import BATCH, HANDS, NAME, faults, folders_of, settled, watched

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.task.submission import Done, Order


@click.group(context_settings=options.CONTEXT)
@options.version
def command() -> None:
    """Run folders in containers: each folder is a job.

    The files of the folder are sent with the job, and its results are fetched into the folder.

    Example: LGI_task submit psi4 1.5 ./run.py; LGI_task status; LGI_task get
    """


@command.command(context_settings={"allow_interspersed_args": False}, no_args_is_help=True)
@BATCH
@request_options(cpus=("--cores",), memory=("--memory",))
@label_options.label_options
@plan_options.plan_options
@access_options.access_options
@result_options.result_options
@click.option(
    "-f", "--force", is_flag=True, help="Submit this folder again; cannot be combined with --batch."
)
@HANDS
@options.project_options
@click.argument("code")
@click.argument("version")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGUMENTS]...")
def submit(
    *,
    batch: tuple[str, ...],
    cpus: int | None,
    gpus: int | None,
    mem: int | None,
    seconds: int | None,
    resources: tuple[str, ...],
    targets: str,
    force: bool,
    hands: int,
    code: str,
    version: str,
    words: tuple[str, ...],
    **given: object,
) -> int:
    """Run COMMAND in the container CODE:VERSION with the files of this folder, or of each folder of --batch.

    Prints the job id, with --batch the number of submitted jobs. A single quoted COMMAND with blanks is run
    by the shell. LGI_task.json in the folder records its job: run the same command again to continue an
    interrupted batch; no folder is submitted twice.

    Example: LGI_task submit --mem 4G --batch 'runs/*' psi4 1.5 ./run.py
    """
    from lgi_tools.task import images, submission
    from lgi_tools.task.submission import Order

    if batch and force:
        raise click.UsageError(
            "--force cannot be combined with --batch: prune the folders to submit them again"
        )
    names = (
        label_options.pop_fields(given) | plan_options.pop_fields(given) | access_options.pop_fields(given)
    )
    results = {name: given.pop(name) for name in result_options.NAMES}
    requests = {"cpus": cpus, "gpus": gpus, "memory": mem, "walltime": seconds}
    try:
        kept = result_options.patterns(results)
        wanted = images.image(code, version)
        specifics = {"image": wanted} | {name: value for name, value in requests.items() if value is not None}
        wishes = command_line.as_specifics(specifics, command_line.licences(resources))
        order = Order(
            wanted,
            submission.script_of(words),
            f"{wishes} {kept.as_xml()}".strip(),
            comma_lists.join(comma_lists.split(targets)) or comma_lists.ANY,
            tuple(names.items()),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    folders = folders_of((), batch)
    _warn_of_flaws(folders, words[0])
    with settled(given) as chosen:
        _warn_of_unmet(chosen, order)
        _warn_of_first(chosen, names)
        done = watched(submission.submit(chosen, order, folders, hands, force), len(folders), "submitting")
        return _say(done) if batch else _say_one(*done)


def _warn_of_unmet(chosen: Settings, order: "Order") -> None:
    from lgi_tools.client.project import Project
    from lgi_tools.task import images

    with Project.of(chosen) as project:
        resources = project.resources()
    known = images.announced(resources)
    name = order.image.partition("@")[0]
    if known and name not in known:
        terminal.warn(
            NAME, f"warning: no resource announces {name}; {NAME} list-codes lists the available ones"
        )
    else:
        reason = unmet_request(resources, command_line.APPLICATION, order.targets, order.specifics)
        warn_of_unmet(NAME, reason)


def _warn_of_first(chosen: Settings, fields: Mapping[str, str]) -> None:
    from lgi_tools.cli import first_elements
    from lgi_tools.client.project import Project

    if fields.get("after") or fields.get("after_any"):
        with Project.of(chosen) as project:
            first_elements.warn_of_followed(NAME, project, fields)


def _warn_of_flaws(folders: Sequence[Path], program: str) -> None:
    """Warn of flaws of the program, which may differ from folder to folder."""
    if not program.startswith("./") or "/" in program.removeprefix("./"):
        return
    flaws: list[str] = []
    for folder in folders:
        with suppress(OSError):
            flaws.append(command_line.script_flaw(folder / program))
    for flaw, times in Counter(filter(None, flaws)).items():
        terminal.warn(NAME, f"warning: {flaw}" + (f" ({times} folders)" if times > 1 else ""))


def _say(done: "Iterator[Done]") -> int:
    """Print the number of submitted folders, also after an interrupt, and the errors of the others."""
    began = time.monotonic()
    results: list[Done] = []
    try:
        results.extend(done)
    except BaseException:
        terminal.warn(NAME, "interrupted; run the same command again to continue")
        raise
    finally:
        seconds = time.monotonic() - began
        count = sum(1 for one in results if not one.reason)
        terminal.show(f"Submitted {count} in {seconds:.1f} s ({count / (seconds or 1):.0f}/s)\n")
    return faults((one.folder, one.reason) for one in results)


def _say_one(done: "Done") -> int:
    if done.reason:
        return faults(iter([(done.folder, done.reason)]))
    with terminal.naming(NAME, done.job_id):
        terminal.show(f"{done.job_id}\n")
    return 0


for _one in (command_results.status, command_results.get, command_results.cancel, command_results.prune):
    command.add_command(_one)
command.add_command(command_results.list_codes)
command.add_command(command_publish.publish)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_task and return its exit code: 0 only when every folder succeeded."""
    return program.run(command, NAME, arguments)
