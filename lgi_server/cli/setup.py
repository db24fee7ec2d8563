"""LGI_setup: make a project server's directory: configuration, database, repository, first entries."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from lgi_protocol import certificate_files
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import LGIError
from lgi_server.auth import job_ca
from lgi_server.config import parser as configuration
from lgi_server.config.model import Config
from lgi_server.db import open_database, schema
from lgi_server.db.errors import cause_text
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import administration, bootstrap
from lgi_server.services.project.administration import FIRST_RULE, AdministrationError, NewResource
from lgi_server.services.project.peers import Master
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import MASTER

FILE = "LGI_server.cfg"
# All addresses of this machine: of IPv4, and for a URL with an address of IPv6 of both.
_EVERYWHERE = {False: "0.0.0.0", True: "[::]"}  # noqa: S104
TEMPLATE = """\
# The configuration of an LGI project server. "key = value", one a line; # starts a comment line.
# Relative paths start at this file's directory. LGI_server --check FILE verifies it.

# The address clients use, and the address and port to listen on: [::]:443 is IPv6 and IPv4; several with
# commas, of which those that cannot be had are named in the log.
url = {url}
listen = {listen}

# Where a web server in front speaks TLS: listen = unix:/path, and the header with the client's certificate.
# front_end_header = X-Client-Certificate

# The server's certificate and key, and the authority that signs users and resources.
server_certificate = {server_certificate}
server_key = {server_key}
ca_certificate = {ca_certificate}
# Revoked certificates are refused within seconds of a change of this file.
{crl_comment}crl = {crl}
# What this server shows other project servers of its projects.
peer_certificate = {peer_certificate}
peer_key = {peer_key}
# This server's own authority for the jobs that run: each gets a certificate, good for so many days while it
# runs, for its own files and for jobs of its owners. Made when neither file is there; without the two lines
# jobs get none.
jobs_certificate = {data}jobs.crt
jobs_key = {data}jobs.key
job_certificate_days = 7

# true refuses connections without a client certificate during the handshake; false answers them with LGI
# error 2, and serves the landing page, the authority's certificate and the revocation list to everybody.
require_certificate = false
# true trusts posted groups when a certificate names none, as LGI did before 1.41.
open_groups = false
# true runs whatever statement the master server sends as an update, as LGI did before 1.41; false only makes
# changes of users, groups and resources.
unrestricted_updates = false
# The web interface, for browsers with a user's certificate: {url}/basic_interface/
basic_interface = true
# Members of this group may read and change every job.
admin_group = admin
# true tells every program of this machine what the server has counted (/metrics), without a certificate.
local_metrics = false

# The files of the jobs. K, M and G stand for 2^10, 2^20 and 2^30 bytes.
repository = {data}repository
max_file_size = 2G
max_post_size = 2G
max_repository_size = 16G
# What uploads leave of the disk to the server's own work, an eighth of the disk at most.
disk_reserve = 256M
# Jobs that one interface_submit_jobs may bring, 1000 at most; they are stored in one transaction.
max_jobs_at_once = 256
# Another host may keep the files instead, written by ssh and served by that host: see the administrator
# guide. All five settings: whom to log in as and where (repo@host or repo@host:port); the directory
# there; its address for clients; the private key that opens the account; a known_hosts file with the only
# host keys to be trusted.
# repository_host = repo@files.example.org
# repository_directory = /srv/repository
# repository_url = https://files.example.org/LGI/repository
# repository_ssh_key = {peer_key}
# repository_known_hosts = known_hosts

# Processes that answer calls. Seconds a TLS handshake may take; seconds an idle connection is kept.
workers = 2
# Calls a worker answers at the same time; the next ones are told to come back (LGI error 1).
requests_at_once = 256
# Seconds a resource may wait for work in one call, 0 for not at all; one that waits takes no such place.
longest_wait = 60
# Seconds a worker may remember what active_resources says of a resource or server; 0: it asks with each call.
remember = 1
handshake_timeout = 10
keep_alive = 75

# How often LGI_scheduler does what, in seconds: it orders the queue (after each change of a job anyway), asks
# the master server for updates, looks for jobs without a pulse, idle sessions, and after the repositories.
# schedule_period = 300
# updates_period = 900
# pulse_period = 1800
# session_period = 600
# upkeep_period = 600
# history_period = 3600
# A running job that no daemon asks about for so long is queued again, one to be aborted is aborted; by
# application where that is given.
# pulse_limit = 3600
# pulse_limits = hello_world 600, vasp 86400
# A job that was lost so often, as one may be that ends its daemons, is aborted instead; 0: it never is.
# most_losses = 0
# A repository that belongs to no job of the projects below is removed after so long, 0: never. Do not share a
# directory of repositories with servers of other projects.
# orphan_age = 86400
# The order of the queue (docs/fair_share.md): what was used counts half as much after so long, a week; and a
# file of your own with a function order(jobs, usage) in place of LGI's.
# share_half_life = 604800
# share_order = order.py
# What happened to jobs is kept for so long after it (400 days), 0: for ever.
# history_age = 34560000

# The project of calls that name none.
default_project = {project}

# One section a project, each with a database of its own: sqlite:FILE for the embedded database, or
# mariadb://USER@HOST/DATABASE, with ?socket=FILE for a local server and &password_file=FILE.
[project {project}]
database = {database}
# This server's name in the project, and the common name of its certificate for other servers.
server_name = {server_name}

# Licences, or whatever there is a number of for all resources together: a job that asks for some with
# <licences> name=number </licences> starts when they are free. For the default project; [licences NAME] is
# for another one.
# [licences]
# matlab = 3
"""


@dataclass(frozen=True)
class SetupOptions:
    """What the administrator asked for."""

    directory: Path
    # What stands before the names of files that the server writes; empty for those in ``directory``.
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
    master: str


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--url", required=True, help="The server's address, as https://lgi.example.org/LGI.")
@click.option("--listen", help="Address and port to listen on. [default: all, and the port of the URL]")
@click.option("--project", default="LGI", show_default=True, help="The first project's name.")
@click.option("--database", help="sqlite:FILE or mariadb://... [default: sqlite:PROJECT.sqlite]")
@click.option("--master", help="Make a slave of the master server with this address.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Where the embedded database, the repository and the authority of jobs are. [default: DIRECTORY]",
)
@click.option("--server-name", help="This server's name. [default: LGI@ and the host of the URL]")
@click.option(
    "--certificates",
    default=Path("certificates"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of LGI_certificates: ca.crt, HOST.crt, HOST.key and SERVER-NAME.crt are taken from it.",
)
def main(directory: Path, certificates: Path, **given: str | None) -> None:
    """Make DIRECTORY with a commented configuration, a database and a repository, and register the server.

    Nothing that is there already is changed.
    """
    try:
        plan = _plan(directory, certificates, given)
        _check(plan)
        config = _write(plan)
        made = _fill(plan, config)
    except (AdministrationError, configuration.ConfigError, LGIError, OSError, ValueError) as error:
        click.echo(f"LGI_setup: {error}{cause_text(error)}", err=True)
        sys.exit(1)
    click.echo(f"Configuration : {config.path}")
    click.echo(f"Database      : {plan.database}{'' if made else ' (was there already, left as it is)'}")
    click.echo(f"Start it with : LGI_server {config.path}")


def _plan(directory: Path, certificates: Path, given: dict[str, str | None]) -> SetupOptions:
    url = (given["url"] or "").rstrip("/")
    parts = urlsplit(url)
    host = parts.hostname or ""
    server_name = given["server_name"] or f"LGI@{host}"
    project = given["project"] or "LGI"
    # An address without a host is refused by `_check`.
    names = (host or "localhost", server_name)
    host_file, server_file = (certificates / certificate_files.file_stem(name) for name in names)
    data = f"{Path(given['data']).resolve()}/" if given["data"] else ""
    crl = (certificates / "ca.crl").resolve()
    return SetupOptions(
        directory=directory,
        data=data,
        url=url,
        listen=given["listen"] or f"{_EVERYWHERE[':' in host]}:{parts.port or 443}",
        project=project,
        database=given["database"] or f"sqlite:{data}{project}.sqlite",
        server_name=server_name,
        server_certificate=_with(host_file, "crt"),
        server_key=_with(host_file, "key"),
        ca_certificate=(certificates / "ca.crt").resolve(),
        crl=crl if crl.exists() else None,
        peer_certificate=_with(server_file, "crt"),
        peer_key=_with(server_file, "key"),
        master=(given["master"] or "").rstrip("/"),
    )


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}").resolve()


def _check(plan: SetupOptions) -> None:
    """Unacceptable while a certificate is missing, before anything is made."""
    host = urlsplit(plan.url).hostname or ""
    if not plan.url.startswith("https://") or not host:
        raise AdministrationError(f"--url {plan.url}: write an address such as https://lgi.example.org/LGI")
    wanted = {
        "init": plan.ca_certificate,
        f"server {host}": plan.server_certificate,
        f"resource {plan.server_name}": plan.peer_certificate,
    }
    for command, path in wanted.items():
        if not path.is_file():
            raise AdministrationError(f"{path} is missing: make it with LGI_certificates {command}")
    if plan.master:
        bootstrap.check(_master(plan), plan.server_name, plan.url)


def _write(plan: SetupOptions) -> Config:
    """Return the directory and its configuration, read back to be sure it can be used."""
    data = plan.directory / plan.data
    for place in (plan.directory, data):
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
    (data / "repository").mkdir(mode=0o770, exist_ok=True)
    values = vars(plan) | {"crl_comment": "" if plan.crl else "# ", "crl": plan.crl or "ca.crl"}
    path = plan.directory / FILE
    try:
        # The database's password may stand in it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise AdministrationError(f"{path} is there already: remove it or choose another directory") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(TEMPLATE.format(**values))
    try:
        config = configuration.load(path)
        job_ca.load_or_create(config)
        return config
    except (configuration.ConfigError, OSError, ValueError):
        path.unlink()
        raise


def _fill(plan: SetupOptions, config: Config) -> bool:
    """Return the tables, this server as master, and the first rule, unless the database is in use already.

    A slave has from the master what is in them.
    """
    database = open_database(config.projects[plan.project].database)
    try:
        schema.make(database)
        if plan.master:
            return bootstrap.fill(database, plan.server_name, plan.project, _master(plan))
        return bool(database.run(lambda transaction: _register(transaction, plan)))
    finally:
        database.close()


def _master(plan: SetupOptions) -> Master:
    shown = Credentials(plan.peer_key, plan.peer_certificate, plan.ca_certificate)
    return Master(shown, plan.master, plan.project)


def _register(transaction: Transaction, plan: SetupOptions) -> bool:
    if active_resources.servers(transaction):
        return False
    certificate = plan.peer_certificate.read_text("ascii")
    master = NewResource(plan.server_name, plan.url, certificate, MASTER)
    administration.set_up(transaction, master, FIRST_RULE)
    return True


if __name__ == "__main__":
    main()
