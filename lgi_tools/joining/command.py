"""LGI_join: make this machine a resource of a project, with a token of the project's CA."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_tools.certificates.command_options import KEY_TYPE
from lgi_tools.certificates.keys import KeyType
from lgi_tools.cli import options, program, terminal
from lgi_tools.client.text import printable
from lgi_tools.joining import token_input

NAME = "LGI_join"
# Engines for which the setting `images` is a directory.
_IMAGE_DIRECTORIES = frozenset({"bwrap", "apptainer"})


@click.command(context_settings=options.CONTEXT)
@token_input.arguments
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("LGI_resource"),
    show_default=True,
    help="Directory for the key, certificate, applications and LGI.cfg.",
)
@click.option(
    "-a",
    "--application",
    "named",
    multiple=True,
    metavar="NAME",
    help="hello_world, command, command:slurm ... or a directory with an LGI.cfg.example; may be repeated"
    " (default: hello_world).",
)
@click.option(
    "--name",
    default="",
    help="Name of this resource, as node1@cluster.example.org, with the secret of LGI_certificates secret"
    " (default: that of the token).",
)
@KEY_TYPE
@click.option(
    "--check",
    is_flag=True,
    help="Only check whether the resource of --directory can sign up, and its configuration.",
)
@options.version
def command(
    *,
    url: str | None,
    token: str | None,
    token_file: IO[str] | None,
    directory: Path,
    named: tuple[str, ...],
    name: str,
    key_type: str,
    check: bool,
) -> int:
    """Make this machine a resource of a project.

    URL and TOKEN are printed by LGI_certificates token for the administrator. The key is generated here and
    never sent; its certificate is fetched, and a commented LGI.cfg is written for LGI_daemon. Without TOKEN
    the command asks for it, since other users of this machine can see arguments.

    Example: LGI_join https://lgi.example.org:8444 lgi1.TOKEN -a command:slurm
    """
    from lgi_tools.joining.client import JoinError
    from lgi_tools.joining.tokens import InvalidTokenError

    try:
        if check:
            if url or token or token_file:
                raise click.UsageError("--check cannot be combined with URL and TOKEN")
            return _sign_up_all(directory)
        if not url:
            raise click.UsageError("URL and TOKEN are required, as printed by LGI_certificates token")
        return _join(
            url.rstrip("/"),
            token_input.word(token, token_file),
            directory,
            named or ("hello_world",),
            KeyType(key_type),
            name=name,
        )
    except (JoinError, InvalidTokenError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _join(
    url: str, word: str, directory: Path, named: tuple[str, ...], key_type: KeyType, *, name: str
) -> int:
    """Join a project. All checks that need no token come before the token is used."""
    from lgi_protocol.client import is_https
    from lgi_tools.certificates import csr
    from lgi_tools.joining import client, enrolment_secret, resource_directory, tokens
    from lgi_tools.joining.client import JoinError
    from lgi_tools.joining.resource_directory import KEY

    if sys.platform != "linux":
        raise ValueError("a resource is a machine with Linux; users get their certificate with LGI_login")
    if not is_https(url):
        raise ValueError(f"{url!r} is not a URL that begins with https://")
    if is_for_many := enrolment_secret.is_secret(word):
        token = enrolment_secret.read(word)
    else:
        token = tokens.read(word)
    if is_for_many != bool(name):
        raise ValueError(
            "a secret for many resources needs --name, and the token of one resource has its name"
        )
    applications = tuple(resource_directory.find(name) for name in named)
    resource_directory.check(directory, applications)
    ca = client.fetch_ca(url, token)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    key = csr.kept_key(directory / KEY, key_type)
    try:
        joined = client.join(url, token, key, ca, name)
    except JoinError as error:
        # After a lost answer the certificate may have been issued for this key.
        raise JoinError(
            f"{error}; {directory / KEY} is kept for another attempt; remove it to use a new key"
        ) from error
    resource_directory.write_certificates(directory, joined)
    file = resource_directory.write(directory, joined, applications)
    terminal.show(
        f"Resource      : {terminal.value(joined.name)}, of {terminal.value(', '.join(joined.projects))}\n"
        f"Key           : {directory / KEY} (keep it secret)\n"
        f"Configuration : {file}\n"
    )
    for application in applications:
        _show_settings(resource_directory.script(directory, application))
    return _sign_up_all(directory)


def _show_settings(script: Path | None) -> None:
    """Print the settings an administrator must check, with warnings of invalid ones."""
    import shutil

    from lgi_tools.joining import resource_directory

    found = resource_directory.settings(script) if script else {}
    if not found:
        return
    text = " ".join(f"{name}={value}" for name, value in found.items())
    terminal.show(f"Settings      : {script} says {printable(text)}\n")
    engine, images = found.get("container", ""), found.get("images", "")
    if engine and not shutil.which(engine):
        terminal.warn(NAME, f"warning: {engine} is not installed: set container in {script}")
    if engine and "default_image" not in found:
        terminal.warn(
            NAME,
            f"warning: jobs without an image fail unless default_image is set in {script}",
        )
    if images and engine in _IMAGE_DIRECTORIES and not Path(images).is_dir():
        terminal.warn(
            NAME,
            f"warning: {images} is not a directory, so that no images are available: set images in {script}",
        )


def _sign_up_all(directory: Path) -> int:
    """Sign up in each project of the configuration and off again. Returns the exit code.

    Then print the daemon's warnings about the rest of the configuration and this machine.
    """
    from lgi_protocol.client import Client
    from lgi_protocol.credentials import Credentials
    from lgi_protocol.resource_api import ResourceCalls
    from lgi_tools.joining import daemon_check
    from lgi_tools.joining.resource_directory import CA, CERTIFICATE, CONFIGURATION, KEY

    credentials = Credentials(directory / KEY, directory / CERTIFICATE, directory / CA)
    unknown: list[str] = []
    bad = 0
    for project, server in _projects(directory / CONFIGURATION):
        try:
            calls = ResourceCalls(Client(server, credentials), project)
            calls.sign_up()
            calls.sign_off()
        except ServerError as error:
            if error.number == ErrorNumber.RESOURCE_UNKNOWN:
                unknown.append(project)
            bad += 1
            terminal.warn(NAME, f"{server} refuses the resource in project {project}: {error.message}")
        except TransportError as error:
            bad += 1
            terminal.warn(NAME, f"no answer from {server}: {error.reason}")
        else:
            terminal.show(
                f"Signed up     : in project {terminal.value(project)} at {terminal.value(server)}\n"
            )
    if unknown:
        _show_registration(directory, tuple(unknown))
    if not bad:
        for warning in daemon_check.warnings(directory / CONFIGURATION):
            terminal.show(f"Warning       : {printable(warning)}\n")
        terminal.show(f"Next          : LGI_daemon {directory / CONFIGURATION}\n")
    return 1 if bad else 0


def _show_registration(directory: Path, projects: tuple[str, ...]) -> None:
    import shlex

    from lgi_protocol import certificate_files, common_name
    from lgi_tools.certificates import inventory
    from lgi_tools.certificates.archive import read_certificate
    from lgi_tools.joining import registration
    from lgi_tools.joining.resource_directory import CERTIFICATE

    name = common_name.parse(inventory.name_of(read_certificate(directory / CERTIFICATE))).name
    kept = f"certificates/{certificate_files.file_stem(name)}.crt"
    lines = registration.command(name, projects, kept, "server/LGI_server.cfg")
    shown = "".join(f"  {shlex.join(words)}\n" for words in lines)
    terminal.show(
        "The resource has a certificate but is not registered at the project server. The administrator of\n"
        f"the server registers it with its certificate in the CA's directory; {directory} has a copy:\n"
        f"{printable(shown)}"
        f"Then          : {NAME} --check --directory {directory}\n"
    )


def _projects(file: Path) -> list[tuple[str, str]]:
    """Return the names and master servers in a configuration. Raises ValueError when it has none."""
    from lgi_protocol import xml

    root = xml.find(file.read_text("utf-8"), "LGI", "resource")
    found = xml.find_all(root.inside, "project") if root else []
    named = [
        (xml.value(one.inside, "project_name"), xml.value(one.inside, "project_master_server"))
        for one in found
    ]
    if not named:
        raise ValueError(f"{file} names no project")
    return named


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_join and return its exit code: 0 only when the resource can sign up."""
    return program.run(command, NAME, arguments)
