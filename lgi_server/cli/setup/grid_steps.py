"""The steps of LGI_setup grid: authority, certificates, database, server, administrator, unit."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lgi_protocol import comma_lists
from lgi_protocol.certificate_files import file_stem
from lgi_server.cli.setup import (
    configuration,
    database,
    grid_database,
    options,
    programs,
    project_server,
    units,
)
from lgi_server.cli.setup.grid_options import GridOptions
from lgi_server.cli.setup.journal import Journal
from lgi_server.cli.setup.owner import give_to
from lgi_server.config import parser
from lgi_server.config.database import without_password
from lgi_server.config.model import Config
from lgi_server.db import schema
from lgi_server.services.project.recorded_changes import AdministrationError

ADMIN_GROUP = "admin"
# Everybody may have 100 queued and running jobs of each application, an administrator any number.
RULES = (("user", comma_lists.ANY, comma_lists.ANY, -100), ("group", ADMIN_GROUP, comma_lists.ANY, 0))


@dataclass(frozen=True)
class Step:
    """What a step has made or found: one line for the administrator."""

    label: str
    text: str
    is_new: bool


def carry_out(plan: GridOptions, journal: Journal) -> Iterator[Step]:
    """Do what is missing, and yield what was made or found.

    Raises AdministrationError, ConfigError, LGIError, OSError or ValueError.
    """
    programs.path_of("LGI_certificates")
    yield _authority(plan, journal)
    host = urlsplit(plan.url).hostname or ""
    also = [word for name in plan.also for word in ("--also", name)]
    yield _certificate(plan, journal, "Server", "server", host, *also)
    yield _certificate(plan, journal, "For slaves", "resource", f"LGI@{host}")
    config, *steps = _server(plan, journal)
    yield from steps
    yield _administrator(plan, journal)
    if plan.resource:
        yield _resource(plan, journal, plan.resource)
    if plan.units:
        text = units.text(config, plan.user, plan.data or plan.server)
        yield _unit(journal, plan.units / units.UNIT, text)
    if plan.units and plan.resource:
        text = units.daemon_text(plan.resource_directory / "LGI.cfg")
        yield _unit(journal, plan.units / units.DAEMON_UNIT, text)


def _authority(plan: GridOptions, journal: Journal) -> Step:
    place = plan.certificates
    files = [place / name for name in ("ca.crt", "ca.key", "ca.crl")]
    if is_new := not files[0].exists():
        journal.note_paths(place, *files)
        programs.run("LGI_certificates", "--directory", str(place), "init")
    return Step("Authority", str(files[0]), is_new)


def _certificate(plan: GridOptions, journal: Journal, label: str, kind: str, name: str, *words: str) -> Step:
    place = plan.certificates
    stem = place / file_stem(name)
    file = stem.with_name(f"{stem.name}.crt")
    if is_new := not file.exists():
        journal.note_paths(*(file.with_name(f"{stem.name}.{suffix}") for suffix in ("crt", "key", "p12")))
        programs.run("LGI_certificates", "--directory", str(place), kind, name, *words)
    return Step(label, str(file), is_new)


def _server(plan: GridOptions, journal: Journal) -> tuple[Config, *tuple[Step, ...]]:
    """Return the configuration, and what was made or found of it."""
    file = plan.server / configuration.FILE
    if not file.exists():
        address = grid_database.prepare(
            plan.database, plan.database_admin, plan.project, plan.server, journal
        )
        asked = options.from_command_line(plan.server, plan.certificates, _given(plan, address), RULES)
        options.check(asked)
        config, is_new = project_server.make(asked, journal)
        give_to(plan.user, config, plan.certificates)
        shown = config.projects[plan.project].database
        return (
            config,
            Step("Configuration", str(file), True),
            Step("Database", without_password(shown), is_new),
        )
    config = _existing(file, plan)
    address = config.projects[plan.project].database
    schema.check_file(address)
    asked = options.from_command_line(plan.server, plan.certificates, _given(plan, address), RULES)
    is_new = database.fill(asked, config)
    return (
        config,
        Step("Configuration", str(file), False),
        Step("Database", without_password(address), is_new),
    )


def _given(plan: GridOptions, address: str | None) -> dict[str, str | None]:
    data = str(plan.data) if plan.data else None
    return {
        "url": plan.url,
        "listen": plan.listen,
        "project": plan.project,
        "database": address,
        "data": data,
        "server_name": None,
        "master": None,
    }


def _existing(file: Path, plan: GridOptions) -> Config:
    """Return a configuration that is there; AdministrationError for one of another grid."""
    config = parser.load(file)
    if config.url != plan.url:
        raise AdministrationError(f"{file} is of {config.url}, not of {plan.url}: choose another --directory")
    if plan.project not in config.projects:
        names = ", ".join(config.projects)
        raise AdministrationError(
            f"{file} has the projects {names}, not {plan.project}: add one with LGI_setup project"
        )
    return config


def _administrator(plan: GridOptions, journal: Journal) -> Step:
    place = plan.admin_directory
    stem = plan.certificates / file_stem(plan.admin)
    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("crt", "key", "p12")]
    shown = f"{plan.admin}, for commands {place}, for a browser {files[-1]}"
    if files[0].exists():
        return Step("Administrator", shown, False)
    journal.note_paths(*files, place)
    password = secrets.token_urlsafe(12)
    # Not on the command line, where everybody of this machine could read it.
    password_file = stem.with_name(f"{stem.name}.password")
    journal.note_paths(password_file)
    try:
        _write(password_file, f"{password}\n", 0o600)
        words = ["--group", ADMIN_GROUP, "--project", plan.project, "--password-file", str(password_file)]
        words += ["--config-dir", str(place), "--server", plan.url, "--default-project", plan.project]
        programs.run("LGI_certificates", "--directory", str(plan.certificates), "user", plan.admin, *words)
    finally:
        password_file.unlink(missing_ok=True)
    return Step("Administrator", f"{shown} with the password {password} (it is not shown again)", True)


def _resource(plan: GridOptions, journal: Journal, name: str) -> Step:
    """Make a directory for a daemon on this machine, and register its resource."""
    place = plan.resource_directory
    step = Step("Resource", f"{name}, for LGI_daemon {place / 'LGI.cfg'}", not (place / "LGI.cfg").exists())
    if step.is_new:
        stem = plan.certificates / file_stem(name)
        certificate = stem.with_name(f"{stem.name}.crt")
        journal.note_paths(certificate, stem.with_name(f"{stem.name}.key"), place)
        words = ["--project", plan.project, "--server", plan.url, "--daemon-dir", str(place)]
        words += [word for one in plan.application for word in ("-a", one)]
        programs.run("LGI_certificates", "--directory", str(plan.certificates), "resource", name, *words)
        config = str(plan.server / configuration.FILE)
        added = [
            "--config",
            config,
            "add",
            "resources",
            "allowed",
            plan.project,
            "--name",
            name,
            "--url",
            name,
        ]
        added += ["--certificate", str(certificate), "--project-server", "0", "--servers", "any"]
        programs.run("ManageDB", *added)
    return step


def _unit(journal: Journal, file: Path, text: str) -> Step:
    if is_new := not file.exists():
        journal.note_paths(file.parent, file)
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, text, 0o644)
    return Step("Unit", str(file), is_new)


def _write(file: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as opened:
        opened.write(text)
