"""--notify of the commands that submit, in LGI_flow and Python, and what is shown of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgi_tools.client.project import Project
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.flow import main as flow
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.run import main as run_command
from lgi_tools.task.command import main as task
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import Grid, running
from tests.support.manage_db import manage
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
HOOK = "https://hooks.example.org/SECRET"
SETTINGS = {
    "workers": "1",
    "mail": "true",
    "mail_from": "lgi@example.org",
    "webhooks": "true",
    "webhook_hosts": "hooks.example.org",
}


@pytest.fixture(scope="module")
def telling() -> Iterator[Grid]:
    """A server that would send mail and webhooks, had it a scheduler."""
    with running(Grid(settings=SETTINGS)) as made:
        yield made


@pytest.fixture
def grid(telling: Grid) -> Grid:
    """An empty project, in which the user has an address."""
    telling.clear()
    manage(telling, "add", "users", "mail", "--name", "mark@laptop", "--address", "mark@example.org")
    return telling


def test_notifications_are_asked_for_by_each_command_and_by_python(
    grid: Grid, tool: Run, tmp_path: Path
) -> None:
    """An array as a whole has one request."""
    Path("one").mkdir()
    (Path("one") / "input").write_text("x")
    file = tmp_path / "flow.toml"
    file.write_text(f'[jobs.a]\ncommand = "echo"\nnotify = "end,fail"\nwebhook = "{HOOK}"\n')

    codes = [
        tool(*words)[0]
        for words in (
            (run_command, "--notify", "fail,end", "--", "echo"),
            (run_command, "--notify", "end", "--array", "1-3", "--", "echo", "{}"),
            (qsub, "-a", "command", "--notify", "start", "--mail", "mark@example.org"),
            (task, "submit", "--notify", "end", "-b", "one", "psi4", "1.5", "psi4"),
            (flow, str(file)),
        )
    ]
    with Project() as project:
        project.submit("command", notify=["end"], webhook=HOOK)

    assert codes == [0, 0, 0, 0, 0]
    found = grid.rows("SELECT is_array, events, mail, webhook FROM job_notifications ORDER BY job_id")
    mail = "mark@example.org"
    assert [tuple(row.values()) for row in found] == [
        (0, "end, fail", mail, ""),
        (1, "end", mail, ""),
        (0, "start", mail, ""),
        (0, "end", mail, ""),
        (0, "end, fail", "", HOOK),
        (0, "end", "", HOOK),
    ]


def test_an_explanation_has_what_is_told_of_a_job(grid: Grid, tool: Run) -> None:
    """With the address and the key of the user, not with the path of the webhook."""
    job = submitted(grid, notify="end, fail", webhook=HOOK, mail="mark@example.org")
    (row,) = grid.rows("SELECT webhook_key FROM notification_users")

    _code, text, _errors = tool(explain, str(job))

    ways = "by mail to mark@example.org and to https://hooks.example.org"
    assert f"  notification of end, fail {ways}\n" in text
    assert f"  webhooks are signed with the key {row['webhook_key']}\n" in text
    assert "SECRET" not in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--mail", "mark@example.org"), "mail and webhook need the events to tell: --notify end,fail"),
        (("--notify", "later"), "'later' is no event of a job: give some of start, end, fail"),
        (("--notify", "end", "--mail", "a@b, c@d"), "'a@b, c@d' is not a mail address as mark@example.org"),
        (("--notify", "end", "--mail", "eve@evil.org"), "the project sends no mail to eve@evil.org"),
        (("--notify", "end", "--webhook", "http://127.0.0.1/"), "an administrator has to list the host"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(
    grid: Grid, tool: Run, words: tuple[str, ...], why: str
) -> None:
    """By the command, or by the server; no job is queued."""
    code, _text, errors = tool(run_command, *words, "--", "echo")

    assert code != 0
    assert why in errors
    assert grid.rows("SELECT 1 FROM job_queue") == []


def test_a_server_that_is_too_old_for_notifications_is_named(server: CannedServer, run: Run) -> None:
    """It would read over --notify: nothing is submitted."""
    server.will_answer_call("interfaces/interface_submit_jobs", Answer(b"<html> not here </html>", 404))

    made = run(qsub, "-a", "hello_world", "--notify", "end")

    assert made[0] != 0
    assert "this server is too old for --notify" in made[1] + made[2]


def test_the_addresses_of_users_are_managed_by_administrators(grid: Grid) -> None:
    """The key of a user stays when the address changes or goes."""
    grid.run("UPDATE notification_users SET webhook_key = 'KEY'")

    manage(grid, "add", "users", "mail", "--name", "mark@laptop", "--address", "Mark@Example.com")
    listed = json.loads(manage(grid, "list", "users", "mail", "--format", "json").stdout)
    wrong = manage(grid, "add", "users", "mail", "--name", "ben@desk", "--address", "a@b, c@d")
    manage(grid, "del", "users", "mail", "--name", "mark@laptop")
    twice = manage(grid, "del", "users", "mail", "--name", "mark@laptop")

    assert "Mark@example.com" in json.dumps(listed)
    assert "'a@b, c@d' is not a mail address" in wrong.stderr + wrong.stdout
    assert "user mark@laptop has no mail address" in twice.stderr + twice.stdout
    assert grid.rows("SELECT webhook_key, address FROM notification_users") == [
        {"webhook_key": "KEY", "address": ""}
    ]
