"""The configuration file of the project server."""

import re
from pathlib import Path

import pytest

from lgi_server.config import parser as configuration
from lgi_server.config.parser import ConfigError

GOOD = """\
# A comment.
[server]
url = https://localhost:8443/LGI
listen = 127.0.0.1:8443
default_project = LGI
[certificates]
server_certificate = server.crt
server_key = server.key
ca_certificate = ca.crt
[repository]
repository = repository
[project LGI]
database = sqlite:LGI.sqlite
server_name = LGI@localhost
"""

REMOTE = """\
[repository_host]
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
    """A limit of its own for an application; without any setting LGI's periods, and an end of being lost."""
    changes = (
        "[scheduler]\npulse_limits = hello_world 120, vasp 86400\n"
        "schedule_period = 60\norphan_age = 0\nmost_losses = 5\nsession_limit = 300\n"
    )
    usual, changed = load(directory, GOOD).scheduler, load(directory, changes + GOOD).scheduler

    assert (usual.schedule_period, usual.updates_period, usual.pulse_period) == (300, 900, 1800)
    assert (usual.session_period, usual.upkeep_period, usual.pulse_limit) == (600, 600, 3600)
    assert (changed.schedule_period, changed.orphan_age) == (60, 0)
    assert (usual.most_losses, changed.most_losses) == (3, 5)
    assert (usual.session_limit, changed.session_limit) == (1800, 300)
    assert [changed.pulse_limit_of(name) for name in ("hello_world", "vasp", "other")] == [120, 86400, 3600]


def test_a_pulse_limit_shorter_than_heartbeats_take_is_warned_of(directory: Path) -> None:
    """Running jobs of healthy daemons would be queued again. It is not refused: some daemon may be faster."""
    short = "[scheduler]\npulse_limit = 179\npulse_limits = hello_world 120, vasp 180\n"
    least = "[scheduler]\npulse_limit = 180\n"

    why = (
        "while daemons ask about a running job every two minutes: make it 180 or more, or such jobs are lost"
    )
    assert load(directory, short + GOOD).warnings == (
        f"pulse_limit is 179 s {why}",
        f"pulse_limits of hello_world is 120 s {why}",
    )
    assert load(directory, least + GOOD).warnings == ()


@pytest.mark.parametrize(
    "line",
    [
        *("pulse_limits = hello_world", "pulse_limits = a 1, a 2", "pulse_limits = a b c"),
        *("pulse_limit = 0", "orphan_age = -1", "schedule_period = soon", "most_losses = many"),
        "session_limit = 119",
    ],
)
def test_an_invalid_period_is_refused_with_its_line(directory: Path, line: str) -> None:
    """The message says what to write."""
    with pytest.raises(ConfigError, match=rf"line 2: \[scheduler\] {re.escape(line)}: write "):
        load(directory, f"[scheduler]\n{line}\n{GOOD}")


def test_sizes_may_be_written_with_a_letter(directory: Path) -> None:
    """K, M and G stand for powers of 1024."""
    text = GOOD + "[limits]\nmax_post_size = 70000\n"
    loaded = load(directory, text.replace("[repository]", "[repository]\nmax_file_size = 3M"))

    assert (loaded.max_file_size, loaded.max_post_size) == (3 * 1024 * 1024, 70000)


def test_indentation_upper_case_and_percent_signs_mean_what_they_say(directory: Path) -> None:
    """A line that begins with blanks is a setting and continues none; nothing is put in for %(name)s."""
    assert load(directory, GOOD.replace("\n", "\n    ")) == load(directory, GOOD)
    assert load(directory, GOOD.replace("LGI]", "LGI] # the first")) == load(directory, GOOD)
    assert load(directory, GOOD.replace("8443/LGI", "8443/%(listen)s")).prefix == "/%(listen)s"
    with pytest.raises(ConfigError, match="there is no setting 'URL' here; did you mean 'url'"):
        load(directory, GOOD.replace("url", "URL"))


def test_another_host_may_keep_the_repositories(directory: Path) -> None:
    """Five settings, in any order; without them there is none."""
    first, *lines = REMOTE.splitlines(keepends=True)

    loaded = load(directory, "".join((first, *reversed(lines))) + GOOD).remote

    assert loaded is not None
    assert (str(loaded.address), loaded.address.port) == ("repo@files.example.org", 2222)
    assert (loaded.directory, loaded.ssh_key) == ("/srv/repository", directory / "server.key")
    assert load(directory, GOOD).remote is None
    assert load(directory, "[repository_host]\n" + GOOD).remote is None


@pytest.mark.parametrize("missing", [line.partition(" ")[0] for line in REMOTE.splitlines()[1:]])
def test_a_repository_host_needs_all_its_settings(directory: Path, missing: str) -> None:
    """The missing one is named, with the line of its section."""
    lines = [line for line in REMOTE.splitlines(keepends=True) if not line.startswith(missing)]

    with pytest.raises(
        ConfigError, match=rf"line 1: \[repository_host\]: the setting '{missing}' is missing"
    ):
        load(directory, "".join(lines) + GOOD)


BAD_REMOTE = {
    "option for ssh": (
        "repo@files.example.org:2222",
        "repo@-oProxyCommand=x",
        "line 2: [repository_host] repository_host = ",
    ),
    "no user": ("repo@files", "files", "repository_host = "),
    "no such port": ("2222", "99999", "repository_host = "),
    "words for a shell": ("/srv/repository/", "/srv/$(x)", "repository_directory = "),
    "blank": ("/srv/repository/", "/srv/a b", "repository_directory = "),
    "way out": ("/srv/repository/", "/srv/../etc", "repository_directory = "),
    "relative": ("/srv/repository/", "srv", "repository_directory = "),
    "the whole host": ("/srv/repository/", "/", "repository_directory = "),
    "not https": ("https://files", "http://files", "repository_url = "),
    "no such key": ("server.key", "other.key", "repository_ssh_key = other.key: cannot read that file"),
    "odd path": ("= ca.crt", "= a %h", "line 6: [repository_host] repository_known_hosts = "),
}


@pytest.mark.parametrize(("old", "new", "message"), BAD_REMOTE.values(), ids=BAD_REMOTE.keys())
def test_a_value_with_a_meaning_for_a_shell_or_ssh_is_refused(
    directory: Path, old: str, new: str, message: str
) -> None:
    """Values that become arguments or parts of commands have plain characters; the error has the line."""
    (directory / "a %h").write_text("x")

    with pytest.raises(ConfigError) as refused:
        load(directory, REMOTE.replace(old, new) + GOOD)

    assert message in str(refused.value)


LIMITS = "[limits]\n"
BAD = {
    "unknown key": (
        LIMITS + "colour = red\n" + GOOD,
        "line 2: [limits] colour: there is no setting 'colour' here; known are handshake_timeout, ",
    ),
    "misspelt": (
        GOOD.replace("listen =", "lisen ="),
        "line 4: [server] lisen: there is no setting 'lisen' here; did you mean 'listen'?",
    ),
    "misspelt and misplaced": (
        GOOD + "worker = 2\n",
        "there is no setting 'worker' here; did you mean 'workers', which belongs in [limits]?",
    ),
    "misplaced": (
        GOOD + "workers = 2\n",
        "line 15: [project LGI] workers: there is no setting 'workers' here; it belongs in [limits]",
    ),
    "above all sections": (
        "workers = 2\n" + GOOD,
        "line 1: 'workers = 2' stands above all sections; it belongs in [limits]",
    ),
    "no equals sign": (
        GOOD.replace("listen = ", "listen "),
        "line 4: 'listen 127.0.0.1:8443' is not 'setting = value'",
    ),
    "no bracket": (GOOD.replace("LGI]", "LGI"), "line 12: '[project LGI' is not '[section]'"),
    "set twice": (
        GOOD.replace("url =", "url = https://other/LGI\nurl ="),
        "line 4: [server] url is set a second time, as in line 3: keep one of them",
    ),
    "two places to listen": (
        GOOD.replace("listen =", "listen = a:1\nlisten ="),
        "[server] listen is set a second time, as in line 4: write all values into one line, with commas",
    ),
    "section twice": (
        GOOD + "[ server ]\n",
        "line 15: the section [server] begins a second time, as in line 2: keep one of them",
    ),
    "empty value": (GOOD.replace("127.0.0.1:8443", ""), "line 4: [server] listen: the value is empty"),
    "not a boolean": (
        GOOD.replace("url =", "open_groups = maybe\nurl ="),
        "line 3: [server] open_groups = maybe: write true or false",
    ),
    "not a number": (LIMITS + "workers = two\n" + GOOD, "[limits] workers = two: write a number from 1 to "),
    "a number of too many digits": (
        LIMITS + f"workers = {'1' * 5000}\n" + GOOD,
        ": write a number from 1 to 1000000000",
    ),
    "a size of too many digits": (
        LIMITS + f"max_post_size = {'1' * 5000}\n" + GOOD,
        ": write a number of bytes above 0, or one with K, M or G behind it",
    ),
    "more days than a date has": (
        GOOD.replace("server_key", "job_certificate_days = 4000000\nserver_key"),
        "[certificates] job_certificate_days = 4000000: write a number of days from 1 to 36500",
    ),
    "a port in other digits": (
        GOOD.replace("127.0.0.1:8443", "127.0.0.1:²"),
        "listen = 127.0.0.1:²: write host:port",
    ),
    "zero": (LIMITS + "workers = 0\n" + GOOD, "[limits] workers = 0"),
    "not https": (GOOD.replace("https:", "http:"), "line 3: [server] url = http://localhost:8443/LGI"),
    "no port": (GOOD.replace("127.0.0.1:8443", "127.0.0.1"), "line 4: [server] listen = 127.0.0.1"),
    "no port in the second": (
        GOOD.replace("127.0.0.1:8443", "127.0.0.1:8443, [::1]"),
        "[server] listen = 127.0.0.1:8443, [::1]: write host:port",
    ),
    "no such file": (
        GOOD.replace("server.key", "other.key"),
        "line 8: [certificates] server_key = other.key: cannot read that file: ",
    ),
    "no such directory": (GOOD.replace("= repository", "= nowhere"), "line 11: [repository] repository = "),
    "bad database": (GOOD.replace("sqlite:", "oracle:"), "[project LGI] database = oracle:LGI.sqlite: "),
    "project twice": (GOOD + "[project  LGI]\n", "line 15: the section [project LGI] begins a second time"),
    "bad section": (
        GOOD + "[projekt X]\n",
        "line 15: [projekt X]: there is no section [projekt X]; did you mean [project NAME]?",
    ),
    "misspelt section": (GOOD + "[limit]\n", "there is no section [limit]; did you mean [limits]?"),
    "unknown section": (GOOD + "[DEFAULT]\n", "there is no section [DEFAULT]; known are [server], "),
    "project without name": (GOOD + "[project]\n", "line 15: [project]: write [project NAME]"),
    "default project unknown": (
        GOOD.replace("= LGI\n", "= XYZ\n"),
        "line 5: [server] default_project = XYZ: there is no [project XYZ] section",
    ),
    "default project misspelt": (
        GOOD.replace("= LGI\n", "= Lgi\n"),
        "there is no [project Lgi] section; did you mean LGI?",
    ),
    "project incomplete": (GOOD + "[project B]\n", "line 15: [project B]: the setting 'database' is missing"),
    "one database for two projects": (
        GOOD + "[project B]\nserver_name = LGI@localhost\ndatabase = sqlite:./LGI.sqlite\n",
        "line 17: [project B] database: project B has the database of project LGI",
    ),
    "a header that anybody could write": (
        "[front_end]\nfront_end_header = X-Client\n" + GOOD,
        "line 2: [front_end] front_end_header = X-Client: anybody could write that header",
    ),
    "a socket and a port": (
        GOOD.replace("127.0.0.1:8443", "unix:/run/LGI.sock, 127.0.0.1:8443"),
        "[server] listen = unix:/run/LGI.sock, 127.0.0.1:8443: write host:port",
    ),
    "no name of a header": (
        "[front_end]\nfront_end_header = X_Client\n" + GOOD,
        "[front_end] front_end_header = X_Client: write",
    ),
    "a socket without a front end": (
        GOOD.replace("127.0.0.1:8443", "unix:/run/LGI.sock"),
        "[server] listen = unix:/run/LGI.sock: what listens there has TLS spoken for it",
    ),
    "a secret without a front end": (
        "[front_end]\nfront_end_secret = server.key\n" + GOOD,
        "line 2: [front_end] front_end_secret: front_end_secret is set, front_end_header is not",
    ),
    "no certificate of its own": (
        GOOD.replace("server_certificate = server.crt\n", ""),
        "[certificates]: the setting 'server_certificate' is missing",
    ),
    "setting missing": (
        GOOD.replace("default_project = LGI\n", ""),
        "line 2: [server]: the setting 'default_project' is missing",
    ),
    "words behind a section": (
        GOOD.replace("LGI]", "LGI] here"),
        "line 12: '[project LGI] here' is not '[section]'",
    ),
    "quotes": (
        GOOD.replace("127.0.0.1:8443", '"127.0.0.1"'),
        '[server] listen = "127.0.0.1": write host:port, as 0.0.0.0:443 or [::]:443, several with commas, or'
        " unix:/path/of/a/socket; values have no quotes here",
    ),
    "quotes of a file": (GOOD.replace("server.key", "'server.key'"), "; values have no quotes here"),
    "a comment behind a value": (
        LIMITS + "workers = 2 # two\n" + GOOD,
        "line 2: [limits] workers = 2 # two: write a number from 1 to 1000000000; a comment needs a line "
        "of its own",
    ),
    "nothing at all": ("", ": [server]: the setting 'url' is missing"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_line_is_refused_with_section_name_and_number(
    directory: Path, text: str, message: str
) -> None:
    """The message has the error, the line, and the probable name or what to write instead."""
    with pytest.raises(ConfigError) as refused:
        load(directory, text)

    assert str(refused.value).startswith(str(directory / "LGI_server.cfg"))
    assert message in str(refused.value)


def test_an_unreadable_file_is_refused_with_name_and_reason(directory: Path) -> None:
    """The configuration itself, and a file that it names: missing, empty, or a directory."""
    with pytest.raises(ConfigError, match=r"nowhere.cfg: No such file or directory; LGI_setup makes one"):
        configuration.load(directory / "nowhere.cfg")
    key = directory / "server.key"
    key.write_text("")
    with pytest.raises(ConfigError, match=f"cannot read that file: {key} is empty"):
        load(directory, GOOD)
    key.unlink()
    with pytest.raises(ConfigError, match=f"cannot read that file: {key}: No such file or directory"):
        load(directory, GOOD)
    key.mkdir()
    with pytest.raises(ConfigError, match=f"cannot read that file: {key}: Is a directory"):
        load(directory, GOOD)


def test_a_password_in_a_line_that_cannot_be_read_is_not_shown(directory: Path) -> None:
    """The same holds for all messages with addresses of databases."""
    with pytest.raises(ConfigError, match=r"mariadb://lgi:\.\.\.@localhost/LGI' is not") as refused:
        load(directory, GOOD.replace("database = sqlite:LGI.sqlite", "mariadb://lgi:SECRET@localhost/LGI"))

    assert "SECRET" not in str(refused.value)
