"""What the server is told: the values of its configuration, wherever they come from (`parser`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

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
    """Everything the server is told: its sections in one, as most rooms need settings of several.

    Sizes are bytes, times are seconds; paths are absolute.
    """

    projects: Mapping[str, ProjectConfig]
    remote: RepositoryHost | None = None
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    path: Path = field(default=Path("/"), compare=False)
    # What an administrator should change, a sentence each.
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def prefix(self) -> str:
        """The path part of the server's URL, as ``/LGI``."""
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def ca_certificate_url(self) -> str:
        """Where everybody may fetch the CA's certificate."""
        return f"{self.url}/certificates/ca.crt"
