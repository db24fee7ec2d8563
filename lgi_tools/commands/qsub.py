"""LGI_qsub: submit a job, as a user or from within a job as its resource."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol.job_directory import JOB_CERTIFICATE, JobDirectory
from lgi_tools.cli import first_elements, label_options, options, output_json, plan_options, program, terminal
from lgi_tools.cli.output_json import OutputFormat
from lgi_tools.cli.program import CallError
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.cli.session import UserCalls, connect, require_elements, timing, translate_errors
from lgi_tools.client import settings
from lgi_tools.client.settings import Settings
from lgi_tools.client.timing import DEFAULT, Timing
from lgi_tools.commands.qsub_files import input_of, uploadable

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.reply import Reply
    from lgi_protocol.resource_api import ResourceCalls

NAME = "LGI_qsub"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "-a",
    "--application",
    default="",
    metavar="NAME",
    help="Application (default: file defaultapplication of ~/.LGI).",
)
@click.option(
    "-t",
    "--targets",
    "target_resources",
    default="",
    metavar="LIST",
    help="Resources, comma-separated (default: file defaulttargetresources, else any).",
)
@click.option(
    "-s",
    "--specifics",
    "job_specifics",
    metavar="XML",
    help="Job specifics (default: file defaultjobspecifics, else none).",
)
@click.option(
    "-i",
    "--input",
    "input_file",
    type=options.FILE,
    metavar="FILE",
    help="File with the input of the job (default: no input).",
)
@click.option(
    "-r",
    "--read-access",
    default="",
    metavar="LIST",
    help="Others who may read the job, comma-separated (default: nobody; in a job: as that job).",
)
@click.option(
    "-w",
    "--write-access",
    default="",
    metavar="LIST",
    help="Others who may change the job, comma-separated (default: nobody; in a job: as that job).",
)
@click.option(
    "-j",
    "--job-directory",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Submit as the resource that runs this job (default: the current directory's job, if any).",
)
@click.option(
    "-m", "--switch-mode", is_flag=True, help="Submit as resource instead of as user, or the reverse."
)
@label_options.label_options
@plan_options.plan_options
@click.option("-x", "--xml", "raw", is_flag=True, help="Print the answer of the server as XML.")
@output_json.option
@options.project_options
@options.version
@click.argument("files", nargs=-1, type=options.FILE, metavar="[FILES]...")
@output_json.json_errors
def command(
    *,
    job_specifics: str | None,
    input_file: str | None,
    read_access: str,
    write_access: str,
    job_directory: str | None,
    switch_mode: bool,
    raw: bool,
    as_json: bool,
    files: tuple[str, ...],
    **given: object,
) -> int:
    """Submit a job and upload FILES into its repository.

    Inside a job's directory the resource that runs that job submits, on behalf of the job's owners. There
    -c, -U and -G submit as a user; -m switches between the two.

    Example: LGI_qsub -a hello_world -i input.txt data.csv
    """
    from lgi_protocol import hexcode
    from lgi_tools.client.interface_calls import check_text

    shape = output_json.shape(raw, as_json)
    names = label_options.pop_fields(given) | plan_options.pop_fields(given)
    # An empty option counts as given, but an empty setting as unknown.
    given["job_specifics"] = " " if job_specifics == "" else job_specifics or ""
    job = options.job(job_directory, NAME)
    as_user = bool(job is None or given["config"] or given["user"] or given["groups"]) != switch_mode
    chosen = options.resolve(given, settings.read_job(job) if job else None)
    options.require(chosen, NAME, "server", "application", *(("user", "groups") if as_user else ()))
    fields = {
        "application": chosen.application,
        "target_resources": chosen.target_resources or "any",
        "job_specifics": chosen.job_specifics.strip(),
        "input": hexcode.encode(input_of(Path(input_file))) if input_file else "",
        "read_access": read_access or (job.text("LGI_read_access") if job and not as_user else ""),
        "write_access": write_access or (job.text("LGI_write_access") if job and not as_user else ""),
        **names,
    }
    uploads = uploadable(files)
    fields = {name: text for name, text in fields.items() if text}
    if as_user:
        submit_as_user(chosen, fields, uploads, shape)
        return 0
    fields |= {"state": "queued", "owners": owners(chosen, job)}
    try:
        check_text(fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    submit_as_resource(chosen, fields, uploads, shape)
    return 0


def owners(chosen: Settings, job: JobDirectory | None) -> str:
    """Return the owners of a job a resource submits: those of the job it runs, else the settings' user."""
    if job:
        return job.text("LGI_owners")
    return ", ".join(text for text in (chosen.user, chosen.groups) if text)


def submit_as_user(
    chosen: Settings, fields: dict[str, str], files: tuple[Path, ...], shape: OutputFormat
) -> None:
    """Submit and show the new job."""
    from lgi_tools.cli.output_text import data_line, job_lines, repository_line
    from lgi_tools.client.selection import SHOW

    more = SHOW if fields.keys() & {"job_name", "labels", *plan_options.FIELDS} else {}
    calls = UserCalls(chosen)
    with closing(ProgressBar("sending")) as bar:
        reply = calls.submit(fields | more, files, bar)
    first_elements.warn_of_followed(NAME, calls, fields)
    if more and not label_options.are_kept(fields, reply.value("job", "job_name")):
        terminal.warn(NAME, label_options.NOT_KEPT)
    if shape is not OutputFormat.TEXT:
        show_answer(reply, shape)
        return
    with terminal.naming(NAME, reply.value("job", "job_id")):
        terminal.show("\nJob has been submitted. Some details: \n\n" + job_lines(reply, write_first=False))
        terminal.show(data_line("Input", reply, "input"))
        terminal.show(repository_line(reply) + "\n")


def show_answer(reply: "Reply", shape: OutputFormat) -> None:
    """Print a new job as XML or JSON."""
    with terminal.naming(NAME, reply.value("job", "job_id")):
        if shape is OutputFormat.XML:
            terminal.show(f"{reply.content}\n")
        else:
            output_json.show(output_json.caller(reply) | {"job": output_json.details(reply.all("job")[0])})


def submit_as_resource(
    chosen: Settings, fields: dict[str, str], files: tuple[Path, ...], shape: OutputFormat
) -> None:
    """Submit as a resource or as one of its jobs. As LGI: success prints nothing in text format."""
    from lgi_protocol.resource_api import ResourceCalls

    calls = ResourceCalls(connect(chosen), chosen.project)
    try:
        with translate_errors(chosen.server):
            # A job certificate needs no session and cannot open one.
            submit = _submit if Path(chosen.certificate).name == JOB_CERTIFICATE else _submit_in_session
            reply = submit(calls, fields, files)
    except CallError as failure:
        if shape is OutputFormat.XML and failure.content:
            failure.shown = f"{failure.content}\n"
        raise
    require_elements(chosen.server, reply, "job")
    if shape is not OutputFormat.TEXT:
        show_answer(reply, shape)


def _submit(calls: "ResourceCalls", fields: dict[str, str], files: tuple[Path, ...]) -> "Reply":
    from lgi_tools.client import idempotent_submit

    caller = {"session_id": calls.session_id, "project": calls.project}
    return idempotent_submit.submit_once(
        calls.client, "resources/resource_submit_job", caller | fields, files, timing=timing()
    )


def _submit_in_session(calls: "ResourceCalls", fields: dict[str, str], files: tuple[Path, ...]) -> "Reply":
    from lgi_protocol.client import retry_on_busy

    retry_on_busy(calls.sign_up, timing().retry_seconds)
    try:
        return _submit(calls, fields, files)
    finally:
        calls.sign_off()


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_qsub and return its exit code: 0 only when the job was submitted."""
    return program.run(command, NAME, arguments, timing)
