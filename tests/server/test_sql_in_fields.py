"""SQL in every field of every call: it is a text like others, or refused, and never part of a statement."""

from collections.abc import Mapping

import pytest
import requests

from lgi_server.app import CALLS
from tests.support.grid import PROJECT, SERVER_NAME, TABLES, Grid

pytestmark = pytest.mark.long

ROUTES = sorted(f"{folder}/{route.name}" for folder, routes in CALLS.items() for route in routes)
TEXTS = ["x' OR '1'='1", "x'; DROP TABLE job_queue; -- ", 'x" OR 1=1 /* %s %(a)s %', "x\\' OR 1=1 #", "x`; %"]


def fields_of(grid: Grid, job_id: int, session_id: str) -> dict[str, str]:
    """Fields with which each call would do what it is for."""
    return {
        "project": PROJECT,
        "user": "mark@laptop",
        "groups": "theor, cyttron",
        "session_id": session_id,
        "resource_name": "res1@cluster",
        "job_id": str(job_id),
        "daemon_reference": "0123456789ABCDEF" * 2,
        "request_id": "request",
        "application": "hello_world",
        "applications": "hello_world",
        "target_resources": "any",
        "job_specifics": "<a> 1 </a>",
        "state": "running",
        "ended": "any",
        "owners": "mark@laptop",
        "read_access": "chem",
        "write_access": "chem",
        "capabilities": "<hello_world> </hello_world>",
        "daemon": "0123456789abcdef",
        "end_reason": "reason",
        "servers": SERVER_NAME,
        "version": "0",
        "start": "0",
        "limit": "1",
        "month": "2026-11",
        "watched": "",
    }


def caller(grid: Grid, folder: str) -> requests.Session:
    """Whoever may make the calls of a folder."""
    people = grid.people
    issued = {
        "interfaces": lambda: people.user("mark@laptop", ("theor", "cyttron")),
        "resources": lambda: people.resource("res1@cluster"),
        "servers": lambda: people.resource(SERVER_NAME),
    }[folder]()
    return grid.client(issued).session


def tables(grid: Grid) -> Mapping[str, object]:
    """How many rows each table has whose rows no call makes: a table that is gone is an error."""
    counts = {name: grid.rows(f"SELECT COUNT(*) AS n FROM {name}")[0]["n"] for name in TABLES}
    return {name: counts[name] for name in ("users_allowed", "groups_allowed", "users_denied", "updates")}


@pytest.mark.parametrize("call", ROUTES)
def test_sql_in_a_field_is_a_text_like_others(grid: Grid, call: str) -> None:
    """Each field by itself, the others as they should be: an answer, and no fault of the database."""
    resource = grid.resource()
    job_id = grid.user().submit()
    valid = fields_of(grid, job_id, resource.session_id)
    before, log = tables(grid), len(grid.log.read_text())
    session = caller(grid, call.partition("/")[0])

    for number, name in enumerate(valid):
        for text in (TEXTS[number % len(TEXTS)], TEXTS[(number + 1) % len(TEXTS)]):
            answer = session.post(f"{grid.url}/{call}.php", data=valid | {name: text}, timeout=30)

            assert answer.status_code == 200
            assert "<LGI>" in answer.text
            assert "<error> <number> 3 </number>" not in answer.text, (name, text)
    assert tables(grid) == before
    assert "internal error" not in grid.log.read_text()[log:]
