"""What the server is told: the values of its configuration, wherever they come from (`config_file`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lgi_server.config.repository_host import RepositoryHost
from lgi_server.config.scheduler import SchedulerSettings

# How a licence may be called.
LICENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")


@dataclass(frozen=True)
class ProjectConfig:
    """One project: its name, the address of its database, this server's name in it, and its licences."""

    name: str
    database: str
    server_name: str
    licences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """Everything the server is told. Sizes are bytes, times are seconds; paths are absolute."""

    url: str
    listen: str
    ca_certificate: Path
    repository: Path
    default_project: str
    projects: Mapping[str, ProjectConfig]
    server_certificate: Path | None = None
    server_key: Path | None = None
    front_end_header: str = ""
    front_end_secret: Path | None = None
    remote: RepositoryHost | None = None
    crl: Path | None = None
    peer_certificate: Path | None = None
    peer_key: Path | None = None
    jobs_certificate: Path | None = None
    jobs_key: Path | None = None
    job_certificate_days: int = 7
    require_certificate: bool = False
    open_groups: bool = False
    unrestricted_updates: bool = False
    basic_interface: bool = True
    workers: int = 2
    requests_at_once: int = 256
    longest_wait: int = 60
    remember: int = 1
    max_file_size: int = 2**31
    max_post_size: int = 2**31
    max_repository_size: int = 2**34
    disk_reserve: int = 2**28
    max_jobs_at_once: int = 256
    handshake_timeout: int = 10
    keep_alive: int = 75
    admin_group: str = "admin"
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    local_metrics: bool = False
    path: Path = field(default=Path("/"), compare=False)

    @cached_property
    def prefix(self) -> str:
        """The path part of the server's URL, as ``/LGI``."""
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def ca_certificate_url(self) -> str:
        """Where everybody may fetch the CA's certificate."""
        return f"{self.url}/certificates/ca.crt"
