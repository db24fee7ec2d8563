"""ManageDB: who may use the project, by prompts as ever and by options for scripts (clients.md 7)."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from lgi_protocol.errors import LGIError
from lgi_server import config_file as configuration
from lgi_server import peers
from lgi_server.config import Project
from lgi_server.database import Transaction, because
from lgi_server.databases import open_database
from lgi_server.services import callers, management
from lgi_server.services.management import NewResource, Unacceptable
from lgi_server.tables import active_resources, events, permissions

# What is managed beside who may submit: how much whose jobs get. It is this server's own.
SHARE = "share"
_KINDS = {"users": "user", "groups": "group", "resources": "resource"}


class _Answers:
    """The administrator's answers: from an option, or asked for when there is none."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        self._given = given

    def __call__(self, option: str, question: str, required: bool = True) -> str:
        value = self._given[option]
        if value is None:
            value = click.prompt(f"Enter {question}", default="", show_default=False)
        if required and not value.strip():
            raise Unacceptable(f"Nothing was done ! An answer for the {question} is needed")
        return str(value).strip()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("action", type=click.Choice(["list", "add", "del"], case_sensitive=False))
@click.argument("kind", type=click.Choice(list(_KINDS), case_sensitive=False))
@click.argument("rule", type=click.Choice(["allowed", "denied", SHARE], case_sensitive=False))
@click.argument("project", required=False)
@click.option(
    "--config",
    envvar="LGI_SERVER_CONFIG",
    default="LGI_server.cfg",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The server's configuration (or LGI_SERVER_CONFIG).",
)
@click.option("--name", help="User, group or resource.")
@click.option("--application", help="Application, or any.")
@click.option("--limit", help="0: no limit; N: N jobs in any state; -N: N queued and running ones.")
@click.option("--weight", help="Of a share, from 0.01 to 1000; 1 is what everybody has.")
@click.option("--servers", help="Project servers the change is for, or any.")
@click.option("--url", help="Where the resource is, as user@host.")
@click.option("--certificate", help="PEM file of the resource's certificate.")
@click.option("--project-server", help="0: resource, 1: master server, 2: slave server.")
def main(action: str, kind: str, rule: str, project: str | None, config: Path, **given: str | None) -> None:
    """Manage who may submit (users, groups) and which resources take part, in PROJECT.

    What is not given as an option is asked for. Each change is recorded for the other project servers, but
    for shares: those are what this server's scheduler orders its queue by.
    """
    try:
        chosen = _project(config, project)
        ask = _Answers(given)
        if action == "list":
            _run(chosen, lambda transaction: _list(transaction, kind, rule))
        elif rule == SHARE:
            _run(chosen, _share(ask, action, kind))
            click.echo(f"Done, in project {chosen.name} on this server.")
        elif kind == "resources" and rule == "denied":
            raise Unacceptable("No resources can be denied !")
        else:
            change = _addition(ask, kind, rule) if action == "add" else _removal(ask, kind, rule)
            version = _run(chosen, _on_master(chosen, change))
            click.echo(f"Done, as update {version} of project {chosen.name}.")
            _tell_slaves(config, chosen)
    except (Unacceptable, configuration.ConfigError, LGIError, OSError, ValueError) as error:
        click.echo(f"ManageDB: {error}{because(error)}", err=True)
        sys.exit(1)


def _tell_slaves(config: Path, project: Project) -> None:
    slaves = _run(project, callers.servers).slaves
    try:
        silent = peers.tell_slaves(configuration.load(config), project.name, slaves) if slaves else []
    except LGIError as error:
        click.echo(f"The slave servers were not told ({error}): they ask by themselves.")
        return
    for name in silent:
        click.echo(f"{name} did not answer: it fetches the change when its scheduler asks.")


Change = Callable[[Transaction], int]


def _project(config: Path, name: str | None) -> Project:
    loaded = configuration.load(config)
    wanted = name or loaded.default_project
    if wanted not in loaded.projects:
        raise Unacceptable(f"{config} has no project {wanted!r}, only {', '.join(loaded.projects)}")
    return loaded.projects[wanted]


def _run(project: Project, work: Callable[[Transaction], Any]) -> Any:
    database = open_database(project.database)
    try:
        return database.run(work)
    finally:
        database.close()


def _on_master(project: Project, change: Change) -> Change:
    def work(transaction: Transaction) -> int:
        management.check_master(transaction, project.server_name)
        return change(transaction)

    return work


def _addition(ask: _Answers, kind: str, rule: str) -> Change:
    who = _KINDS[kind]
    if who == "resource":
        return _new_resource(ask)
    name = ask("name", f"{who} name")
    application = ask("application", "application")
    if rule == "denied":
        servers = ask("servers", "servers to update")
        return lambda transaction: management.deny(transaction, who, name, application, servers)
    limit = _whole(ask("limit", "job limit"))
    servers = ask("servers", "servers to update")
    return lambda transaction: management.allow(transaction, who, name, application, limit, servers)


def _share(ask: _Answers, action: str, kind: str) -> Callable[[Transaction], None]:
    """A change of how much an account gets; the scheduler orders the queue anew."""
    who = _KINDS[kind]
    name = ask("name", f"{who} name")
    weight = "" if action == "del" else ask("weight", "weight")

    def work(transaction: Transaction) -> None:
        if action == "del":
            management.remove_share(transaction, who, name)
        else:
            management.set_share(transaction, who, name, weight)
        events.insert(transaction, events.SCHEDULE_CYCLE, int(time.time()))

    return work


def _new_resource(ask: _Answers) -> Change:
    name = ask("name", "resource name")
    url = ask("url", "resource url")
    certificate = _pem(Path(ask("certificate", "certificate file")))
    flag = _whole(ask("project_server", "project server flag"))
    servers = ask("servers", "servers to update")
    new = NewResource(name, url, certificate, flag)
    return lambda transaction: management.add_resource(transaction, new, servers)


def _pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise Unacceptable(f"cannot read the certificate file {path}: {reason}") from None


def _removal(ask: _Answers, kind: str, rule: str) -> Change:
    who = _KINDS[kind]
    if who == "resource":
        name = ask("name", "resource name")
        servers = ask("servers", "servers to update")
        return lambda transaction: management.remove_resource(transaction, name, servers)
    name = ask("name", f"{who} name", required=False)
    application = ask("application", "application", required=False)
    servers = ask("servers", "servers to update")
    return lambda transaction: management.remove_rule(transaction, who, rule, name, application, servers)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unacceptable(f"{text!r} is not a whole number") from None


def _list(transaction: Transaction, kind: str, rule: str) -> None:
    if rule == SHARE:
        rows: Iterable[Mapping[str, Any]] = management.shares_of(transaction, _KINDS[kind])
        names = [f"{_KINDS[kind]}_name", "weight"]
    elif kind != "resources":
        rows = permissions.listed(transaction, _KINDS[kind], rule)
        names = [f"{_KINDS[kind]}_name", "application", *(["job_limit"] if rule == "allowed" else [])]
    elif rule == "denied":
        raise Unacceptable("No resources are denied !")
    else:
        rows = [vars(found) for found in active_resources.everyone(transaction)]
        names = ["resource_name", "url", "last_call_time", "project_server", "resource_capabilities"]
    for line in _columns([names, *([str(row[name]) for name in names] for row in rows)]):
        click.echo(line)


def _columns(rows: list[list[str]]) -> Iterable[str]:
    """A table whose columns are as wide as their widest value, the header as in LGI: the columns' names."""
    shown = [[" ".join(value.split()) or "-" for value in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    return (
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    )


if __name__ == "__main__":
    main()
