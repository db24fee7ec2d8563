"""The RPM and Debian packages, as far as they can be checked without `make packages`, which builds them."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lgi_protocol import LGI_VERSION
from specs.file_lists import PLACES, RESOURCE, SERVER
from tests.support.grid import BIN

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "specs" / "LGI.spec").read_text()
UNITS = sorted(path.name for path in (ROOT / "specs").glob("*.service"))
# Where the packages have their programs.
PACKAGED = re.compile(r"^/usr/bin/(?=LGI_)")


def unit(name: str) -> configparser.ConfigParser:
    """A unit's settings."""
    read = configparser.RawConfigParser(strict=True)
    read.optionxform = str  # type: ignore[method-assign, assignment]
    read.read(ROOT / "specs" / name)
    return read


def test_the_packages_have_the_version_of_the_project() -> None:
    """Of what is inside, not of the spec file."""
    assert re.findall(r"^Version: (.+)$", SPEC, re.MULTILINE) == [LGI_VERSION]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_program_with_words_it_knows(name: str) -> None:
    """It misses its configuration, not an option; unit and program come in one package."""
    program, *words = unit(name)["Service"]["ExecStart"].split()
    assert PACKAGED.match(program)
    program = PACKAGED.sub("", program)

    done = subprocess.run(
        [BIN / program, *words], capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/bin"}
    )

    assert done.returncode == 1
    assert words[-1] in done.stderr
    assert "No such file" in done.stderr
    assert PLACES[f"/usr/lib/systemd/system/{name}"] == (RESOURCE if program == "LGI_daemon" else SERVER)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_of_a_unit(name: str, tmp_path: Path) -> None:
    """Nor is there a setting that it does not know."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing, and with it who would use the units")
    text = (ROOT / "specs" / name).read_text()
    # The programs are those of this checkout, which has no pages.
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
    (tmp_path / name).write_text(text.replace("/usr/bin/LGI", f"{BIN}/LGI"))

    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])


def test_systemd_has_nothing_to_say_of_the_unit_of_an_ordinary_user(tmp_path: Path) -> None:
    """It finds LGI and its configuration in that user's home, and leaves jobs running too."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing, and with it who would use the unit")
    (tmp_path / "LGI" / ".venv").mkdir(parents=True)
    (tmp_path / "LGI" / ".venv" / "bin").symlink_to(BIN)
    name = "lgi-daemon.service"
    text = (ROOT / "specs" / "user" / name).read_text()
    (tmp_path / name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))

    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", tmp_path / name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])
    service = unit(f"user/{name}")["Service"]
    assert service["ExecStart"] == "%h/LGI/.venv/bin/LGI_daemon %h/LGI/daemon/LGI.cfg"
    assert service["KillMode"] == "process"


def test_the_server_is_not_root_and_the_daemon_is() -> None:
    """The daemon gives jobs uids of their own, and leaves them running when it ends."""
    for name in ("lgi-server.service", "lgi-scheduler.service"):
        assert unit(name)["Service"]["User"] == "lgi"
    daemon = unit("lgi-daemon.service")["Service"]
    assert "User" not in daemon
    assert daemon["KillMode"] == "process"


def test_the_c_library_takes_the_tunables_of_the_server() -> None:
    """It would ignore a misspelled one, or a value that it cannot read, without a word."""
    name, _, value = unit("lgi-server.service")["Service"]["Environment"].partition("=")
    tunable, _, number = value.partition("=")
    maps = Path("/proc/self/maps").read_text()
    linker = re.search(r"/\S+/ld-linux[^/\s]*\.so\.\d+$", maps, re.MULTILINE)
    if linker is None:
        pytest.skip("another C library than glibc")
    command = [linker[0], "--list-tunables"]

    def current(environment: dict[str, str]) -> str:
        """The value of the tunable in an environment."""
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"{tunable}: ")]
        return line.split()[1]

    assert name == "GLIBC_TUNABLES"
    assert int(current({name: value}), 0) == int(number)
    assert int(current({name: f"{tunable}=3"}), 0) == 3


def test_no_other_user_enters_the_directories_of_keys() -> None:
    """Those that the packages make for configuration; and all of them are there."""
    found = re.findall(r"^%dir (?:%attr\((\d+), .*\) )?%{_sysconfdir}/lgi/(\w+)$", SPEC, re.MULTILINE)
    modes = {name: int(mode or "755", 8) for mode, name in found}

    assert {name: mode & 0o007 for name, mode in modes.items()} == {
        "certificates": 0,
        "server": 0,
        "daemon": 0,
    }


def test_the_four_packages_have_their_names() -> None:
    """As those of LGI 1.31; Debian allows no capital letters."""
    names = re.findall(r"^%package -n (\w+)$", SPEC, re.MULTILINE)
    controls = {path.stem for path in (ROOT / "specs" / "debian").glob("*.control")}

    assert sorted(names) == ["LGI_cli", "LGI_python", "LGI_resource", "LGI_server"]
    assert controls == {name.lower().replace("_", "-") for name in names}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("build.sh", "rpmbuild is missing.\nInstall it: apt-get install rpm"),
        ("build_deb.sh", "dpkg-deb is missing: Debian packages are built on Debian"),
    ],
)
def test_the_build_says_what_is_missing(tmp_path: Path, script: str, message: str) -> None:
    """And how to get it, before anything is made."""
    for name in ("dirname", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))

    done = subprocess.run(
        ["/bin/sh", ROOT / "specs" / script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ) | {"PATH": str(tmp_path)},
    )

    assert done.returncode == 1
    assert message in done.stderr
