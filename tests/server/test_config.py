"""The configuration file of the project server."""

from pathlib import Path

import pytest

from lgi_server.config import parser as configuration
from lgi_server.config.parser import ConfigError

GOOD = """\
# A comment.
url = https://localhost:8443/LGI
listen = 127.0.0.1:8443
server_certificate = server.crt
server_key = server.key
ca_certificate = ca.crt
repository = repository
default_project = LGI

[project LGI]
database = sqlite:LGI.sqlite
server_name = LGI@localhost
"""

REMOTE = """\
repository_host = repo@files.example.org:2222
repository_directory = /srv/repository/
repository_url = https://files.example.org/LGI/repository
repository_ssh_key = server.key
repository_known_hosts = ca.crt
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the files a configuration names."""
    for name in ("server.crt", "server.key", "ca.crt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "repository").mkdir()
    return tmp_path


def load(directory: Path, text: str) -> configuration.Config:
    """The configuration of a text."""
    path = directory / "LGI_server.cfg"
    path.write_text(text)
    return configuration.load(path)


def test_relative_paths_start_at_the_configurations_directory(directory: Path) -> None:
    """A server may be started from anywhere."""
    loaded = load(directory, GOOD)

    assert loaded.server_key == directory / "server.key"
    assert loaded.projects["LGI"].database == f"sqlite:{directory / 'LGI.sqlite'}"
    assert loaded.prefix == "/LGI"


def test_the_scheduler_has_its_periods_and_limits(directory: Path) -> None:
    """A limit of its own for an application; as LGI's without any setting."""
    changes = (
        "pulse_limits = hello_world 120, vasp 86400\nschedule_period = 60\norphan_age = 0\nmost_losses = 5\n"
    )
    usual, changed = load(directory, GOOD).scheduler, load(directory, changes + GOOD).scheduler

    assert (usual.schedule_period, usual.updates_period, usual.pulse_period) == (300, 900, 1800)
    assert (usual.session_period, usual.upkeep_period, usual.pulse_limit) == (600, 600, 3600)
    assert (changed.schedule_period, changed.orphan_age) == (60, 0)
    assert (usual.most_losses, changed.most_losses) == (0, 5)
    assert [changed.pulse_limit_of(name) for name in ("hello_world", "vasp", "other")] == [120, 86400, 3600]


@pytest.mark.parametrize(
    "line",
    [
        *("pulse_limits = hello_world", "pulse_limits = a 1, a 2", "pulse_limits = a b c"),
        *("pulse_limit = 0", "orphan_age = -1", "schedule_period = soon", "most_losses = many"),
    ],
)
def test_an_invalid_period_is_refused_with_its_line(directory: Path, line: str) -> None:
    """The message says what to write."""
    with pytest.raises(ConfigError, match=r"line 1: .*: write "):
        load(directory, f"{line}\n{GOOD}")


def test_sizes_may_be_written_with_a_letter(directory: Path) -> None:
    """K, M and G stand for powers of 1024."""
    loaded = load(directory, "max_file_size = 3M\nmax_post_size = 70000\n" + GOOD)

    assert (loaded.max_file_size, loaded.max_post_size) == (3 * 1024 * 1024, 70000)


def test_another_host_may_keep_the_repositories(directory: Path) -> None:
    """Five settings, in any order; without them there is none."""
    lines = REMOTE.splitlines(keepends=True)

    loaded = load(directory, "".join(reversed(lines)) + GOOD).remote

    assert loaded is not None
    assert (str(loaded.address), loaded.address.port) == ("repo@files.example.org", 2222)
    assert (loaded.directory, loaded.ssh_key) == ("/srv/repository", directory / "server.key")
    assert load(directory, GOOD).remote is None


@pytest.mark.parametrize("missing", [line.partition(" ")[0] for line in REMOTE.splitlines()])
def test_a_repository_host_needs_all_its_settings(directory: Path, missing: str) -> None:
    """The missing one is named, with a line that needs it."""
    lines = [line for line in REMOTE.splitlines(keepends=True) if not line.startswith(missing)]

    with pytest.raises(ConfigError, match=f"line [1-4]: .* but the setting '{missing}' is missing"):
        load(directory, "".join(lines) + GOOD)


BAD_REMOTE = {
    "option for ssh": ("repo@files.example.org:2222", "repo@-oProxyCommand=x", "line 1: repository_host = "),
    "no user": ("repo@files", "files", "line 1: repository_host = "),
    "no such port": ("2222", "99999", "line 1: repository_host = "),
    "words for a shell": ("/srv/repository/", "/srv/$(x)", "line 2: repository_directory = "),
    "blank": ("/srv/repository/", "/srv/a b", "line 2: repository_directory = "),
    "way out": ("/srv/repository/", "/srv/../etc", "line 2: repository_directory = "),
    "relative": ("/srv/repository/", "srv", "line 2: repository_directory = "),
    "the whole host": ("/srv/repository/", "/", "line 2: repository_directory = "),
    "not https": ("https://files", "http://files", "line 3: repository_url = "),
    "no such key": ("server.key", "other.key", "line 4: repository_ssh_key = other.key: cannot read"),
    "odd path": ("= ca.crt", "= a %h", "line 5: repository_known_hosts = "),
}


@pytest.mark.parametrize(("old", "new", "message"), BAD_REMOTE.values(), ids=BAD_REMOTE.keys())
def test_a_value_with_a_meaning_for_a_shell_or_ssh_is_refused(
    directory: Path, old: str, new: str, message: str
) -> None:
    """What ends up in arguments and commands is plain, or refused with its line."""
    (directory / "a %h").write_text("x")

    with pytest.raises(ConfigError) as refused:
        load(directory, REMOTE.replace(old, new) + GOOD)

    assert message in str(refused.value)


BAD = {
    "unknown key": ("colour = red\n" + GOOD, "line 1: there is no setting 'colour'"),
    "no equals sign": (GOOD.replace("listen = ", "listen "), "line 3: 'listen 127.0.0.1:8443' is not"),
    "set twice": (GOOD.replace("# A", "listen = a:1\n# A"), "line 4: 'listen' is set a second time"),
    "empty value": (GOOD.replace("127.0.0.1:8443", ""), "line 3: listen = : the value is empty"),
    "not a boolean": ("open_groups = maybe\n" + GOOD, "line 1: open_groups = maybe: write true or false"),
    "not a number": ("workers = two\n" + GOOD, "line 1: workers = two: write a number above 0"),
    "zero": ("workers = 0\n" + GOOD, "line 1: workers = 0"),
    "not https": (GOOD.replace("https:", "http:"), "line 2: url = http://localhost:8443/LGI"),
    "no port": (GOOD.replace("127.0.0.1:8443", "127.0.0.1"), "line 3: listen = 127.0.0.1"),
    "no port in the second": (
        GOOD.replace("127.0.0.1:8443", "127.0.0.1:8443, [::1]"),
        "line 3: listen = 127.0.0.1:8443, [::1]: write host:port",
    ),
    "no such file": (GOOD.replace("server.key", "other.key"), "line 5: server_key = other.key: cannot read"),
    "no such directory": (GOOD.replace("= repository", "= nowhere"), "line 7: repository = "),
    "bad database": (GOOD.replace("sqlite:", "oracle:"), "line 11: database = oracle:LGI.sqlite"),
    "setting in the wrong place": (GOOD + "workers = 2\n", "line 13: there is no setting 'workers' here"),
    "project twice": (GOOD + "[project LGI]\n", "line 13: project LGI appears a second time"),
    "bad section": (GOOD + "[projekt X]\n", "line 13: '[projekt X]' is not [project NAME]"),
    "project without name": (GOOD + "[project]\n", "line 13: '[project]' is not [project NAME]"),
    "default project unknown": (GOOD.replace("= LGI\n", "= XYZ\n"), "line 8: default_project = XYZ"),
    "project incomplete": (GOOD + "[project B]\n", "line 13: project B has no setting"),
    "one database for two projects": (
        GOOD + "[project B]\nserver_name = LGI@localhost\ndatabase = sqlite:./LGI.sqlite\n",
        "line 15: project B has the database of project LGI",
    ),
    "a header that anybody could write": (
        "front_end_header = X-Client\n" + GOOD,
        "line 1: front_end_header = X-Client: anybody could write that header",
    ),
    "a socket and a port": (
        GOOD.replace("127.0.0.1:8443", "unix:/run/LGI.sock, 127.0.0.1:8443"),
        "line 3: listen = unix:/run/LGI.sock, 127.0.0.1:8443: write host:port",
    ),
    "no name of a header": (
        "front_end_header = X_Client\n" + GOOD,
        "line 1: front_end_header = X_Client: write",
    ),
    "a socket without a front end": (
        GOOD.replace("127.0.0.1:8443", "unix:/run/LGI.sock"),
        "line 3: listen = unix:/run/LGI.sock: what listens there has TLS spoken for it",
    ),
    "a secret without a front end": (
        "front_end_secret = server.key\n" + GOOD,
        "line 1: front_end_secret is set, front_end_header is not",
    ),
    "no certificate of its own": (
        GOOD.replace("server_certificate = server.crt\n", ""),
        "the setting 'server_certificate' is missing",
    ),
    "setting missing": (
        GOOD.replace("default_project = LGI\n", ""),
        "the setting 'default_project' is missing",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_line_is_refused_with_its_name_and_number(directory: Path, text: str, message: str) -> None:
    """What is wrong, in which line, and what to write instead."""
    with pytest.raises(ConfigError) as refused:
        load(directory, text)

    assert message in str(refused.value)


def test_an_unreadable_file_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ConfigError, match="nowhere"):
        configuration.load(tmp_path / "nowhere.cfg")
