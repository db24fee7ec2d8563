"""ManageDB: who may use the project, by prompts as ever and by options for scripts (clients.md 7)."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lgi_protocol.errors import LGIError
from lgi_server.cli import manage_db_output
from lgi_server.config import parser as configuration
from lgi_server.config.model import ProjectConfig
from lgi_server.db import open_database
from lgi_server.db.errors import cause_text
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.services.project import administration, peers, update_summary
from lgi_server.services.project.administration import AdministrationError, NewResource
from lgi_server.tables import event_queue
from lgi_server.tables.update_undo import Undo

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
            raise AdministrationError(f"Nothing was done ! An answer for the {question} is needed")
        return str(value).strip()


class _Words(click.Command):
    """Says how the words after the command go together, which click does not know."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return what stands in the line of the usage."""
        kinds = "{users|groups|resources} {allowed|denied|share}"
        return ["[OPTIONS]", f"{{{{list|add|del}} {kinds} | list licences | undo}} [PROJECT]"]


@click.command(cls=_Words, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, required=True)
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
@click.option(
    "--format", "form", type=click.Choice(["table", "xml", "json"]), default="table", help="Of a list."
)
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
def main(words: tuple[str, ...], config: Path, form: str, yes: bool, **given: str | None) -> None:
    """Manage who may submit (users, groups) and which resources take part, in PROJECT.

    What is not given as an option is asked for. Each change is recorded for the other project servers, but
    for shares: those are what this server's scheduler orders its queue by. undo takes back the last one that
    was recorded here and not taken back. Lists can be had on slave servers too.
    """
    asked = _asked(words)
    try:
        chosen = _project(config, asked.project)
        if asked.action == "list":
            click.echo(_run(chosen, lambda transaction: _list(transaction, asked, chosen, form)))
            return
        if asked.rule == SHARE:
            _run(chosen, _share(_Answers(given), asked.action, asked.kind))
            click.echo(f"Done, in project {chosen.name} on this server.")
            return
        if asked.kind == "resources" and asked.rule == "denied":
            raise AdministrationError("No resources can be denied !")
        if asked.action == "undo":
            _undo(chosen, yes)
        else:
            change = _change(_Answers(given), asked, yes or not sys.stdin.isatty())
            version = _run(chosen, _on_master(chosen, change))
            click.echo(f"Done, as update {version} of project {chosen.name}.")
        _tell_slaves(config, chosen)
    except BrokenPipeError:
        # Nobody reads on, which is no fault: it ends quietly.
        raise
    except (AdministrationError, configuration.ConfigError, LGIError, OSError, ValueError) as error:
        click.echo(f"ManageDB: {error}{cause_text(error)}", err=True)
        sys.exit(1)


@dataclass(frozen=True)
class _Asked:
    """The words of the command line, in their order."""

    action: str
    kind: str
    rule: str
    project: str | None


def _asked(words: Sequence[str]) -> _Asked:
    """Return what the words ask for. UsageError for others.

    As LGI: behind the project may stand host and user of its database, which the configuration knows better.
    """
    action, *rest = (words[0].lower(), *words[1:])
    kind = rule = ""
    if action in {"list", "add", "del"}:
        kind = rest.pop(0).lower() if rest else ""
        if kind != "licences":
            rule = rest.pop(0).lower() if rest else ""
    known = (kind in _KINDS and rule in {"allowed", "denied", SHARE}) or (action, kind) == (
        "list",
        "licences",
    )
    if not known and action != "undo":
        raise click.UsageError(f"cannot understand {' '.join(words)!r}")
    if len(rest) > 3:
        raise click.UsageError("everybody can read a password here: it stands in the configuration")
    return _Asked(action, kind, rule, rest[0] if rest else None)


def _undo(project: ProjectConfig, yes: bool) -> None:
    """Say what the last change was and take it back, when the administrator at the terminal agrees."""

    def last(transaction: Transaction) -> Undo:
        administration.check_master(transaction, project.server_name)
        return administration.last_change(transaction)

    found = _run(project, last)
    click.echo(f"Update {found.version} was : {update_summary.told(found.query)}")
    for statement in found.statements:
        click.echo(f"To take it back : {update_summary.told(statement)}")
    if not yes and sys.stdin.isatty():
        click.confirm(f"Take back update {found.version} ?", abort=True)

    def work(transaction: Transaction) -> list[int]:
        administration.check_master(transaction, project.server_name)
        return administration.undo(transaction, found.version, int(time.time()))

    versions = ", ".join(map(str, _run(project, work)))
    click.echo(f"Update {found.version} was taken back, as update {versions} of project {project.name}.")


def _tell_slaves(config: Path, project: ProjectConfig) -> None:
    slaves = _run(project, principals.servers).slaves
    try:
        silent = peers.tell_slaves(configuration.load(config), project.name, slaves) if slaves else []
    except LGIError as error:
        click.echo(f"The slave servers were not told ({error}): they ask by themselves.")
        return
    for name in silent:
        click.echo(f"{name} did not answer: it fetches the change when its scheduler asks.")


Change = Callable[[Transaction], int]


def _project(config: Path, name: str | None) -> ProjectConfig:
    if not config.is_file():
        raise AdministrationError(
            f"there is no configuration {config}: say --config FILE, or set LGI_SERVER_CONFIG"
        )
    loaded = configuration.load(config)
    wanted = name or loaded.default_project
    if wanted not in loaded.projects:
        raise AdministrationError(f"{config} has no project {wanted!r}, only {', '.join(loaded.projects)}")
    return loaded.projects[wanted]


def _run(project: ProjectConfig, work: Callable[[Transaction], Any]) -> Any:
    database = open_database(project.database)
    try:
        return database.run(work)
    finally:
        database.close()


def _on_master(project: ProjectConfig, change: Change) -> Change:
    def work(transaction: Transaction) -> int:
        administration.check_master(transaction, project.server_name)
        return change(transaction)

    return work


def _change(ask: _Answers, asked: _Asked, is_sure: bool) -> Change:
    if asked.action == "add":
        return _addition(ask, asked.kind, asked.rule)
    return _removal(ask, asked.kind, asked.rule, is_sure)


def _addition(ask: _Answers, kind: str, rule: str) -> Change:
    who = _KINDS[kind]
    if who == "resource":
        return _new_resource(ask)
    name = ask("name", f"{who} name")
    application = ask("application", "application")
    if rule == "denied":
        servers = ask("servers", "servers to update")
        return lambda transaction: administration.deny(transaction, who, name, application, servers)
    limit = _whole(ask("limit", "job limit"))
    servers = ask("servers", "servers to update")
    return lambda transaction: administration.allow(
        transaction, who, name, application, limit, servers=servers
    )


def _share(ask: _Answers, action: str, kind: str) -> Callable[[Transaction], None]:
    """Return a change of how much an account gets; the scheduler orders the queue anew."""
    who = _KINDS[kind]
    name = ask("name", f"{who} name")
    weight = "" if action == "del" else ask("weight", "weight")

    def work(transaction: Transaction) -> None:
        if action == "del":
            administration.remove_share(transaction, who, name)
        else:
            administration.set_share(transaction, who, name, weight)
        event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, int(time.time()))

    return work


def _new_resource(ask: _Answers) -> Change:
    name = ask("name", "resource name")
    url = ask("url", "resource url")
    certificate = _pem(Path(ask("certificate", "certificate file")))
    flag = _whole(ask("project_server", "project server flag"))
    servers = ask("servers", "servers to update")
    new = NewResource(name, url, certificate, flag)
    return lambda transaction: administration.add_resource(transaction, new, servers)


def _pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise AdministrationError(f"cannot read the certificate file {path}: {reason}") from None


def _removal(ask: _Answers, kind: str, rule: str, is_sure: bool) -> Change:
    who, now = _KINDS[kind], int(time.time())
    if who == "resource":
        name = ask("name", "resource name")
        servers = ask("servers", "servers to update")
        return lambda transaction: administration.remove_resource(transaction, name, servers, now)
    name = ask("name", f"{who} name", required=False)
    application = ask("application", "application", required=False)
    servers = ask("servers", "servers to update")
    if bool(name) != bool(application) and not is_sure:
        click.confirm(f"Delete every {rule} rule of {name or application} ?", abort=True)
    return lambda transaction: administration.remove_rule(
        transaction, who, rule, name, application, servers=servers
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise AdministrationError(f"{text!r} is not a whole number") from None


def _list(transaction: Transaction, asked: _Asked, project: ProjectConfig, form: str) -> str:
    if asked.kind == "licences":
        rows = manage_db_output.stock(transaction, project)
        return manage_db_output.shown(form, "licences", manage_db_output.LICENCE, rows)
    name = f"{asked.kind}_{asked.rule}"
    if asked.rule == SHARE:
        who = _KINDS[asked.kind]
        rows = administration.shares_of(transaction, who)
        return manage_db_output.shown(form, name, (f"{who}_name", "weight"), rows)
    if asked.kind != "resources":
        who = _KINDS[asked.kind]
        columns = (f"{who}_name", "application", *(["job_limit"] if asked.rule == "allowed" else []))
        return manage_db_output.shown(
            form, name, columns, manage_db_output.rules(transaction, who, asked.rule)
        )
    if asked.rule == "denied":
        raise AdministrationError("No resources are denied !")
    return manage_db_output.shown(
        form, name, manage_db_output.RESOURCE, manage_db_output.resources(transaction)
    )


if __name__ == "__main__":
    main()
