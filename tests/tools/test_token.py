"""LGI_token, and the commands and Python with a token instead of a certificate."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.client.project import Project
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.token import main as token
from lgi_tools.compat import leruli
from tests.support.grid import Grid
from tests.tools.test_selection import tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def test_a_token_is_used_instead_of_key_and_certificate(
    tool: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a command, and by Python with files too; the CA and the names of user and server stay."""
    code, out, told = tool(token, "create", "--scope", "submit", "--name", "notebook")
    for name in ("privatekey", "certificate"):
        (home / ".LGI" / name).unlink()
    monkeypatch.setenv("LGI_TOKEN", out.strip())

    submitted, job_id, _ = tool(qsub, "-a", "command")
    with Project() as project:
        (home / "data").write_text("content")
        made = project.submit("command", files=[home / "data"])
        content = [one.name for one in project.files(made).list()]

    assert (code, submitted) == (0, 0)
    assert job_id
    assert "scope submit, expires on 20" in told
    assert content == ["data"]


def test_a_token_is_listed_and_revoked_with_the_certificate(
    tool: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LGI_TOKEN is not used for it; the list never has the token itself."""
    made = json.loads(tool(token, "create", "--name", "laptop", "--expires", "2d", "--json")[1])
    monkeypatch.setenv("LGI_TOKEN", made["token"])

    listed = tool(token, "list")[1]
    refused = tool(qsub, "-a", "command")
    code, _, _ = tool(token, "revoke", str(made["token_id"]))
    unknown = tool(token, "revoke", str(made["token_id"]))

    assert listed.startswith(f"{made['token_id']} read expires 20")
    assert listed.endswith(" used never laptop\n")
    assert made["token"] not in listed
    assert refused[0] != 0
    assert "its scope is read" in "".join(refused[1:])
    assert code == 0
    assert unknown[0] != 0
    assert "mark@laptop has no token" in unknown[2]


def test_a_certificate_that_is_named_goes_before_a_token(
    tool: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As options go before the environment."""
    monkeypatch.setenv("LGI_TOKEN", "lgi_of_somebody_else")

    code, _, _ = tool(qsub, "-a", "command", "-C", str(home / ".LGI" / "certificate"))

    assert code == 0
    assert tool(qsub, "-a", "command")[0] != 0


@pytest.mark.parametrize(
    "url", ["https://other:8443/LGI", "https://server:8444/LGI", "https://server/LGI", "http://server:8443/"]
)
def test_a_token_is_sent_to_no_other_host(url: str) -> None:
    """Whatever address a job's specifics have for its files."""
    none = Path("/none")
    made = Credentials(none, none, none, token="lgi_x", server="https://server:8443/LGI")

    assert made.headers(url) == {}
    assert made.headers("https://SERVER:8443/LGI/repository/x") == {"Authorization": "Bearer lgi_x"}
    assert "lgi_x" not in repr(made)


def test_a_token_of_lgi_is_the_secret_of_leruli(
    grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another secret there is not sent to LGI, and then the address of Leruli is not called."""
    job_id = grid.user().submit(application="command")
    monkeypatch.setenv("LERULI_API_SECRET", "other secret")
    monkeypatch.setenv("LERULI_BASEURL", "https://localhost:1/LGI")
    assert leruli.task_status(job_id)["status"] == "submitted"
    monkeypatch.delenv("LERULI_BASEURL")
    monkeypatch.setenv("LERULI_API_SECRET", tool(token, "create")[1].strip())
    assert leruli.task_status(job_id)["status"] == "submitted"

    monkeypatch.setenv("LERULI_BASEURL", "https://localhost:1/LGI")
    with pytest.raises(TransportError, match="localhost:1"):
        leruli.task_status(job_id)
    monkeypatch.setenv("LERULI_BASEURL", grid.url)
    number = json.loads(tool(token, "list", "--json")[1])["tokens"][0]["token_id"]
    tool(token, "revoke", str(number))

    with pytest.raises(ServerError, match="was revoked"):
        leruli.task_status(job_id)
