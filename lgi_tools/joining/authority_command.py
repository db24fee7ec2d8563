"""LGI_certificates token and listen: issue certificates to resources that have a token."""

import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from lgi_protocol import certificate_files
from lgi_protocol.bind_address import bind_address
from lgi_tools.certificates import ca, entity
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import FORCE, NAME, days, https, plain_errors
from lgi_tools.cli import terminal
from lgi_tools.joining import registration, tokens
from lgi_tools.joining.http_server import EnrolmentServer, serve, tls_context
from lgi_tools.joining.issuer import Issuer
from lgi_tools.joining.tokens import Grant, Token

log = logging.getLogger(__name__)

DEFAULT_PORT = 8444
MAX_MINUTES = 24 * 60


@click.command()
@click.argument("name")
@click.option("--project", multiple=True, required=True, help="Project of the resource; may be repeated.")
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
    help=f"URL of LGI_certificates listen, for the printed command (default: https://HOST:{DEFAULT_PORT}).",
)
@FORCE
@click.pass_obj
def token(
    directory: Path, *, name: str, project: tuple[str, ...], minutes: int, url: str, force: bool
) -> None:
    """Create a one-time token with which the new resource NAME joins the project; see LGI_join.

    Example: LGI_certificates token node1@cluster.example.org --project LGI
    """
    with plain_errors():
        tokens.check(name, project)
        opened = Authority.open(directory)
        file = directory / f"{certificate_files.file_stem(name)}.crt"
        entity.refuse_existing(
            "a resource that joins generates its own key: remove this one", file.with_suffix(".key")
        )
        if not force:
            entity.refuse_existing("use --force for a token that replaces it", file)
        now = datetime.now(UTC)
        tokens.remove_expired(directory, now)
        ends = now + timedelta(minutes=minutes)
        secret = tokens.make(directory, Grant(name, project, ends, force))
    made = Token(secret, tokens.fingerprint(opened.certificate))
    terminal.show(
        f"Token       : for {name}, {', '.join(project)}; valid once, until {ends.astimezone():%H:%M}\n"
        f"Next        : run {NAME} listen, if it is not running, and on the resource:\n"
        f"LGI_join {url or f'https://HOST:{DEFAULT_PORT}'} {made}\n"
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
    help="LGI_server.cfg of the master server on this host, to register resources with ManageDB"
    " (default: do not register).",
)
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
    days: int,
) -> None:
    """Answer resources that join with a token, with the host name HOST and its certificate.

    Run it on the machine with the CA key while resources join.

    Example: LGI_certificates listen lgi.example.org --server https://lgi.example.org/LGI
    """
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
        issuer = Issuer(directory, url, register, days)
        tls = tls_context(Path(f"{stem}.crt"), Path(f"{stem}.key"))
        listener = EnrolmentServer((bind or bind_address(host), port), tls, issuer)
    shown = f"https://{f'[{host}]' if ':' in host else host}:{listener.server_address[1]}"
    terminal.show(
        f"Listening   : {shown} (press Ctrl-C when all resources have joined)\n"
        f"Next        : {NAME} token NAME --project PROJECT --url {shown}\n"
    )
    serve(listener, minutes)


def _register(config: Path, grant: Grant, certificate: Path) -> str:
    why_not = registration.register(config, grant, certificate)
    if why_not:
        log.error("%s is not registered: %s", grant.name, why_not)
    return why_not


COMMANDS = (token, listen)
