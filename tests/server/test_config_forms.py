"""The two forms of LGI_server.cfg: with sections, as LGI_setup writes it, and the older one without them."""

import re
import subprocess
from pathlib import Path

import pytest

from lgi_server.cli.setup import configuration as setup_configuration
from lgi_server.cli.setup.options import from_command_line
from lgi_server.config import parser as configuration
from lgi_server.config.sections import SECTIONS
from lgi_server.config.setting import settings_of
from lgi_server.services.project.recorded_changes import AdministrationError
from tests.support.grid import BIN

FLAT = """\
# About this file.

# Where clients call.
url = https://localhost:8443/LGI
workers = 3
listen = 127.0.0.1:8443

# What the server shows.
server_certificate = server.crt
server_key = server.key
ca_certificate = ca.crt
# crl = ca.crl
repository = repository
pulse_limits = hello_world 600
default_project = LGI

# The first project.
[project LGI]
database = sqlite:LGI.sqlite
server_name = LGI@localhost
[licences]
matlab = 3
"""
SECTIONED = """\
# About this file.

[server]
# Where clients call.
url = https://localhost:8443/LGI
listen = 127.0.0.1:8443
default_project = LGI

[certificates]
# What the server shows.
server_certificate = server.crt
server_key = server.key
ca_certificate = ca.crt
# crl = ca.crl

[repository]
repository = repository

[limits]
workers = 3

[scheduler]
pulse_limits = hello_world 600


# The first project.
[project LGI]
database = sqlite:LGI.sqlite
server_name = LGI@localhost
[licences]
matlab = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of the older form, with the files that it names."""
    for name in ("server.crt", "server.key", "ca.crt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "repository").mkdir()
    path = tmp_path / "LGI_server.cfg"
    path.write_text(FLAT)
    return path


def convert(path: Path) -> subprocess.CompletedProcess[str]:
    """What LGI_setup says to --convert."""
    command = [BIN / "LGI_setup", "convert", path]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_file_without_sections_is_read_with_one_warning(file: Path) -> None:
    """The same settings, and the command that converts it; a file with sections warns of nothing."""
    flat = configuration.load(file)
    file.write_text(SECTIONED)
    sectioned = configuration.load(file)

    assert flat == sectioned
    assert (flat.workers, flat.projects["LGI"].licences) == (3, {"matlab": 3})
    assert flat.warnings == (f"{file} has no sections yet; give it some with: LGI_setup convert {file}",)
    assert sectioned.warnings == ()


def test_an_error_in_a_file_without_sections_has_the_line_of_that_file(file: Path) -> None:
    """The number is not that of the converted text."""
    for wrong, message in (
        ("workers = two", r", line 5: \[limits\] workers = two: write"),
        (
            "worker = 2",
            r", line 5: \[server\] worker: .*did you mean 'workers', which belongs in \[limits\]\?",
        ),
        ("listen = 127.0.0.1:1", r", line 6: \[server\] listen is set a second time, as in line 5: "),
    ):
        file.write_text(FLAT.replace("workers = 3", wrong))
        with pytest.raises(configuration.ConfigError, match=message):
            configuration.load(file)


def test_a_converted_file_has_its_comments_and_settings_in_sections(file: Path) -> None:
    """A comment stays above its setting; one that is commented out goes where it belongs. The mode stays."""
    file.chmod(0o640)
    inode = file.stat().st_ino

    done = convert(file)

    former = file.with_name("LGI_server.cfg.former")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file} has sections now; the former text is in {former}\n"
    assert file.read_text() == SECTIONED
    assert (file.stat().st_mode & 0o777, file.stat().st_ino) == (0o640, inode)
    assert (former.read_text(), former.stat().st_mode & 0o777) == (FLAT, 0o600)


def test_a_file_is_converted_once(file: Path) -> None:
    """A second time nothing is done; a former text that is there is kept, and the file is left alone."""
    convert(file)
    again = convert(file)
    file.write_text(FLAT)
    refused = convert(file)

    assert (again.returncode, again.stdout) == (0, f"{file} has sections already\n")
    assert (refused.returncode, file.read_text()) == (1, FLAT)
    assert f"LGI_setup: {file}.former is there already: remove it first" in refused.stderr


def template() -> str:
    """The text that LGI_setup writes for an administrator who says no more than needed."""
    given = dict.fromkeys(("listen", "project", "database", "master", "data", "server_name"))
    url = "https://lgi.example.org/LGI"
    return setup_configuration.text(from_command_line(Path("x"), Path("y"), given | {"url": url}))


@pytest.mark.parametrize("name", SECTIONS)
def test_a_written_configuration_shows_all_settings_with_their_defaults(name: str) -> None:
    """Each in its section, in any order; what has no default is an example, or what was asked for."""
    body = re.split(r"^\[(.*)\]$", template(), flags=re.MULTILINE)
    text = body[body.index(name) + 1]
    shown = dict(re.findall(r"^(?:# )?(\w+) = (.*)$", text, re.MULTILINE))
    kind, known = SECTIONS[name], settings_of(SECTIONS[name])

    assert set(shown) == set(known)
    for one in known.values():
        default = getattr(kind, one.attribute, None)
        if default not in {None, ""}:
            assert one.read(shown[one.name]) == default, one.name


def test_a_written_configuration_has_sections() -> None:
    """Nothing of it stands above the first one, and no option can add a line."""
    above = template().partition("[server]")[0]

    assert [line for line in above.splitlines() if line and not line.startswith("#")] == []
    given = dict.fromkeys(("listen", "project", "database", "master", "data", "server_name"))
    options = from_command_line(
        Path("x"), Path("y"), given | {"url": "https://x/LGI", "project": "A]\nworkers=9"}
    )
    with pytest.raises(AdministrationError, match="control characters cannot stand in"):
        setup_configuration.text(options)
