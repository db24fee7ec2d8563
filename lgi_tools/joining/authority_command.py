"""LGI_certificates token and listen: issue certificates to resources and users who have a token."""

import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol import certificate_files, comma_lists
from lgi_protocol.bind_address import bind_address
from lgi_tools.certificates import ca, entity
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import FORCE, NAME, check_subject, days, https, plain_errors
from lgi_tools.certificates.profiles import Kind
from lgi_tools.certificates.subject import Subject
from lgi_tools.cli import terminal
from lgi_tools.joining.listener_url import DEFAULT_PORT, listener_url, of_host

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.joining.tokens import Grant, Token

MAX_MINUTES = 24 * 60


@click.command()
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--user", default="", metavar="NAME", help="Name of a new user (default: a new resource).")
@click.option(
    "--group",
    "--groups",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Group of the user, or any; may be repeated (default: none).",
)
@click.option(
    "--project",
    multiple=True,
    help="Project of the resource or user; may be repeated (default: all projects for a user).",
)
@click.option(
    "--limit",
    default="",
    metavar="N",
    help="Let the groups of the user, or a user without groups, submit jobs, if listen runs with --register."
    " 0: no limit; N: N jobs in any state; -N: N queued and running ones (default: no new rule).",
)
@click.option(
    "--minutes",
    type=click.IntRange(min=1, max=MAX_MINUTES),
    default=60,
    show_default=True,
    help="Minutes until the token expires.",
)
@click.option(
    "--url",
    default="",
    callback=https,
    help=f"URL of LGI_certificates listen, for the printed command (default: port {DEFAULT_PORT} of the host"
    " of a server certificate in the directory, or of this machine).",
)
@FORCE
@click.pass_obj
def token(
    directory: Path,
    *,
    name: str | None,
    user: str,
    groups: tuple[str, ...],
    project: tuple[str, ...],
    limit: str,
    minutes: int,
    url: str,
    force: bool,
) -> None:
    """Create a one-time token with which the new resource NAME, or a new user, joins the project.

    A resource uses it with LGI_join, a user with LGI_login. The key is made on their machine.

    Example: LGI_certificates token --user anna@desk --group theor --project LGI
    """
    from lgi_tools.joining import tokens
    from lgi_tools.joining.tokens import Grant

    if bool(name) == bool(user):
        raise click.UsageError("give either the NAME of a resource, or --user NAME")
    if name and not project:
        raise click.UsageError("Missing option '--project', which a resource needs")
    if name and (groups or limit):
        raise click.UsageError("--group and --limit are for users")
    named = tuple(group for text in groups for group in comma_lists.split(text))
    now = datetime.now(UTC)
    ends = now + timedelta(minutes=minutes)
    grant = Grant(name or user, project, ends, force, Kind.USER if user else Kind.RESOURCE, named, limit)
    with plain_errors():
        tokens.check(grant)
        check_subject(directory, Subject(grant.kind, grant.name, grant.groups, grant.projects))
        shown = url or listener_url(directory)
        made = _make(directory, grant, now)
    _show_token(grant, made, shown)


def _make(directory: Path, grant: "Grant", now: datetime) -> "Token":
    """Store a token. Raises FileExistsError for a name that has a key here, or a certificate."""
    from lgi_tools.joining import tokens
    from lgi_tools.joining.tokens import Token

    opened = Authority.open(directory)
    file = directory / f"{certificate_files.file_stem(grant.name)}.crt"
    entity.refuse_existing(
        f"a {grant.kind} that joins generates its own key: remove this one", file.with_suffix(".key")
    )
    if not grant.force:
        entity.refuse_existing("use --force for a token that replaces it", file)
    tokens.remove_expired(directory, now)
    secret = tokens.make(directory, grant)
    return Token(secret, tokens.fingerprint(opened.certificate), grant.kind)


def _show_token(grant: "Grant", made: "Token", url: str) -> None:
    """Print the command for a resource; for a user the token apart from it, as it may be sent by mail."""
    projects = ", ".join(grant.projects) or "all projects"
    terminal.show(
        f"Token       : for {grant.name}, {projects}; valid once, until {grant.ends.astimezone():%H:%M}\n"
    )
    if grant.kind is Kind.USER:
        terminal.show(
            f"Next        : run {NAME} listen, if it is not running; the user runs LGI_login {url}\n"
            f"and enters {made}\n"
        )
        return
    terminal.show(
        f"Next        : run {NAME} listen, if it is not running, and on the resource:\n"
        f"LGI_join {url} {made}\n"
        "(other users of that machine may see the token there; without it, LGI_join asks for it)\n"
    )


@click.command()
@click.argument("host")
@click.option(
    "--server", "url", required=True, callback=https, help="The project's master server, as https://host/LGI."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="TCP port."
)
@click.option("--bind", help="Address to listen on.  [default: all, and that of localhost for localhost]")
@click.option(
    "--minutes", type=click.IntRange(1, 10**6), help="Stop after so many minutes (default: when interrupted)."
)
@click.option(
    "--register",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="LGI_server.cfg of the master server on this host, to register resources, and rules for users, with"
    " ManageDB (default: do not register).",
)
@click.option("--no-renewal", is_flag=True, help="Renew no certificates of users (LGI_login --renew).")
@days(ca.LEAF_DAYS)
@click.pass_obj
def listen(
    directory: Path,
    *,
    host: str,
    url: str,
    port: int,
    bind: str | None,
    minutes: int | None,
    config: Path | None,
    no_renewal: bool,
    days: int,
) -> None:
    """Answer resources and users who join with a token, with the host name HOST and its certificate.

    Run it on the machine with the CA key while they join. It also renews certificates of users that expire
    within 90 days, unless they are revoked.

    Example: LGI_certificates listen lgi.example.org --server https://lgi.example.org/LGI
    """
    import logging

    from lgi_tools.joining.http_server import EnrolmentServer, serve, tls_context
    from lgi_tools.joining.issuer import Issuer

    stream = logging.StreamHandler(sys.stderr)
    logging.Formatter.converter = time.gmtime
    stream.setFormatter(logging.Formatter("%(asctime)sZ %(levelname)s %(message)s"))
    logging.getLogger("lgi_tools").addHandler(stream)
    logging.getLogger("lgi_tools").setLevel(logging.INFO)
    register = partial(_register, config) if config else None
    with plain_errors():
        stem = directory / certificate_files.file_stem(host)
        for file in (f"{stem}.crt", f"{stem}.key"):
            if not Path(file).exists():
                raise FileNotFoundError(f"{file} does not exist: create it with '{NAME} server {host}'")
        issuer = Issuer(directory, url, register, days, renews=not no_renewal)
        tls = tls_context(Path(f"{stem}.crt"), Path(f"{stem}.key"))
        listener = EnrolmentServer((bind or bind_address(host), port), tls, issuer)
    shown = of_host(host, listener.server_address[1])
    terminal.show(
        f"Listening   : {shown} (press Ctrl-C when all have joined)\n"
        f"Next        : {NAME} token NAME --project PROJECT --url {shown}\n"
    )
    serve(listener, minutes)


def _register(config: Path, grant: "Grant", certificate: Path) -> str:
    import logging

    from lgi_tools.joining import registration

    why_not = registration.register(config, grant, certificate)
    if why_not:
        logging.getLogger(__name__).error("%s is not registered: %s", grant.name, why_not)
    return why_not


COMMANDS = (token, listen)
