"""The values of the server's configuration; `parser` reads them from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lgi_server.config.notifications import NotificationSettings
from lgi_server.config.object_store import ObjectStore
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.config.sections import (
    CertificateSettings,
    FrontEndSettings,
    LimitSettings,
    ProjectConfig,
    RepositorySettings,
    ServerSettings,
)

__all__ = ["Config", "ProjectConfig"]


@dataclass(frozen=True, kw_only=True)
class Config(ServerSettings, CertificateSettings, FrontEndSettings, RepositorySettings, LimitSettings):
    """The whole configuration. All sections are one class, since most code needs settings of several.

    Sizes are bytes, times are seconds; paths are absolute.
    """

    projects: Mapping[str, ProjectConfig]
    remote: RepositoryHost | None = None
    object_store: ObjectStore | None = None
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    path: Path = field(default=Path("/"), compare=False)
    # What an administrator should change: one sentence each.
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def repositories_on_disk(self) -> bool:
        """Whether the files of jobs are on a disk of this server."""
        return self.remote is None and self.object_store is None

    @cached_property
    def prefix(self) -> str:
        """The path part of the server's URL, as ``/LGI``."""
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def ca_certificate_url(self) -> str:
        """The URL of the CA's certificate, which needs no client certificate."""
        return f"{self.url}/certificates/ca.crt"
