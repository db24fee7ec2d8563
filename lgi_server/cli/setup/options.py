"""The options of LGI_setup, and a check of the files that they name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lgi_protocol import certificate_files
from lgi_protocol.bind_address import bind_address
from lgi_protocol.credentials import Credentials
from lgi_server.config import values
from lgi_server.services.project import bootstrap
from lgi_server.services.project.administration import FIRST_RULE, Rule
from lgi_server.services.project.peers import Master
from lgi_server.services.project.recorded_changes import AdministrationError


@dataclass(frozen=True)
class SetupOptions:
    """The options, with their defaults filled in."""

    directory: Path
    # The prefix of files that the server writes: a directory with a slash, empty for ``directory``.
    data: str
    url: str
    listen: str
    project: str
    database: str
    server_name: str
    server_certificate: Path
    server_key: Path
    ca_certificate: Path
    crl: Path | None
    peer_certificate: Path
    peer_key: Path
    master_url: str
    # Who may submit what in a new project.
    rules: tuple[Rule, ...] = (FIRST_RULE,)

    @property
    def master(self) -> Master | None:
        """The master server whose slave this one becomes; None for a master."""
        shown = Credentials(self.peer_key, self.peer_certificate, self.ca_certificate)
        return Master(shown, self.master_url, self.project) if self.master_url else None


def from_command_line(
    directory: Path,
    certificates: Path,
    given: Mapping[str, str | None],
    rules: tuple[Rule, ...] = (FIRST_RULE,),
) -> SetupOptions:
    """Return the options with the defaults for those that are not given."""
    url = (given["url"] or "").rstrip("/")
    parts = urlsplit(url)
    host = parts.hostname or ""
    server_name = given["server_name"] or f"LGI@{host}"
    project = given["project"] or "LGI"
    # An address without a host is refused by `check`.
    names = (host or "localhost", server_name)
    host_file, server_file = (certificates / certificate_files.file_stem(name) for name in names)
    data = f"{Path(given['data']).resolve()}/" if given["data"] else ""
    crl = (certificates / "ca.crl").resolve()
    return SetupOptions(
        directory=directory,
        data=data,
        url=url,
        listen=given["listen"] or _listen(host, parts.port or 443),
        project=project,
        database=given["database"] or f"sqlite:{data}{project}.sqlite",
        server_name=server_name,
        server_certificate=_with(host_file, "crt"),
        server_key=_with(host_file, "key"),
        ca_certificate=(certificates / "ca.crt").resolve(),
        crl=crl if crl.exists() else None,
        peer_certificate=_with(server_file, "crt"),
        peer_key=_with(server_file, "key"),
        master_url=(given["master"] or "").rstrip("/"),
        rules=rules,
    )


def _listen(host: str, port: int) -> str:
    address = bind_address(host)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}").resolve()


def check(options: SetupOptions) -> None:
    """Raise AdministrationError for a wrong URL or a missing certificate, before anything is created."""
    host = urlsplit(options.url).hostname or ""
    try:
        values.url(options.url)
    except ValueError as error:
        raise AdministrationError(f"--url {options.url}: {error}") from None
    wanted = {
        "init": options.ca_certificate,
        f"server {host}": options.server_certificate,
        f"resource {options.server_name}": options.peer_certificate,
    }
    for command, path in wanted.items():
        if not path.is_file():
            raise AdministrationError(f"{path} is missing: make it with LGI_certificates {command}")
    if options.master:
        bootstrap.check(options.master, options.server_name, options.url)
