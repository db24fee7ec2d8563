"""The tables users_allowed, users_denied, groups_allowed, groups_denied: who may submit which application."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables import mutexes
from lgi_server.tables.active_resources import COLUMNS, ResourceRow, resource_in
from lgi_server.tables.submit_requests import StoredRequest
from lgi_server.tables.updates import UpdateStatement


@dataclass(frozen=True)
class SubmitRules:
    """The rules for some names and one application, by (name, application), with their job limits."""

    users_allowed: dict[tuple[str, str], int]
    groups_allowed: dict[tuple[str, str], int]
    users_denied: frozenset[tuple[str, str]]
    groups_denied: frozenset[tuple[str, str]]


_TABLES = (
    ("users_allowed", "user_name", "job_limit"),
    ("groups_allowed", "group_name", "job_limit"),
    ("users_denied", "user_name", "0"),
    ("groups_denied", "group_name", "0"),
)


@dataclass(frozen=True)
class SubmitFacts:
    """Everything that decides about a submit.

    ``everyone`` has the project servers and the resources that may offer the application. ``remembered`` is
    the request with the same key, if it is stored; ``licence_requests`` are the texts of licences that jobs
    of the application have requested before.
    """

    rules: SubmitRules
    everyone: list[ResourceRow]
    remembered: StoredRequest | None
    licence_requests: frozenset[str]


# The columns of each kind of row in the result of the one statement; the columns of other kinds are NULL.
_RULE = ("name", "application", "job_limit")
_RESOURCE = tuple(COLUMNS.split(", "))
_REQUEST = ("request_id", "contents", "job_id")
_LICENCES = ("licences",)
_ALL = (*_RULE, *_RESOURCE, *_REQUEST, *_LICENCES)


def _part(kind: str, columns: Mapping[str, str], rest: str) -> str:
    """Return the SELECT for one kind of row, with an expression for each of its columns."""
    selected = ", ".join([f"{columns.get(name, 'NULL')} AS {name}" for name in _ALL])
    return f"SELECT '{kind}' AS kind, {selected} FROM {rest}"


@lru_cache
def _statement(names: int, with_request: bool, licensed: bool) -> str:
    """Return the statement for this number of names."""
    several = placeholders(range(names))
    parts = [
        _part(
            table,
            {"name": column, "application": "application", "job_limit": limit},
            f"{table} WHERE {column} IN ({several}) AND application IN (%s, %s)",
        )
        for table, column, limit in _TABLES
    ]
    # For LIKE with a parameter SQLite would prepare the whole statement again each time.
    where = "active_resources WHERE project_server IN (1, 2) OR INSTR(resource_capabilities, %s) > 0"
    parts.append(_part("resource", dict(zip(_RESOURCE, _RESOURCE, strict=True)), where))
    if with_request:
        where = "submit_requests WHERE caller = %s AND request_id = %s"
        parts.append(_part("request", dict(zip(_REQUEST, _REQUEST, strict=True)), where))
    if licensed:
        parts.append(_part("licences", {"licences": "licences"}, "licence_wishes WHERE application = %s"))
    return " UNION ALL ".join(parts)


def load_submit_facts(
    transaction: Transaction,
    names: Sequence[str],
    application: str,
    request: tuple[str, str] | None = None,
    licensed: bool = False,
) -> SubmitFacts:
    """Return everything that decides about a submit, read with one statement.

    That is: the rules for these users and groups and for ``any``; the project servers; the resources whose
    capabilities contain the application's name anywhere, which the caller has to parse; the stored request of
    ``request``, a caller and a request_id; and, if ``licensed``, the known requests for licences.
    """
    names = (*names, comma_lists.ANY)
    parameters = [*((*names, application, comma_lists.ANY) * len(_TABLES)), application]
    parameters += request or ()
    parameters += [application] if licensed else []
    found: dict[str, list[Row]] = {"rule": [], "resource": [], "request": [], "licences": []}
    for row in transaction.rows(_statement(len(names), request is not None, licensed), *parameters):
        found.get(row["kind"], found["rule"]).append(row)
    remembered = None
    for row in found["request"]:
        remembered = StoredRequest(row["request_id"], row["contents"], int(row["job_id"]))
    return SubmitFacts(
        _rules(found["rule"]),
        [resource_in(row) for row in found["resource"]],
        remembered,
        frozenset([row["licences"] for row in found["licences"]]),
    )


def _rules(rows: Sequence[Row]) -> SubmitRules:
    found: dict[str, dict[tuple[str, str], int]] = {table: {} for table, _, _ in _TABLES}
    for row in rows:
        found[row["kind"]][row["name"], row["application"]] = int(row["job_limit"])
    return SubmitRules(
        users_allowed=found["users_allowed"],
        groups_allowed=found["groups_allowed"],
        users_denied=frozenset(found["users_denied"]),
        groups_denied=frozenset(found["groups_denied"]),
    )


def count_alone(transaction: Transaction, owner: str, application: str, active_only: bool) -> int:
    """Return how many jobs of an application an owner has, and hold a mutex until the transaction ends.

    No other transaction can count the same jobs until then, so two submits never take the same last place.
    With ``active_only`` jobs that have ended or are being aborted do not count.
    """
    states = " AND one.state NOT IN ('finished', 'aborting', 'aborted')" if active_only else ""
    query = (
        "SELECT COUNT(*) FROM job_access AS one WHERE one.role = 'owner' AND one.name = %s"
        f" AND one.application = %s{states}"
    )
    return int(mutexes.acquire(transaction, f"limit {application} {owner}", query, owner, application))


def set_allowed(kind: str, name: str, application: str, limit: int) -> UpdateStatement:
    """Return the change that allows a user or group (``kind``) an application, up to a job limit."""
    return UpdateStatement(
        f"REPLACE INTO {kind}s_allowed ({kind}_name, application, job_limit) VALUES (%s, %s, %s)",
        (name, application, limit),
    )


def set_denied(kind: str, name: str, application: str) -> UpdateStatement:
    """Return the change that denies a user or group (``kind``) an application."""
    return UpdateStatement(
        f"REPLACE INTO {kind}s_denied ({kind}_name, application) VALUES (%s, %s)", (name, application)
    )


def remove(kind: str, rule: str, name: str, application: str) -> UpdateStatement:
    """Return the change that removes rules ("allowed" or "denied") by name, application or both."""
    where, values = _of(kind, name, application)
    return UpdateStatement(f"DELETE FROM {kind}s_{rule}{where}", values)


def listed(
    transaction: Transaction, kind: str, rule: str, name: str = "", application: str = ""
) -> list[Row]:
    """Return the rules ("allowed" or "denied") of a kind: all, or those of a name, an application or both.

    The rights of groups to urgent jobs (`urgent_jobs`) are among them.
    """
    limit = ", job_limit" if rule == "allowed" else ""
    where, values = _of(kind, name, application)
    return transaction.rows(
        f"SELECT {kind}_name, application{limit} FROM {kind}s_{rule}{where}"
        f" ORDER BY {kind}_name, application",
        *values,
    )


def _of(kind: str, name: str, application: str) -> tuple[str, tuple[str, ...]]:
    parts = [(f"{kind}_name", name), ("application", application)]
    given = [(column, value) for column, value in parts if value]
    where = " AND ".join(f"{column} = %s" for column, _ in given)
    return f" WHERE {where}" if where else "", tuple(value for _, value in given)
