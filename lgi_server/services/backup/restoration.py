"""Makes a project server from a backup, in a new directory.

The archive is checked as a whole before anything is written. The configuration comes last: until then no
server can start there.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from lgi_protocol import xml
from lgi_server.config.parser import load
from lgi_server.db import upgrades
from lgi_server.services.backup import archive, names, reloading, server_files, target
from lgi_server.services.backup.manifest import Manifest
from lgi_server.storage.threadpool import syncfs

CONFIGURATION = "LGI_server.cfg"


@dataclass(frozen=True)
class Plan:
    """Where a backup is restored.

    ``databases`` are addresses for projects that get another one than before, ``repository`` is a directory
    whose repositories are used in place of those of the backup. ``gap`` is how many numbers are left out,
    ``quiet`` the seconds without offers after the first start.
    """

    file: Path
    directory: Path
    databases: Mapping[str, str]
    repository: Path | None = None
    gap: int = 10_000
    quiet: int = 900

    def address(self, project: str, manifest: Manifest) -> str:
        """Return the address of a project's new database."""
        contents = manifest.projects[project]
        if project in self.databases:
            return self.databases[project]
        if contents.address.startswith("sqlite:"):
            return f"sqlite:{quote(str(self.directory / project))}.sqlite"
        if not contents.password_file:
            return contents.address
        parts = urlsplit(contents.address)
        new = quote(str(target.path_of(self.directory, contents.password_file)))
        kept = [one for one in parts.query.split("&") if not one.startswith("password_file=")]
        return urlunsplit(parts._replace(query="&".join((*kept, f"password_file={new}"))))


def check(plan: Plan) -> Manifest:
    """Return the manifest of a backup that this program can restore.

    Raises DamagedArchiveError, ValueError for another version or an unknown project, OSError.
    """
    manifest = archive.check(plan.file)
    _check_version(manifest)
    for project in manifest.projects:
        if not xml.is_name(project):
            raise ValueError(f"{project!r:.80} cannot be the name of a project")
    for project in plan.databases:
        if project not in manifest.projects:
            raise ValueError(f"there is no project {project} in it, but {', '.join(manifest.projects)}")
    for section in manifest.settings.values():
        for value in section.values():
            if not names.is_valid(value) or not value.startswith(f"{names.SERVER}/"):
                raise ValueError(f"{value!r:.200} cannot be the name of a file in a backup")
    return manifest


def _check_version(manifest: Manifest) -> None:
    here, there = upgrades.latest(), manifest.schema
    made = f"it was made by release {manifest.release}, with tables of version {there}"
    if there > here:
        raise ValueError(f"{made}, newer than this program's {here}: use the programs of that release")
    if there < here:
        raise ValueError(
            f"{made}, and this program needs version {here}: restore it with the programs of that release,"
            " then install this one and run LGI_setup upgrade"
        )


def restore(plan: Plan, manifest: Manifest, now: int) -> bool:
    """Write everything; return whether an interrupted restore was started again.

    Raises ValueError for a directory or database that is not empty, OSError or LGIError when writing fails;
    then the same command starts again.
    """
    target.check_space(plan.directory, manifest.files)
    addresses = {project: plan.address(project, manifest) for project in manifest.projects}
    with target.claimed(plan.directory, manifest) as is_again:
        for project, address in addresses.items():
            if is_again:
                reloading.discard_unfinished(address, plan.directory)
            reloading.check(project, address)
        configuration = _store_files(plan, manifest)
        for project, address in addresses.items():
            contents = manifest.projects[project]
            reloading.load(
                plan.file,
                project,
                address,
                contents,
                gap=plan.gap,
                quiet=plan.quiet,
                made_at=manifest.made,
                now=now,
            )
        _write_configuration(plan, configuration, _settings(plan, manifest, addresses))
        syncfs(plan.directory)
    return is_again


def _store_files(plan: Plan, manifest: Manifest) -> str:
    """Store all files but those of databases; return the text of the configuration."""
    about = {one.name: one for one in manifest.files}
    configuration = ""
    (plan.directory / "repository").mkdir(mode=0o770, exist_ok=True)
    for name, content in archive.contents(plan.file):
        kind = name.partition("/")[0]
        if name == names.CONFIGURATION:
            configuration = content.read().decode()
        elif kind == names.SERVER or (kind == names.REPOSITORIES and plan.repository is None):
            target.store(plan.directory, about[name], content)
    return configuration


def _settings(plan: Plan, manifest: Manifest, addresses: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the settings of the configuration that are other ones than before."""
    new = {
        section: {name: str(target.path_of(Path(), value)) for name, value in settings.items()}
        for section, settings in manifest.settings.items()
    }
    new.setdefault("repository", {})["repository"] = str(plan.repository or "repository")
    for project, address in addresses.items():
        new[f"project {project}"] = {"database": address}
    return new


def _write_configuration(plan: Plan, text: str, settings: Mapping[str, Mapping[str, str]]) -> None:
    path = plan.directory / CONFIGURATION
    partial = path.with_name(f"{CONFIGURATION}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(server_files.with_settings(text, settings))
    load(partial)
    partial.rename(path)
