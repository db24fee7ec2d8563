"""Checks of the files of a server: who may read and write them, and the room on their disks."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from lgi_server.cli.setup.check.finding import Finding, error, warning
from lgi_server.config.database import SQLiteAddress, parse_address
from lgi_server.config.model import Config

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Part of a disk below which an administrator should act.
FEW = 0.05


def check(config: Config) -> Iterator[Finding]:
    """Yield what is wrong with the files and disks of a configuration."""
    for path in _secrets(config):
        if path.exists() and path.stat().st_mode & _OTHERS:
            yield warning(f"{path} can be read by others than its owner", f"chmod 600 {path}")
    if config.remote is None and not os.access(config.repository, os.R_OK | os.W_OK | os.X_OK):
        yield error(
            f"{config.repository} cannot be written to by this account",
            "give it to the server's account",
        )
    seen = set()
    for path in (config.repository, *(file.parent for file in _database_files(config))):
        if path.is_dir() and (device := path.stat().st_dev) not in seen:
            seen.add(device)
            yield from _disk(config, path)


def _secrets(config: Config) -> Iterator[Path]:
    """Yield the files with jobs or passwords in them; the keys are checked with their certificates."""
    yield from _database_files(config)
    if config.front_end_secret:
        yield config.front_end_secret
    if config.jobs_key:
        yield config.jobs_key
    for project in config.projects.values():
        if re.match(r"mariadb://[^/@]*:[^/@]*@", project.database):
            yield config.path
        if found := re.search(r"[?&]password_file=([^&]+)", project.database):
            yield Path(found[1])


def _database_files(config: Config) -> Iterator[Path]:
    for project in config.projects.values():
        address = parse_address(project.database)
        if isinstance(address, SQLiteAddress):
            yield address.path


def _disk(config: Config, path: Path) -> Iterator[Finding]:
    """Check the room for bytes and for files on the disk of a directory."""
    disk = os.statvfs(path)
    free, all_of_it = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    remedy = "remove old jobs (LGI_clean), or take a larger disk"
    if free < min(config.disk_reserve, all_of_it // 8):
        yield error(f"the disk of {path} has {free >> 20} MB left: uploads are refused", remedy)
    elif free < FEW * all_of_it:
        yield warning(f"the disk of {path} has {free >> 20} MB left, {free / all_of_it:.0%} of it", remedy)
    if disk.f_files and disk.f_favail < FEW * disk.f_files:
        yield warning(f"the disk of {path} has room for {disk.f_favail} files only", remedy)
