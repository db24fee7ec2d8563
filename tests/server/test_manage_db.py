"""ManageDB as an administrator calls it, and LGI_setup."""

import re
import subprocess
from pathlib import Path

import pytest

from lgi_protocol import LGI_VERSION
from tests.support.capabilities import without_capability
from tests.support.grid import BIN, SERVER_NAME, Grid
from tests.support.manage_db import manage

pytestmark = pytest.mark.slow


def last_update(grid: Grid) -> dict[str, object]:
    """The newest recorded change."""
    return dict(grid.rows("SELECT * FROM updates ORDER BY version DESC LIMIT 1")[0])


def test_a_user_is_allowed_by_answering_the_prompts(grid: Grid) -> None:
    """The prompts of LGI, in their order; the change is made and recorded as a statement."""
    done = manage(grid, "add", "users", "allowed", answers="o'neil@desk\nhello_world\n-10\nany\n")

    assert done.returncode == 0
    prompts = [f"Enter {what}: " for what in ("user name", "application", "job limit", "servers to update")]
    assert [done.stdout.find(prompt) for prompt in prompts] == sorted(
        done.stdout.find(one) for one in prompts
    )
    assert {"user_name": "o'neil@desk", "application": "hello_world", "job_limit": -10} in grid.rows(
        "SELECT * FROM users_allowed"
    )
    update = last_update(grid)
    assert update["servers"] == "any"
    assert bytes(update["update_query"]).decode() == (  # type: ignore[arg-type]
        "REPLACE INTO users_allowed (user_name, application, job_limit)"
        " VALUES ('o''neil@desk', 'hello_world', -10)"
    )


RULES = [("users", "allowed"), ("users", "denied"), ("groups", "allowed"), ("groups", "denied")]


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_rules_are_added_listed_and_deleted_by_options(grid: Grid, kind: str, rule: str) -> None:
    """Scripts need no terminal; every change has a version of its own."""
    limit = ["--limit", "3"] if rule == "allowed" else []
    options = ["--name", "some@one", "--application", "any", "--servers", SERVER_NAME]
    before = last_update(grid)["version"]

    added = manage(grid, "ADD", kind, rule, *options, *limit)
    listed = manage(grid, "list", kind, rule)
    deleted = manage(grid, "del", kind, rule, *options)
    empty = manage(grid, "list", kind, rule)

    assert (added.returncode, deleted.returncode) == (0, 0)
    assert listed.stdout.splitlines()[0].split()[:2] == [f"{kind[:-1]}_name", "application"]
    assert ["some@one", "any", *(["3"] if limit else [])] in [
        line.split() for line in listed.stdout.splitlines()
    ]
    assert "some@one" not in empty.stdout
    assert int(str(last_update(grid)["version"])) == int(str(before)) + 2


def test_a_resource_is_registered_with_its_certificate_and_forgotten(grid: Grid) -> None:
    """Its sessions and their locks end with it."""
    issued = grid.people.resource("res1@cluster")
    options = [
        *("--name", "res1@cluster", "--url", "res1@cluster", "--certificate", str(issued.certificate)),
        *("--project-server", "0", "--servers", "any"),
    ]

    added = manage(grid, "add", "resources", "allowed", *options)
    calls = grid.resource("res1@cluster")
    calls.lock(str(grid.user().submit()))
    removed = manage(grid, "del", "resources", "allowed", "--name", "res1@cluster", "--servers", "any")

    assert (added.returncode, removed.returncode) == (0, 0)
    assert grid.rows("SELECT lock_id FROM running_locks") == []
    assert grid.rows("SELECT session_id FROM running_sessions") == []
    assert [row["lock_state"] for row in grid.rows("SELECT lock_state FROM job_queue")] == [0]
    listed = manage(grid, "list", "resources", "allowed").stdout
    assert SERVER_NAME in listed
    assert "res1@cluster" not in listed


BAD = {
    "name missing": (["add", "users", "allowed", "--name", ""], "user name"),
    "limit no number": (
        ["add", "users", "allowed", "--name", "a", "--application", "any", "--limit", "many"],
        "'many' is not a whole number",
    ),
    "limit above the column's": (
        ["add", "users", "allowed", "--name", "a", "--application", "any", "--limit", "2147483648"],
        "'2147483648' is not a whole number of at most 2147483647",
    ),
    "application no name": (
        ["add", "users", "denied", "--name", "a", "--application", "a b", "--servers", "any"],
        "'a b' cannot be the name of an application",
    ),
    "name with a comma": (
        ["add", "groups", "denied", "--name", "a,b", "--application", "any", "--servers", "any"],
        "'a,b' is not a name",
    ),
    "name with a backslash": (
        ["add", "groups", "denied", "--name", "a\\", "--application", "any", "--servers", "any"],
        "backslash",
    ),
    "nothing to delete": (
        ["del", "users", "allowed", "--name", "", "--application", "", "--servers", "any"],
        "give a name, an application or both",
    ),
    "no such rule": (
        ["del", "users", "allowed", "--name", "no", "--application", "", "--servers", "any"],
        "there is no such rule",
    ),
    "resources denied": (["add", "resources", "denied"], "No resources can be denied"),
    "no such resource": (
        ["del", "resources", "allowed", "--name", "no@where", "--servers", "any"],
        "no resource is called 'no@where'",
    ),
    "no such project": (["list", "users", "allowed", "XYZ"], "has no project 'XYZ'"),
    "no such certificate": (
        ["add", "resources", "allowed", "--name", "a", "--url", "a", "--certificate", "/nowhere"],
        "/nowhere",
    ),
}
NAMES = ["res1", "res1@", "@cluster", "res1@cluster@site", "cluster.", ".org"]


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_answer_changes_nothing(grid: Grid, arguments: list[str], message: str) -> None:
    """The message has the error and the value; the exit code is 1."""
    before = grid.rows("SELECT * FROM updates")

    done = manage(grid, *arguments)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert grid.rows("SELECT * FROM updates") == before


@pytest.mark.parametrize("name", NAMES)
def test_a_resource_is_called_user_at_host_or_as_its_host(grid: Grid, name: str) -> None:
    """Other names are refused, with what a name looks like; servers are called so too."""
    options = ["--name", name, "--url", "x", "--servers", "any", "--project-server", "0"]
    certificate = str(grid.people.resource("res1@cluster").certificate)

    done = manage(grid, "add", "resources", "allowed", *options, "--certificate", certificate)

    assert done.returncode == 1
    assert f"{name!r} is not user@host" in done.stderr


@pytest.mark.parametrize("name", ["somers@cartesius.surfsara.nl", "cartesius.surfsara.nl"])
def test_a_resource_may_be_called_as_its_host_alone(grid: Grid, name: str) -> None:
    """Its full name, when it is the only resource there."""
    assert grid.resource(name).session_id != ""


def test_a_certificate_of_another_name_is_not_registered(grid: Grid) -> None:
    """The name and the certificate belong together."""
    issued = grid.people.resource("res2@cluster")

    done = manage(
        grid,
        *("add", "resources", "allowed", "--name", "res1@cluster", "--url", "x", "--servers", "any"),
        *("--certificate", str(issued.certificate), "--project-server", "0"),
    )

    assert done.returncode == 1
    assert "is for 'res2@cluster', not for 'res1@cluster'" in done.stderr


def test_changes_are_made_on_the_master_only(grid: Grid) -> None:
    """Versions are global: a slave refuses."""
    grid.run("UPDATE active_resources SET project_server = 2")

    done = manage(grid, "add", "users", "denied", "--name", "a", "--application", "any", "--servers", "any")

    assert done.returncode == 1
    assert "is not the project's master server" in done.stderr


def test_the_set_up_refuses_to_overwrite(grid: Grid) -> None:
    """A second set-up in the same directory changes nothing."""
    before = grid.config_file.read_text()

    done = set_up(grid, grid.config_file.parent)

    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert grid.config_file.read_text() == before


def test_the_written_configuration_is_its_owners_only(grid: Grid) -> None:
    """The database's password may stand in it."""
    assert grid.config_file.stat().st_mode & 0o777 == 0o600


def test_the_set_up_names_a_certificate_that_is_missing(grid: Grid, tmp_path: Path) -> None:
    """No unusable configuration is left."""
    done = set_up(grid, tmp_path / "server", certificates=tmp_path)

    assert done.returncode == 1
    assert f"{tmp_path / 'ca.crt'} is missing: make it with LGI_certificates init" in done.stderr
    assert not (tmp_path / "server" / "LGI_server.cfg").exists()


def test_the_files_the_server_writes_can_be_elsewhere(grid: Grid, tmp_path: Path) -> None:
    """--data has all of it, so that the directory of the configuration need not be writable."""
    etc, data = tmp_path / "etc", tmp_path / "var"

    done = set_up(grid, etc, "--data", str(data))

    assert done.returncode == 0, done.stderr
    assert [path.name for path in etc.iterdir()] == ["LGI_server.cfg"]
    assert {path.name for path in data.iterdir()} == {"LGI.sqlite", "repository", "jobs.crt", "jobs.key"}
    assert check(etc / "LGI_server.cfg").returncode == 0


def test_the_server_tells_its_version() -> None:
    """It has the option --version, as all programs."""
    done = subprocess.run([BIN / "LGI_server", "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"LGI_server {LGI_VERSION}\n"


def check(config: Path) -> subprocess.CompletedProcess[str]:
    """What LGI_server says of a configuration."""
    command = [BIN / "LGI_server", "--check", config]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def set_up(
    grid: Grid, directory: Path, *more: str, certificates: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """LGI_setup's exit code and texts."""
    return subprocess.run(
        [
            BIN / "LGI_setup",
            directory,
            "--url=https://localhost:1/LGI",
            f"--certificates={certificates or grid.directory / 'ca'}",
            *more,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_server_says_what_is_wrong_with_its_configuration(tmp_path: Path) -> None:
    """One line, exit code 1, nothing started."""
    path = tmp_path / "LGI_server.cfg"
    path.write_text("[server]\ncolour = red\n")

    done = subprocess.run([BIN / "LGI_server", path], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith(
        f"LGI_server: {path}, line 2: [server] colour: there is no setting 'colour'"
    )
    assert done.stderr.count("\n") == 1


def test_a_file_that_the_servers_user_may_not_read_is_told_with_a_remedy(grid: Grid) -> None:
    """The configuration, and a key that it names; to the server, its scheduler and ManageDB alike."""
    key = grid.config.server_key
    assert key is not None
    programs = [("LGI_server", "--check"), ("LGI_scheduler",), ("ManageDB", "list", "licences", "--config")]
    told = []
    for file in (key, grid.config_file):
        mode = file.stat().st_mode
        file.chmod(0)
        for name, *words in programs:
            command = [
                *without_capability("dac_override", "dac_read_search"),
                BIN / name,
                *words,
                grid.config_file,
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            told.append((done.returncode, done.stderr.partition(": ")[2]))
        file.chmod(mode)

    where = f"[certificates] server_key = {key}: cannot read that file: {key}: Permission denied"
    assert [code for code, _ in told] == [1] * 6
    assert all(f"{where}; it must be readable for the user of the server\n" in text for _, text in told[:3])
    why = "Permission denied; run this as the user of the server, or as root\n"
    assert {text for _, text in told[3:]} == {
        f"cannot read the server's configuration {grid.config_file}: {why}"
    }


def test_a_project_keeps_exactly_one_master(grid: Grid) -> None:
    """The last master cannot be deleted, a second one cannot be added."""
    issued = grid.people.resource("LGI@second")

    deleted = manage(grid, "del", "resources", "allowed", "--name", SERVER_NAME, "--servers", "any")
    added = manage(
        grid,
        *(
            "add",
            "resources",
            "allowed",
            "--name",
            "LGI@second",
            "--url",
            "https://x/LGI",
            "--servers",
            "any",
        ),
        *("--certificate", str(issued.certificate), "--project-server", "1"),
    )

    assert (deleted.returncode, added.returncode) == (1, 1)
    assert "is the project's master server" in deleted.stderr
    assert f"{SERVER_NAME} is the master already" in added.stderr


def test_no_password_stands_in_an_error(grid: Grid, tmp_path: Path) -> None:
    """The address of a database is shown without it."""
    text = grid.config_file.read_text()
    address = "mariadb://lgi:SECRETPW@localhost/LGI?oops=1"
    path = tmp_path / "LGI_server.cfg"
    path.write_text(re.sub(r"(?m)^database = .*$", f"database = {address}", text))
    (tmp_path / "repository").mkdir()

    done = subprocess.run(
        [BIN / "LGI_server", "--check", path], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert "lgi:...@localhost" in done.stderr
    assert "SECRETPW" not in done.stderr


def test_the_embedded_database_is_its_owners_only(grid: Grid) -> None:
    """Inputs and outputs of all jobs are in it."""
    files = list(grid.config_file.parent.glob("*.sqlite*"))

    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_database_without_tables_is_no_database_to_start_with(grid: Grid, tmp_path: Path) -> None:
    """LGI_server says so at once instead of refusing every call."""
    text = grid.config_file.read_text()
    path = tmp_path / "LGI_server.cfg"
    path.write_text(re.sub(r"(?m)^database = .*$", "database = sqlite:new.sqlite", text))
    (tmp_path / "new.sqlite").touch()
    (tmp_path / "repository").mkdir()

    done = subprocess.run([BIN / "LGI_server", path], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "has no tables: LGI_setup makes them" in done.stderr


def test_shares_are_this_server_s_own(grid: Grid) -> None:
    """Weights of users and groups are added, changed, listed and removed, and not sent to other servers."""
    before = last_update(grid)
    share = ("users", "share", "--name", "mark@laptop")
    done = manage(grid, "add", *share, "--weight", "2")
    manage(grid, "add", *share, "--weight", "2.5")
    manage(grid, "add", "groups", "share", answers="theor\n0.5\n")
    queued = grid.rows("SELECT DISTINCT event FROM event_queue")
    users = manage(grid, "list", "users", "share").stdout
    groups = manage(grid, "list", "groups", "share").stdout
    manage(grid, "del", *share)
    again = manage(grid, "del", *share)

    assert (done.returncode, done.stdout) == (0, "Done, in project LGI on this server.\n")
    # Other events of a test before may be stored up to a second later.
    assert {"event": "schedule_cycle"} in queued
    assert users.split() == ["user_name", "weight", "mark@laptop", "2.5"]
    assert groups.split() == ["group_name", "weight", "theor", "0.5"]
    assert (again.returncode, again.stderr) == (
        1,
        "ManageDB: user mark@laptop has no weight, nothing was changed\n",
    )
    assert last_update(grid) == before


@pytest.mark.parametrize(
    ("kind", "name", "weight", "message"),
    [
        ("users", "mark", "0", "'0' is not a weight: write a number from 0.01 to 1000"),
        ("users", "mark", "nan", "'nan' is not a weight"),
        ("groups", "any", "2", "any is not a name"),
        ("groups", "a;b", "2", "'a;b'"),
        ("resources", "res1@cluster", "2", "Resources have no share !"),
    ],
)
def test_an_invalid_share_is_refused(grid: Grid, kind: str, name: str, weight: str, message: str) -> None:
    """The message says what to write; nothing is stored."""
    refused = manage(grid, "add", kind, "share", "--name", name, "--weight", weight)

    assert refused.returncode == 1
    assert message in refused.stderr
    assert grid.rows("SELECT * FROM share_weights") == []


def test_a_configuration_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    """The message has the missing path, and the options that set another one."""
    done = subprocess.run(
        [BIN / "ManageDB", "list", "users", "allowed"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ManageDB: there is no configuration LGI_server.cfg: say --config FILE, or set LGI_SERVER_CONFIG\n"
    )
