"""LGI_certificates csr, sign, export, import: keys that are generated elsewhere, and PKCS12 files."""

from pathlib import Path

import click

from lgi_protocol import certificate_files, common_name
from lgi_tools.certificates import ca as certificates_ca
from lgi_tools.certificates import csr as certificates_csr
from lgi_tools.certificates import entity, inventory, keys, pkcs12, user_directory
from lgi_tools.certificates.archive import read_certificate
from lgi_tools.certificates.ca import Authority
from lgi_tools.certificates.command_options import (
    ALSO,
    FORCE,
    GROUP,
    KEY_TYPE,
    NAME,
    PASSWORD_FILE,
    PROJECT,
    check_subject,
    configuration,
    days,
    of_configuration,
    plain_errors,
    read_password,
)
from lgi_tools.certificates.keys import KeyType
from lgi_tools.certificates.profiles import Kind, Validity
from lgi_tools.certificates.subject import Subject
from lgi_tools.cli import terminal

_FILE = click.Path(dir_okay=False, path_type=Path)
_KINDS = [str(each) for each in (Kind.SERVER, Kind.RESOURCE, Kind.USER)]


@click.command()
@click.argument("name")
@KEY_TYPE
@click.pass_obj
def csr(directory: Path, name: str, key_type: str) -> None:
    """Generate a key here and a request for its certificate, to be signed where the CA is.

    An existing key of NAME is used again, as to renew its certificate.

    Example: LGI_certificates --directory . csr node1@cluster.example.org
    """
    with plain_errors():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stem = certificate_files.file_stem(common_name.check_name(name))
        key_file, file = directory / f"{stem}.key", directory / f"{stem}.csr"
        key = certificates_csr.kept_key(key_file, KeyType(key_type))
        keys.write_file(file, certificates_csr.make(key), keys.PUBLIC, replace=True)
    terminal.show(
        f"Request     : {file}\nKey         : {key_file} (keep it here)\n"
        f"Next        : where the CA is: {NAME} sign {file.name} {name} --kind {'|'.join(_KINDS)}\n"
    )


@click.command()
@click.argument("request", type=_FILE)
@click.argument("name")
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="Type of the certificate.")
@GROUP
@PROJECT
@ALSO
@days(certificates_ca.LEAF_DAYS)
@FORCE
@click.pass_obj
def sign(
    directory: Path,
    *,
    request: Path,
    name: str,
    kind: str,
    group: tuple[str, ...],
    project: tuple[str, ...],
    also: tuple[str, ...],
    days: int,
    force: bool,
) -> None:
    """Issue a certificate for NAME and the key in the file REQUEST; all other data in it is ignored.

    Example: LGI_certificates sign request.csr alice --kind user --group chemistry
    """
    _check_options(Kind(kind), group, project, also)
    with plain_errors():
        opened = Authority.open(directory)
        try:
            key = certificates_csr.key_of(request.read_bytes())
        except ValueError as error:
            raise ValueError(f"{request}: {error}") from None
        subject = Subject(Kind(kind), name, group, project, also)
        check_subject(directory, subject)
        file = opened.sign(key, subject, Validity.of_days(days), force)
    made = read_certificate(file)
    until = f"valid until {made.not_valid_after_utc:%Y-%m-%d}"
    terminal.show(
        f"Certificate : {file} (for {inventory.name_of(made)!r}, {until})\n"
        f"Next        : send it back with {opened.ca_file}; neither is secret\n"
    )


def _check_options(
    kind: Kind, group: tuple[str, ...], project: tuple[str, ...], also: tuple[str, ...]
) -> None:
    if group and kind is not Kind.USER:
        raise click.UsageError("--group is valid for users only")
    if project and kind is Kind.SERVER:
        raise click.UsageError("--project is not valid for servers: their certificates name hosts only")
    if also and kind is not Kind.SERVER:
        raise click.UsageError("--also is valid for servers only")


@click.command("export")
@click.argument("name")
@PASSWORD_FILE
@click.option(
    "--compatible",
    is_flag=True,
    help="Readable by Android before 14 and older macOS: weak (3DES, SHA-1), so keep the file secret.",
)
@FORCE
@click.pass_obj
def export_pkcs12(
    directory: Path, name: str, password_file: Path | None, compatible: bool, force: bool
) -> None:
    """Write the key and certificate of NAME and the CA certificate to a PKCS12 file for browsers.

    Example: LGI_certificates export mark@laptop
    """
    with plain_errors():
        password = read_password(password_file)
        file = Authority.open(directory).export(name, password, force, compatible)
    terminal.show(f"PKCS12      : {file}\n")
    if not password_file:
        terminal.show(f"Password    : {password} (it is not shown again)\n")


@click.command("import")
@click.argument("file", type=_FILE)
@click.option(
    "--password-file", type=_FILE, help="File whose first line is the password of FILE (default: prompt)."
)
@configuration
@FORCE
@click.pass_obj
def import_pkcs12(
    directory: Path,
    *,
    file: Path,
    password_file: Path | None,
    config_dir: Path | None,
    url: str,
    default_project: str,
    force: bool,
) -> None:
    """Extract the key, certificate and CA certificate of a PKCS12 file, as exported by a browser.

    They are written to NAME.key, NAME.crt and ca.crt in the directory, or with --config-dir to a
    configuration directory of the tools.

    Example: LGI_certificates --directory . import mark.p12 --config-dir ~/.LGI --server https://lgi.example.org/LGI
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    with plain_errors():
        if password_file:
            password = read_password(password_file)
        else:
            password = click.prompt(f"Password of {file}", hide_input=True, err=True)
        bundle = pkcs12.unpack(file, password)
        name = common_name.parse(inventory.name_of(bundle.certificate))
        pems = (
            keys.key_pem(bundle.key),
            bundle.certificate.public_bytes(Encoding.PEM),
            bundle.ca.public_bytes(Encoding.PEM),
        )
        if config_dir:
            if not force:
                user_directory.check_free(config_dir)
            project = default_project or next(iter(name.projects or ()), "")
            owner = user_directory.Owner(name.name, name.groups or (), url, project)
            user_directory.write_pems(config_dir, pems, owner, force)
            terminal.show(of_configuration(config_dir))
            return
        files = _take_out(directory, name.name, pems, force)
    terminal.show(f"Certificate : {files[1]}\nKey         : {files[0]}\nCA          : {files[2]}\n")


def _take_out(directory: Path, name: str, pems: tuple[bytes, ...], force: bool) -> tuple[Path, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding

    stem = certificate_files.file_stem(name)
    files = directory / f"{stem}.key", directory / f"{stem}.crt", directory / certificates_ca.CERTIFICATE
    ca = files[2]
    if ca.exists() and read_certificate(ca).public_bytes(Encoding.PEM) != pems[2]:
        raise ValueError(f"{ca} differs from the CA in the file: use another --directory")
    if not force:
        entity.refuse_existing("use --force to replace it", *files[:2])
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, pem, mode in zip(files, pems, (keys.SECRET, keys.PUBLIC, keys.PUBLIC), strict=True):
        if path != ca or not ca.exists():
            keys.write_file(path, pem, mode, replace=force)
    return files


COMMANDS = (csr, sign, export_pkcs12, import_pkcs12)
