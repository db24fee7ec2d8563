"""LGI_resources: daemons of other hosts, by a real sshd, and names that ssh and shells must never see."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgi_tools.commands.resources import main
from lgi_tools.commands.resources_hosts import Host
from lgi_tools.commands.resources_ssh import DaemonState, look
from tests.conftest import lacking
from tests.support import sshd
from tests.support.ports import free_port
from tests.support.sshd import PrivateSshd

Run = Callable[..., tuple[int, str, str]]
# LGI_daemon as far as a host shows it: it signs its run directory, and ends at SIGTERM.
DAEMON = """#!/bin/sh
if [ "$1" = inside ]; then
    echo "host h, boot $(cat /proc/sys/kernel/random/boot_id), pid $$" > runhere/.lock
    while [ -e runhere ] && [ ! -e dies ]; do sleep 0.05; done
    exit 1
fi
[ -e broken ] && { printf 'LGI.cfg: \\033[2J no such tag\\n' >&2; exit 1; }
echo "$*" >> starts
rm -f runhere/.lock
[ -e dies ] && { "$0" inside > /dev/null 2>&1 < /dev/null; exit 0; }
setsid "$0" inside > /dev/null 2>&1 < /dev/null &
while [ -e runhere ] && [ ! -s runhere/.lock ]; do sleep 0.05; done
"""


class Site:
    """A host with several daemons, each in a directory named as the host in the file."""

    def __init__(self, host: PrivateSshd, directory: Path) -> None:
        self.host = host
        key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        host.new_host_key()
        host.publish_host_key()
        host.authorize(key)
        program = host.home / "LGI_daemon"
        program.write_text(DAEMON)
        program.chmod(0o755)
        host.start()
        self.configuration = directory / "ssh_config"
        self.configuration.write_text(
            f"IdentityFile {key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"StrictHostKeyChecking yes\nUserKnownHostsFile {host.known_hosts}\n"
        )
        self.file = directory / "hosts.toml"
        self.tables: dict[str, str] = {}

    def add(self, name: str, more: str = "", *, marks: tuple[str, ...] = ()) -> Path:
        """Add a daemon, with these files in its directory."""
        directory = self.host.home / name
        (directory / "runhere").mkdir(parents=True)
        (directory / "LGI.cfg").write_text("<LGI>\n <run_directory> ./runhere </run_directory>\n</LGI>\n")
        for mark in marks:
            (directory / mark).touch()
        for path in (directory, directory / "runhere"):
            path.chmod(0o777)
        self.tables[name] = f'address = "127.0.0.1"\ndirectory = "{directory}"\n{more}'
        self.write()
        return directory

    def write(self) -> None:
        """Write the file of the hosts."""
        usual = (
            f'user = "{self.host.user}"\nport = {self.host.port}\nprogram = "{self.host.home}/LGI_daemon"\n'
        )
        hosts = "".join(f"[hosts.{name}]\n{table}" for name, table in self.tables.items())
        self.file.write_text(f"[defaults]\n{usual}{hosts}")

    def words(self, *words: str) -> tuple[str, ...]:
        """The words of a call."""
        files = ("--hosts", str(self.file), "--ssh-config", str(self.configuration))
        return (*words, *files, "--timeout", "600")

    def pid(self, name: str) -> int:
        """The process that has signed the run directory."""
        return int((self.host.home / name / "runhere" / ".lock").read_text().split()[-1])

    def end(self) -> None:
        """End all daemons that this test has started."""
        for name in self.tables:
            if (self.host.home / name / "runhere" / ".lock").is_file():
                try:
                    os.kill(self.pid(name), signal.SIGKILL)
                except ProcessLookupError:
                    continue


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests here."""
    if sshd.missing():
        lacking(sshd.missing())
    host = PrivateSshd()
    made = Site(host, tmp_path_factory.mktemp("site"))
    yield made
    made.end()
    host.remove()


def test_daemons_that_do_not_run_are_started_and_others_left(site: Site, run: Run) -> None:
    """Each is looked at again; with --force all are started anew; stop ends them."""
    site.add("a")
    site.add("b", 'options = ["-ft", "60"]\n')

    before = run(main, *site.words("status"))
    one = run(main, *site.words("restart", "a"))
    pid = site.pid("a")
    rest = run(main, *site.words("restart"))
    forced = run(main, *site.words("restart", "--force", "-q", "a"))
    after = run(main, *site.words("status", "-q"))
    stopped = run(main, *site.words("stop"))

    assert before == (1, "a  stopped\nb  stopped\n", "")
    assert one == (0, f"a  started, process {pid}\n", "")
    assert (rest[0], rest[1].splitlines()[0]) == (0, f"a  running, process {pid}")
    assert forced[:2] == (0, f"a  started, process {site.pid('a')}\n")
    assert site.pid("a") != pid
    assert after == (0, "", "")
    assert stopped == (0, "a  stopped\nb  stopped\n", "")
    assert (site.host.home / "b" / "starts").read_text() == "-ft 60 -d -l LGI.log LGI.cfg\n"
    del site.tables["a"], site.tables["b"]


def test_a_daemon_that_cannot_run_is_named_with_its_reason(site: Site, run: Run) -> None:
    """So is a host that cannot be reached; the others are started all the same."""
    site.add("good")
    site.add("broken", marks=("broken",))
    site.add("dies", marks=("dies",))
    site.add("lost", f"port = {free_port()}\n")
    shutil.rmtree(site.add("empty"))

    code, shown, _ = run(main, *site.words("restart", "--json"))
    run(main, *site.words("stop", "good"))

    found = {one["name"]: one for one in json.loads(shown)["hosts"]}
    assert code == 1
    states = {name: one["state"] for name, one in found.items()}
    expected = {"good": "started", "broken": "failed", "dies": "failed", "lost": "unreachable"}
    assert states == expected | {"empty": "failed"}
    assert "the daemon does not start: LGI.cfg: " in found["broken"]["message"]
    assert "\x1b" not in found["broken"]["message"]
    assert f"after its start: LGI.log in {site.host.home}/dies has the reason" in found["dies"]["message"]
    assert f"there is no directory {site.host.home}/empty" in found["empty"]["message"]
    for name in states:
        del site.tables[name]


def test_a_host_that_never_answers_has_bounded_time(site: Site) -> None:
    """It takes the connection, and says no word."""
    host = Host("h", "127.0.0.1", site.host.user, site.host.port)
    site.host.pause()
    try:
        report = look(host, "status", 3, site.configuration)
    finally:
        site.host.resume()

    assert (report.state, report.message) == (DaemonState.UNREACHABLE, "no answer within 3 s")


def test_a_run_directory_that_another_process_has_signed_is_of_no_daemon(site: Site) -> None:
    """A pid is given again; a signature is of one boot of one host."""
    directory = site.add("old")
    del site.tables["old"]
    host = Host("old", "127.0.0.1", site.host.user, site.host.port, str(directory))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    states = []
    for text in (f"boot {boot}, pid {os.getpid()}", "boot x, pid 1", f"boot {boot}, pid ;id", ""):
        (directory / "runhere" / ".lock").write_text(f"host h, {text}\n" if text else "")
        (directory / "runhere" / ".lock").chmod(0o644)
        states.append(look(host, "status", 60, site.configuration).state)

    assert states == [DaemonState.STOPPED] * 4


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('[hosts."-oProxyCommand=id"]\n', "the name of host '-oProxyCommand=id'"),
        ('[hosts.a]\naddress = "-oProxyCommand=id"\n', "the address of host 'a'"),
        ('[hosts.a]\naddress = "a b"\n', "the address of host 'a'"),
        ('[hosts.a]\nuser = "-l"\n', "the user of host 'a'"),
        ('[hosts.a]\ndirectory = "x; id"\n', "the directory of host 'a'"),
        ('[hosts.a]\ndirectory = "$(id)"\n', "the directory of host 'a'"),
        ('[hosts.a]\nprogram = "a\\nid"\n', "the program of host 'a'"),
        ('[hosts.a]\nprogram = "-c"\n', "the program of host 'a'"),
        ('[hosts.a]\noptions = ["`id`"]\n', "the list of options of host 'a'"),
        ("[hosts.a]\nport = 65536\n", "the port of host 'a'"),
        ("[hosts.a]\nport = true\n", "port of host a is no number"),
        ('[hosts.a]\nprogramm = "x"\n', "has a key 'programm'"),
        ('[hosts]\na = "b"\n', "hosts.a is no table"),
        ("[host.a]\n", "has 'host': known are [defaults] and [hosts.NAME]"),
        ("[hosts]\n", "has no tables [hosts.NAME]"),
        ("hosts = 3 4\n", "is no TOML"),
    ],
)
def test_a_text_that_is_no_plain_name_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, told: str
) -> None:
    """Before any host is asked: no ssh is started."""
    file = tmp_path / "hosts.toml"
    file.write_text(table)
    monkeypatch.setenv("PATH", str(tmp_path))

    code, out, error = run(main, "status", "--hosts", str(file))

    assert (code, out) == (1, "")
    assert told in error


def test_a_file_that_others_may_change_is_refused(run: Run, tmp_path: Path) -> None:
    """It names programs that are started with the user's key."""
    file = tmp_path / "hosts.toml"
    file.write_text("[hosts.a]\n")
    file.chmod(0o666)

    code, _, error = run(main, "status", "--hosts", str(file))

    assert code == 1
    assert "can be changed by others: chmod go-w" in error


@pytest.mark.parametrize(
    ("said", "state", "message"),
    [
        ("printf 'LGI: running 12x\\n'", DaemonState.UNREACHABLE, "LGI: running 12x"),
        ("printf 'LGI: running 99999999999999\\n'", DaemonState.RUNNING, ""),
        ("printf 'LGI: failed \\033]0;x\\007\\n'", DaemonState.FAILED, None),
        ("printf '\\033[2Jno route\\n'; exit 255", DaemonState.UNREACHABLE, None),
        ("exec yes", DaemonState.UNREACHABLE, None),
        ("exit 255", DaemonState.UNREACHABLE, "ssh has ended with status 255"),
    ],
)
def test_a_host_that_says_odd_things_is_shown_in_a_few_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, state: str, message: str | None
) -> None:
    """However much it says."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{tmp_path}/words'\n{said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    report = look(Host("h", "h.example.org", directory="it is"), "status", 60)

    assert report.state == state
    assert message is None or report.message == message
    assert len(report.message) <= 300
    assert report.message.isprintable()
    words = (tmp_path / "words").read_text().splitlines()
    assert words[-3:-1] == ["--", "h.example.org"]
    assert words[-1].startswith("/bin/sh -s -- status 'it is' LGI_daemon ")
