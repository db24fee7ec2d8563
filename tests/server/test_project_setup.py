"""LGI_setup project: one command adds a project to a server, a slave's too, and one removes it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_server.config import parser as configuration
from lgi_server.db import open_database, schema
from tests.server.test_grid_setup import killed_set_up
from tests.support.grid import BIN, Grid
from tests.support.project_directory import ProjectDirectory
from tests.support.slaves import Slave, manage

pytestmark = pytest.mark.slow
Result = subprocess.CompletedProcess[str]


@pytest.fixture
def project(tmp_path: Path) -> ProjectDirectory:
    """A project whose server does not run."""
    return ProjectDirectory(tmp_path)


def change(config: Path, *words: str) -> Result:
    """Run LGI_setup project on a configuration."""
    command = [BIN / "LGI_setup", "project", *words, config]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def names(project: ProjectDirectory) -> set[str]:
    """What is in the directory of a server, but for the journals of databases."""
    return {path.name for path in project.config.parent.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def test_a_second_project_is_added_by_one_command(project: ProjectDirectory) -> None:
    """It has a database, its master and its first rules, and the server answers its calls after a restart."""
    added = change(project.config, "add", "Theory")

    assert (added.returncode, added.stderr) == (0, "")
    config = configuration.load(project.config)
    schema.check("Theory", config.projects["Theory"].database)
    assert config.default_project == "LGI"
    certificates = [BIN / "LGI_certificates", "--directory", project.authority]
    user = ["user", "anna@desk", "--project", "Theory", "--config-dir", project.directory / "anna.LGI"]
    subprocess.run([*certificates, *user, "--server", project.url], check=True, capture_output=True)
    with project.running():
        asked = [BIN / "LGI_qstat", "-c", project.directory / "anna.LGI", "-L"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert "Theory" in answer.stdout


def test_a_project_that_is_there_is_not_added_again(project: ProjectDirectory) -> None:
    """The second command says so, and changes nothing."""
    change(project.config, "add", "Theory")
    before = project.config.read_bytes()

    again = change(project.config, "add", "Theory")

    assert again.returncode == 0
    assert "has the project Theory already" in again.stdout
    assert project.config.read_bytes() == before


def test_a_project_that_cannot_be_added_leaves_nothing(project: ProjectDirectory) -> None:
    """Neither a section nor a database, whatever is wrong; the message says what."""
    before, files = project.config.read_bytes(), names(project)

    wrong = {
        "a b": change(project.config, "add", "a b"),
        "/nowhere": change(
            project.config, "add", "Theory", "--database=mariadb://lgi@localhost/x?socket=/nowhere"
        ),
        "LGI": change(
            project.config, "add", "Theory", f"--database=sqlite:{project.config.parent}/LGI.sqlite"
        ),
        "https://localhost:1/LGI": change(
            project.config, "add", "Theory", "--master=https://localhost:1/LGI"
        ),
    }

    assert {name: done.returncode for name, done in wrong.items()} == dict.fromkeys(wrong, 1)
    assert "cannot be the name of a project" in wrong["a b"].stderr
    assert "cannot be reached" in wrong["/nowhere"].stderr
    assert "has the database of project LGI: each needs one of its own" in wrong["LGI"].stderr
    assert (project.config.read_bytes(), names(project)) == (before, files)


def test_a_project_is_removed_and_its_database_stays(project: ProjectDirectory) -> None:
    """The configuration is what it was before the project was added; it is asked for --yes."""
    before = project.config.read_text()
    change(project.config, "add", "Theory")
    with project.config.open("a") as opened:
        opened.write("\n[licences Theory]\nmatlab = 3\n")

    unsure = change(project.config, "remove", "Theory")
    removed = change(project.config, "remove", "Theory", "--yes")

    assert unsure.returncode == 1
    assert "Theory has 0 jobs, whose files are lost after a day. Remove it?" in unsure.stderr
    assert removed.returncode == 0
    assert project.config.read_text().rstrip() == before.rstrip()
    assert (project.config.parent / "Theory.sqlite").exists()
    assert f"{project.config.parent}/Theory.sqlite stays" in removed.stdout


def test_the_default_project_is_not_removed(project: ProjectDirectory) -> None:
    """A server needs one."""
    before = project.config.read_bytes()

    done = change(project.config, "remove", "LGI", "--yes")

    assert done.returncode == 1
    assert "LGI is the default project" in done.stderr
    assert project.config.read_bytes() == before


def test_a_server_does_not_start_with_half_a_set_up(tmp_path: Path) -> None:
    """The next LGI_setup would remove it: so nobody works with it before."""
    directory = killed_set_up(tmp_path, "mark.LGI")
    config = directory / "server" / "LGI_server.cfg"

    started = subprocess.run([BIN / "LGI_server", config], capture_output=True, text=True, timeout=60)

    assert started.returncode == 1
    assert f"LGI_server: {directory}/.LGI_setup: LGI_setup was interrupted" in started.stderr


@pytest.fixture
def master() -> Iterator[Grid]:
    """A server with two projects."""
    made = Grid()
    change(made.config_file, "add", "Theory")
    made.start()
    yield made
    made.remove()


def test_a_slave_gets_a_second_project_by_one_command(master: Grid) -> None:
    """After one command on the master, which registers it there; its rules are those of the master."""
    slave = Slave(master, "LGI@slave.example.org")
    certificate = master.people.authority.directory / "LGI@slave.example.org.crt"
    words = ["add", "resources", "allowed", "Theory", "--name", slave.server_name, "--url", slave.url]
    unknown = change(slave.config_file, "add", "Theory", f"--master={master.url}")
    manage(master, *words, "--certificate", str(certificate), "--project-server", "2", "--servers", "any")

    added = change(slave.config_file, "add", "Theory", f"--master={master.url}")

    assert unknown.returncode == 1
    assert "On the master: ManageDB add resources allowed" in unknown.stderr
    assert (added.returncode, added.stderr) == (0, "")
    projects = [configuration.load(grid.config_file).projects["Theory"] for grid in (master, slave)]
    assert rules_of(projects[0].database) == rules_of(projects[1].database)
    slave.remove()


def rules_of(address: str) -> list[tuple[object, ...]]:
    """What is replicated of a project."""
    database = open_database(address)
    sql = "SELECT version, servers, update_query FROM updates ORDER BY version"
    found = database.run(lambda transaction: transaction.rows(sql), write=False)
    database.close()
    return [tuple(row) for row in found]
