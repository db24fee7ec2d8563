"""LGI_certificates secret: one secret with which many machines become resources."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import NAME, https, plain_errors
from lgi_tools.cli import terminal
from lgi_tools.joining.listener_url import DEFAULT_PORT, listener_url


@click.command()
@click.option(
    "--names",
    "pattern",
    default="",
    metavar="PATTERN",
    help="Names of the resources, with one *, as *@cluster.example.org (default: none, it is needed).",
)
@click.option("--project", multiple=True, help="Project of the resources; may be repeated (default: none).")
@click.option(
    "--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Days until it expires."
)
@click.option(
    "--most",
    type=click.IntRange(1, 10**5),
    default=100,
    show_default=True,
    help="How many resources may use it.",
)
@click.option("--end", is_flag=True, help="End the secret without a new one.")
@click.option(
    "--url",
    default="",
    callback=https,
    help=f"URL of LGI_certificates listen, for the printed command (default: port {DEFAULT_PORT} of the host"
    " of a server certificate in the directory, or of this machine).",
)
@click.pass_obj
def secret(
    directory: Path, *, pattern: str, project: tuple[str, ...], days: int, most: int, end: bool, url: str
) -> None:
    """Make an enrolment secret, with which many machines become resources (LGI_join --name).

    A CA has one: a new one ends the old one at once, so rotate it when somebody leaves who knew it. It gives
    no certificate to a name that has one.

    Example: LGI_certificates secret --names '*@cluster.example.org' --project LGI
    """
    from lgi_tools.joining import enrolment_secret, tokens
    from lgi_tools.joining.enrolment_secret import EnrolmentSecret

    if end:
        with plain_errors():
            Authority.open(directory)
            there = enrolment_secret.end(directory)
        terminal.show("The secret has ended.\n" if there else "There was no secret.\n")
        return
    if not pattern or not project:
        raise click.UsageError("--names and --project are needed, as --names '*@HOST' --project LGI")
    ends = datetime.now(UTC) + timedelta(days=days)
    with plain_errors():
        authority = Authority.open(directory)
        made = EnrolmentSecret(pattern, project, ends, most)
        enrolment_secret.check(made)
        shown = url or listener_url(directory)
        text = enrolment_secret.make(directory, made)
        word = enrolment_secret.word(text, tokens.fingerprint(authority.certificate))
    terminal.show(
        f"Secret      : for {pattern}, {', '.join(project)}; at most {most} resources, until"
        f" {ends.astimezone():%Y-%m-%d}; it ends the one before\n"
        f"Next        : run {NAME} listen, and on each machine, with the secret in FILE:\n"
        f"LGI_join {shown} --token-file FILE --name NAME\n"
        f"{word}\n"
    )


COMMANDS = (secret,)
