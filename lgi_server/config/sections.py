"""The sections of the configuration, each a dataclass whose fields are its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgi_protocol import common_name
from lgi_server.config import values
from lgi_server.config.notifications import NotificationSettings, mail_addresses
from lgi_server.config.object_store import ObjectStore
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.config.setting import setting, settings_of


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The address of the server, its default project, administrators and interfaces."""

    url: str = setting(values.url)
    listen: str = setting(values.listen, is_list=True)
    default_project: str = setting(str)
    admin_group: str = setting(common_name.check_name, default="admin")
    open_groups: bool = setting(values.yes_or_no, default=False)
    unrestricted_updates: bool = setting(values.yes_or_no, default=False)
    basic_interface: bool = setting(values.yes_or_no, default=True)
    local_metrics: bool = setting(values.yes_or_no, default=False)
    log_file: Path | None = setting(Path, default=None)


@dataclass(frozen=True, kw_only=True)
class CertificateSettings:
    """The files of the server's TLS, of its CA, and of the CA for jobs that it makes itself."""

    server_certificate: Path | None = setting(Path, is_file=True, default=None)
    server_key: Path | None = setting(Path, is_file=True, default=None)
    ca_certificate: Path = setting(Path, is_file=True)
    crl: Path | None = setting(Path, is_file=True, default=None)
    tls_ciphers: str = setting(str, default="ECDHE+AESGCM:ECDHE+CHACHA20")
    require_certificate: bool = setting(values.yes_or_no, default=False)
    peer_certificate: Path | None = setting(Path, is_file=True, default=None)
    peer_key: Path | None = setting(Path, is_file=True, default=None)
    jobs_certificate: Path | None = setting(Path, default=None)
    jobs_key: Path | None = setting(Path, default=None)
    job_certificate_days: int = setting(values.days, default=7)


@dataclass(frozen=True, kw_only=True)
class FrontEndSettings:
    """A web server in front of this one, which terminates TLS."""

    front_end_header: str = setting(values.header, default="")
    front_end_secret: Path | None = setting(Path, is_file=True, default=None)


@dataclass(frozen=True, kw_only=True)
class RepositorySettings:
    """The directory of the jobs' files, and its limits in bytes."""

    repository: Path = setting(Path)
    open_repositories: bool = setting(values.yes_or_no, default=False)
    max_file_size: int = setting(values.size, default=2**31)
    max_repository_size: int = setting(values.size, default=2**34)
    disk_reserve: int = setting(values.size, default=2**28)


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """Limits of one server, one request and one connection, in bytes, seconds or numbers."""

    workers: int = setting(values.positive, default=2)
    requests_at_once: int = setting(values.positive, default=256)
    max_post_size: int = setting(values.size, default=2**31)
    max_jobs_at_once: int = setting(values.jobs, default=256)
    longest_wait: int = setting(values.seconds, default=60)
    remember: int = setting(values.seconds, default=1)
    handshake_timeout: int = setting(values.positive, default=10)
    keep_alive: int = setting(values.positive, default=75)
    minimum_rate: int = setting(values.size, default=1000)
    rate_window: int = setting(values.positive, default=30)


@dataclass(frozen=True)
class ProjectConfig:
    """One project: its name, the address of its database, this server's name in it, and its licences.

    Jobs that have ended are deleted after ``keep_finished`` seconds, 0: they stay until users delete them. No
    more than ``max_running_jobs`` are given out at once, and no more than ``max_queued_jobs`` are queued
    (0: no limit). With ``group_visibility`` read the groups that own a new job may read it.
    Users are told of their jobs at their own ``mail_addresses``, and at these: addresses, and domains.
    With ``attach`` users may attach to their running jobs.
    """

    name: str
    database: str = setting(values.database)
    server_name: str = setting(common_name.check_name)
    keep_finished: int = setting(values.age, default=0)
    max_running_jobs: int = setting(values.job_limit, default=0)
    max_queued_jobs: int = setting(values.job_limit, default=0)
    group_visibility: str = setting(values.visibility, default=values.NONE)
    mail_addresses: tuple[str, ...] = setting(mail_addresses, is_list=True, default=())
    attach: bool = setting(values.yes_or_no, default=False)
    licences: Mapping[str, int] = field(default_factory=dict)


# The section of a project is called ``project NAME``, those of licences ``licences`` or ``licences NAME``.
PROJECT = "project"
LICENCES = "licences"
SECTIONS: Mapping[str, type] = {
    "server": ServerSettings,
    "certificates": CertificateSettings,
    "front_end": FrontEndSettings,
    "repository": RepositorySettings,
    "repository_host": RepositoryHost,
    "object_store": ObjectStore,
    "limits": LimitSettings,
    "scheduler": SchedulerSettings,
    "notifications": NotificationSettings,
}
# The section of each setting but those of projects; and the settings that take several values.
SECTION_OF = {name: section for section, kind in SECTIONS.items() for name in settings_of(kind)}
LISTS = {name for kind in SECTIONS.values() for name, one in settings_of(kind).items() if one.is_list}
