"""LGI_certificates: manage the project's certificate authority (CA)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from lgi_tools.certificates import ca, command_csr, command_renewal, inventory, user_directory
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import (
    ALSO,
    DIRECTORY,
    GROUP,
    KEY_TYPE,
    NAME,
    PASSWORD_FILE,
    PROJECT,
    check_subject,
    configuration,
    days,
    issuing,
    of_configuration,
    own_directory,
    plain_errors,
    read_password,
    until,
)
from lgi_tools.certificates.entity import Issued
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.profiles import Kind
from lgi_tools.certificates.subject import Subject
from lgi_tools.cli import options, program, terminal
from lgi_tools.joining import authority_command, local_daemon, secret_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--directory",
    type=DIRECTORY,
    default=own_directory,
    envvar="LGI_CERTIFICATES",
    show_default="certificates, or /etc/lgi/certificates if only that has a CA",
    show_envvar=True,
    help="Directory of the CA and of the certificates it has signed.",
)
@options.version
@click.pass_context
def command(context: click.Context, directory: Path) -> None:
    """Issue and list the certificates of an LGI project: first init, then server, resource and user.

    Example: LGI_certificates init; LGI_certificates server lgi.example.org
    """
    context.obj = directory


@command.command()
@click.option("--name", default="LGI CA", show_default=True, help="The CA's common name.")
@KEY_TYPE
@days(ca.AUTHORITY_DAYS)
@click.pass_obj
def init(directory: Path, name: str, key_type: str, days: int) -> None:
    """Create the project's certificate authority (CA).

    Example: LGI_certificates --directory /etc/lgi/certificates init --name "Theory CA"
    """
    with plain_errors():
        made = Authority.create(directory, name, KeyType(key_type), days)
    terminal.show(
        f"CA certificate : {made.ca_file} (give it to everyone who should trust this project)\n"
        f"CA key         : {directory / ca.KEY} (keep it secret: it can sign a certificate for anyone)\n"
        f"Revoked        : {made.crl_file} (empty)\n"
        f"Next           : {NAME} --directory {directory} server HOST\n"
    )


@command.command()
@click.argument("host")
@ALSO
@issuing
@click.pass_obj
def server(
    directory: Path, *, host: str, also: tuple[str, ...], key_type: str, days: int, force: bool
) -> None:
    """Issue a certificate for a project server with the host name HOST.

    Example: LGI_certificates server lgi.example.org --also localhost
    """
    with plain_errors():
        made = Authority.open(directory).issue_server(
            host, also, key_type=KeyType(key_type), days=days, force=force
        )
    _tell(made, "configure both in the project server; it accepts clients with a certificate of ca.crt")


@command.command()
@click.argument("name")
@PROJECT
@local_daemon.options
@issuing
@click.pass_obj
def resource(
    directory: Path,
    *,
    name: str,
    project: tuple[str, ...],
    daemon_dir: Path | None,
    url: str,
    application: tuple[str, ...],
    key_type: str,
    days: int,
    force: bool,
) -> None:
    """Issue a certificate for the resource NAME, or for a project server that calls others (LGI@host).

    Example: LGI_certificates resource node1@cluster.example.org --project LGI
    """
    with plain_errors():
        if daemon_dir:
            local_daemon.check(daemon_dir, url, project, application)
        made_by = Authority.open(directory)
        check_subject(directory, Subject(Kind.RESOURCE, name, projects=project))
        made = made_by.issue_resource(name, project, key_type=KeyType(key_type), days=days, force=force)
        if daemon_dir:
            file = local_daemon.write(
                daemon_dir,
                made,
                made_by.ca_file,
                name=name,
                url=url,
                projects=project,
                applications=application,
            )
            terminal.show(f"Daemon      : LGI_daemon {file}\n")
    _tell(made, "copy both to the resource and register it on the server: ManageDB add resources allowed")


@command.command()
@click.argument("name")
@GROUP
@PROJECT
@PASSWORD_FILE
@configuration
@issuing
@click.pass_obj
def user(
    directory: Path,
    *,
    name: str,
    group: tuple[str, ...],
    project: tuple[str, ...],
    password_file: Path | None,
    config_dir: Path | None,
    url: str,
    default_project: str,
    key_type: str,
    days: int,
    force: bool,
) -> None:
    """Issue a certificate for the user NAME, also as a PKCS12 file (.p12) for a browser.

    Example: LGI_certificates user mark@laptop --group theor --project LGI --config-dir mark.LGI
    """
    with plain_errors():
        if config_dir and not force:
            user_directory.check_free(config_dir)
        password = read_password(password_file)
        made_by = Authority.open(directory)
        check_subject(directory, Subject(Kind.USER, name, group, project))
        made = made_by.issue_user(
            name, group, project, password=password, key_type=KeyType(key_type), days=days, force=force
        )
        if config_dir:
            first_project = default_project or next(iter(project), "")
            user_directory.write(
                config_dir,
                made,
                made_by.ca_file,
                user=name.strip(),
                groups=group,
                server=url,
                project=first_project,
                replace=force,
            )
    _tell(made, "the user copies them into ~/.LGI (see --config-dir) and imports the .p12 into a browser")
    if not password_file:
        terminal.show(f"Password    : {password} (of the .p12 file; it is not shown again)\n")
    if config_dir:
        terminal.show(of_configuration(config_dir))


@command.command("list")
@click.pass_obj
def list_certificates(directory: Path) -> None:
    """List the certificates in the directory with their expiry.

    Example: LGI_certificates list
    """
    with plain_errors():
        listed = inventory.entries(directory, datetime.now(UTC))
        if not listed:
            raise FileNotFoundError(f"{directory} contains no certificates: create a CA with 'init'")
        terminal.show(inventory.table(listed))


def _tell(made: Issued, following: str) -> None:
    pkcs12 = f"PKCS12      : {made.pkcs12}\n" if made.pkcs12 else ""
    terminal.show(f"{until(made.certificate)}Key         : {made.key}\n{pkcs12}Next        : {following}\n")


for _each in (
    *command_renewal.COMMANDS,
    *command_csr.COMMANDS,
    *authority_command.COMMANDS,
    *secret_command.COMMANDS,
):
    command.add_command(_each)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_certificates and return its exit code: 0, or 1 after an error message."""
    return program.run(command, NAME, arguments)
