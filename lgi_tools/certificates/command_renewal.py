"""LGI_certificates renew, revoke, crl, check: maintenance of issued certificates."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from lgi_protocol import expiry
from lgi_tools.certificates import ca, keys
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import DAYS, KEY_TYPE, plain_errors, until
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.profiles import Validity
from lgi_tools.cli import terminal


@click.command()
@click.argument("name")
@click.option(
    "--new-key", is_flag=True, help="Also generate a new key; a resource must then be registered again."
)
@KEY_TYPE
@click.option(
    "--days",
    type=DAYS,
    help=f"Validity in days (default: {ca.LEAF_DAYS}; {ca.AUTHORITY_DAYS} for the CA).",
)
@click.pass_obj
def renew(directory: Path, name: str, new_key: bool, key_type: str, days: int | None) -> None:
    """Renew the certificate of NAME with the same key; the old one stays valid until it expires.

    NAME ca renews the CA certificate: signed certificates stay valid, but everyone needs the new ca.crt.

    Example: LGI_certificates renew lgi.example.org
    """
    with plain_errors():
        opened = Authority.open(directory)
        if name == "ca":
            if new_key:
                raise ValueError(
                    "a CA with a new key is a new CA: create it in another directory with 'init'"
                )
            file = opened.renew_authority(Validity.of_days(days or ca.AUTHORITY_DAYS))
            following = "distribute it to all servers, resources and users before the old one expires"
        else:
            wanted = KeyType(key_type) if new_key else None
            file = opened.renew(name, Validity.of_days(days or ca.LEAF_DAYS), wanted)
            following = "replace the old one with it; programs that use it need no restart"
    if new_key:
        following = f"install it and {file.with_suffix('.key')}; register a resource again with ManageDB"
    terminal.show(f"{until(file)}Next        : {following}\n")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask, even when NAME is the last administrator.")
@click.pass_obj
def revoke(directory: Path, name: str, yes: bool) -> None:
    """Permanently revoke all certificates of NAME, as after its key was lost.

    Example: LGI_certificates revoke mark@laptop
    """
    from lgi_tools.certificates import administrators

    with plain_errors():
        made_by = Authority.open(directory)
        if not yes and administrators.is_last(directory, name, datetime.now(UTC)):
            _confirm(name, administrators.GROUP)
        file = made_by.revoke(name)
    terminal.show(
        f"Revoked     : {file}\n"
        f"Next        : copy {made_by.crl_file} to every project server; issue a new one with --force\n"
    )


def _confirm(name: str, group: str) -> None:
    """Ask about the last one of the administrators' group; ValueError without a terminal, or for "no"."""
    warning = f"{name} is the last administrator: without another certificate with --group {group}"
    warning += " nobody sees and ends the jobs of others"
    if not sys.stdin.isatty():
        raise ValueError(f"{warning}; issue one first, or use --yes")
    if not click.confirm(f"{warning}. Revoke it?", err=True):
        raise ValueError("nothing was revoked")


@click.command()
@click.option(
    "--copy-to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also copy the revocation list to this file, replaced atomically,"
    " from which a project server reads it"
    " (default: no copy).",
)
@click.pass_obj
def crl(directory: Path, copy_to: Path | None) -> None:
    """Sign the list of revoked certificates again and show its entries.

    Example: LGI_certificates crl --copy-to /etc/lgi/server/ca.crl
    """
    with plain_errors():
        opened = Authority.open(directory)
        listed = opened.sign_revocations()
        if copy_to:
            keys.write_file(copy_to, opened.crl_file.read_bytes(), keys.PUBLIC, replace=True)
    count = len(list(listed))
    terminal.show(f"Revoked     : {opened.crl_file} ({count} certificate{'' if count == 1 else 's'})\n")
    for each in listed:
        terminal.show(f"              {each.serial_number:x} since {each.revocation_date_utc:%Y-%m-%d}\n")
    if copy_to:
        terminal.show(f"Copy        : {copy_to}\n")


@click.command()
@click.argument("places", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|DIRECTORY]...")
@click.option(
    "--days",
    type=click.IntRange(0, 36500),
    default=expiry.WARNING.days,
    show_default=True,
    help="Warn about certificates that expire within N days.",
)
@click.pass_obj
def check(directory: Path, places: tuple[Path, ...], days: int) -> int:
    """Show the expiry of certificates. The exit code is 1 when one has expired or will within --days.

    Checks the CA's directory and ~/.LGI, if they exist, and each argument: a directory like these, an LGI.cfg
    of a daemon, an LGI_server.cfg of a project server, or a file with a certificate.

    Example: LGI_certificates check --days 60 /etc/lgi/server/LGI_server.cfg
    """
    from lgi_tools.certificates import expiry_check
    from lgi_tools.certificates.expiry_check import ExpiryFinding

    home = Path(os.environ.get("HOME") or "~").expanduser() / ".LGI"
    usual = [place for place in (directory, home) if expiry_check.has_certificates(place)]
    found: list[ExpiryFinding] = []
    with plain_errors():
        if not usual and not places:
            raise FileNotFoundError(
                f"{directory} and {home} contain no certificates: name a file or directory to check"
            )
        for place in (*usual, *places):
            found += expiry_check.scan(place, datetime.now(UTC), timedelta(days=days))
    terminal.show(expiry_check.table(list(dict.fromkeys(found))))
    return 1 if any(each.bad for each in found) else 0


COMMANDS = (renew, revoke, crl, check)
