"""Ruling 5: the statements that servers send each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgi_server.services.project import update_parser
from lgi_server.services.project.update_parser import Statement, Verb
from lgi_server.tables import active_resources, submit_rules

GOOD = {
    "as LGI wrote it": (
        "INSERT INTO users_allowed SET user_name='pushed',application='any',job_limit=1",
        Statement(
            Verb.REPLACE,
            "users_allowed",
            (("user_name", "pushed"), ("application", "any"), ("job_limit", 1)),
        ),
    ),
    "columns and values": (
        "replace into `groups_denied` (`group_name`, application) values ('a''b\\'c', \"d\"\"e\");",
        Statement(Verb.REPLACE, "groups_denied", (("group_name", "a'b'c"), ("application", 'd"e'))),
    ),
    "update": (
        "UPDATE active_resources SET url = 'x', project_server='2' WHERE resource_name = 'r'",
        Statement(
            Verb.UPDATE,
            "active_resources",
            (("url", "x"), ("project_server", 2)),
            (("resource_name", "r"),),
        ),
    ),
    "delete": (
        "DELETE FROM users_denied WHERE user_name='u' AND application='any'",
        Statement(Verb.DELETE, "users_denied", (), (("user_name", "u"), ("application", "any"))),
    ),
    "negative number and line ends": (
        "INSERT INTO\n users_allowed\n SET user_name='u', application='a\\nb', job_limit=-10",
        Statement(
            Verb.REPLACE,
            "users_allowed",
            (("user_name", "u"), ("application", "a\nb"), ("job_limit", -10)),
        ),
    ),
}

BAD = {
    "nothing": "",
    "another verb": "DROP TABLE users_allowed",
    "another table": "DELETE FROM job_queue WHERE job_id=1",
    "another column": "UPDATE active_resources SET resource_id=1 WHERE resource_name='a'",
    "two statements": "DELETE FROM users_denied WHERE user_name='a'; DELETE FROM users_denied",
    "no where": "DELETE FROM users_denied",
    "or": "DELETE FROM users_denied WHERE user_name='a' OR application='b'",
    "comparison": "DELETE FROM users_denied WHERE user_name<>'a'",
    "sub-select": "INSERT INTO users_denied SELECT user_name, application FROM users_allowed",
    "function": "INSERT INTO users_denied SET user_name=LOAD_FILE('/etc/passwd'), application='any'",
    "comment": "DELETE FROM users_denied WHERE user_name='a' -- and more",
    "unclosed": "DELETE FROM users_denied WHERE user_name='a",
    "too few values": "INSERT INTO users_denied (user_name, application) VALUES ('a')",
    "column twice": "INSERT INTO users_denied SET user_name='a', user_name='b'",
    "no number": "INSERT INTO users_allowed SET user_name='a', job_limit='many'",
    "text behind": "DELETE FROM users_denied WHERE user_name='a' LIMIT 1",
}


@pytest.mark.parametrize(("text", "statement"), GOOD.values(), ids=GOOD.keys())
def test_a_statement_is_understood(text: str, statement: Statement) -> None:
    """MySQL's two ways of writing an INSERT, its quotes and its escapes."""
    assert update_parser.parse(text) == statement


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_any_other_statement_is_refused(text: str) -> None:
    """One INSERT, UPDATE, REPLACE or DELETE on five tables, conditions that name their rows."""
    with pytest.raises(ValueError, match=r"\w"):
        update_parser.parse(text)


@settings(deadline=None)
@given(st.text(), st.text(), st.integers(-(10**9), 10**9))
def test_a_statement_that_is_written_is_read_the_same(name: str, application: str, limit: int) -> None:
    """Every change that ManageDB records can be made by the other servers."""
    change = submit_rules.set_allowed("user", name, application, limit)
    try:
        text = change.text()
    except ValueError:
        return

    read = update_parser.parse(text)

    assert dict(read.values) == {"user_name": name, "application": application, "job_limit": limit}


def test_certificates_survive_the_text() -> None:
    """Line ends in a value are read as they were written."""
    pem = "-----BEGIN CERTIFICATE-----\nAB+/=\n-----END CERTIFICATE-----\n"

    read = update_parser.parse(active_resources.add("r@h", "r@h", pem, 0).text())

    assert dict(read.values)["client_certificate"] == pem


@settings(deadline=None)
@given(st.text(alphabet="INSERTDELUPFROMW='\"\\`(),;ax1_ \n-", max_size=60))
def test_rubbish_is_refused_and_nothing_else_happens(text: str) -> None:
    """Any text is a statement or a ValueError."""
    try:
        update_parser.parse(text)
    except ValueError:
        return
