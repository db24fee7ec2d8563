"""The wheel, and which RPM and Debian package each of its files goes into."""

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

import pytest

from specs.file_lists import CLI, PYTHON, RESOURCE, SERVER, Packages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
HOME = "/usr/lib/lgi"
# As this Python names it, and its compiled files.
SITE = f"{HOME}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
CACHE_TAG, SOABI = sys.implementation.cache_tag, sysconfig.get_config_var("SOABI")
DATA = "data/share/"


def build(directory: Path) -> Path:
    """Return the wheel that `make wheel` builds."""
    subprocess.run(["sh", ROOT / "make" / "wheel.sh", directory], check=True, timeout=280)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """What is in the wheel; data without the directory of this version."""
    with zipfile.ZipFile(wheel) as archive:
        return {re.sub(r"^lgi-[^/]*\.data/", "", name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """What the wheel tells pip."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


@pytest.fixture(scope="module")
def packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """The packages of an installation: this wheel, and what Python packages say of themselves."""
    root = tmp_path_factory.mktemp("root")
    site = root / SITE[1:]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / next(site.glob("*.data")) / "data" / "share" / "lgi").rename(_parent(root / "usr/share/lgi"))
    for one in distributions():
        place = Path(str(one.locate_file(""))) / f"{one.metadata['Name']}-{one.version}.dist-info"
        source = next(iter(place.parent.glob(_pattern(place.name))), None)
        if source and not (site / source.name).exists():
            shutil.copytree(source, site / source.name)
            # From Python 3.12 on, files that are not there are not listed: one of each module is enough.
            for file in one.files or ():
                if ".." not in file.parts and not (site / file.parts[0]).exists():
                    (site / file).parent.mkdir(parents=True, exist_ok=True)
                    (site / file).touch()
    return Packages(root, HOME)


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def _pattern(name: str) -> str:
    return re.sub(r"[-_.]", "?", name.lower().removesuffix(".dist-info")) + ".dist-info"


def programs() -> dict[str, str]:
    """The package of the module of each program in setup.cfg."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].strip().splitlines()
    return dict(re.split(r"\s*=\s*|\.", line)[:2] for line in lines)


def test_the_wheel_has_a_manual_page_of_every_program(names: set[str]) -> None:
    """Section 1 for commands of users, 8 for those of administrators."""
    sections = {name: 1 if module == "lgi_tools" else 8 for name, module in programs().items()}

    assert {name for name in names if name.startswith(f"{DATA}man/")} == {
        f"{DATA}man/man{section}/{name}.{section}" for name, section in sections.items()
    }


def test_the_wheel_has_all_that_is_no_python(names: set[str]) -> None:
    """Each file of these directories: units, accounts, rotation of logs, schema, documents, applications."""
    for place, directory, pattern in (
        ("units", "specs", "*.service"),
        ("units/user", "specs/user", "*.service"),
        ("sysusers", "specs", "lgi-sysusers.conf"),
        ("logrotate", "specs/logrotate", "*"),
        ("sql", "sql", "*.sql"),
        ("sql/upgrades", "sql/upgrades", "*.sql"),
        ("documents/docs", "docs", "*.md"),
        ("documents/docs/engines", "docs/engines", "*.md"),
        ("front_ends", "docs/front_ends", "*"),
        ("applications/hello_world", "applications/hello_world", "*"),
        ("applications/command", "applications/command", "*"),
        ("applications/image_store", "applications/image_store", "*"),
        ("applications/manage", "applications/manage", "*"),
        ("applications/library", "applications/library", "*.sh"),
        ("applications/images", "applications/images", "build"),
        ("applications/images", "applications/images", "codes"),
        ("applications/images/gromacs", "applications/images/gromacs", "*"),
        ("applications/images/nwchem", "applications/images/nwchem", "*"),
    ):
        expected = {f"{DATA}lgi/{place}/{path.name}" for path in (ROOT / directory).glob(pattern)}
        assert expected
        assert expected - names == set()
    templates = {f"{path.relative_to(ROOT)}" for path in (ROOT / "lgi_server").rglob("*.html")}
    assert templates
    assert templates - names == set()


def test_the_completion_of_a_command_is_found_by_its_name(wheel: Path, tmp_path: Path) -> None:
    """bash-completion reads the file that is named as the command."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    (directory,) = tmp_path.glob("*.data/data/share/bash-completion/completions")

    done = subprocess.run(
        ["bash", "-c", '. "$1/LGI_qsub"; complete -p LGI_qsub', "bash", directory],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "-F _LGI_qsub_completion" in done.stdout


def test_the_tools_need_no_package_of_the_server(metadata: Message) -> None:
    """Those are in the extra "server"; "daemon" and "tools" are names for an installation without it."""
    needs = metadata.get_all("Requires-Dist", [])
    of_all = {re.split(r"[^\w.-]", need)[0] for need in needs if "extra ==" not in need}
    of_server = {re.split(r"[^\w.-]", need)[0] for need in needs if 'extra == "server"' in need}

    assert of_all == {"click", "cryptography", "lxml", "requests", "requests-toolbelt"}
    assert {"flask", "gevent", "gunicorn", "pymysql"} <= of_server
    assert {"server", "daemon", "tools"} <= set(metadata.get_all("Provides-Extra", []))


def test_the_same_commit_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """To the byte."""
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("module", ["LGI", "lgi_protocol", "lgi_tools", "lgi_daemon"])
def test_no_package_of_the_server_is_imported_by_the_others(module: str, metadata: Message) -> None:
    """Every module of a tool or the daemon can be imported where the extra "server" is absent."""
    needs = metadata.get_all("Requires-Dist", [])
    absent = {re.split(r"[^\w.]", need)[0].lower() for need in needs if 'extra == "server"' in need}
    absent = (absent | {"markdown_it", "prometheus_client", "werkzeug", "jinja2"}) - {
        "markdown",
        "prometheus",
    }
    program = f"""
import importlib, pkgutil, sys
for name in {absent!r}:
    sys.modules[name] = None
top = importlib.import_module({module!r})
for found in pkgutil.walk_packages(getattr(top, "__path__", []), {module + "."!r}):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


# LGI_scheduler and ManageDB need the extra for MariaDB only, and say so with the first address of one.
@pytest.mark.parametrize("program", ["LGI_server", "LGI_setup"])
def test_a_program_of_the_server_says_what_is_missing(program: str) -> None:
    """pip installs it where the extra "server" is absent too."""
    code = f"""
import sys
from importlib.metadata import entry_points
sys.modules |= dict.fromkeys(("flask", "gunicorn", "gevent", "pymysql", "werkzeug", "prometheus_client"))
(entry,) = entry_points(group="console_scripts", name={program!r})
sys.argv = [{program!r}, "/nowhere/LGI_server.cfg"]
sys.exit(entry.load()())
"""

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode != 0
    assert re.search(
        rf"^{program}: the Python package \w+ is missing: install lgi\[server\] with", done.stderr
    )


def test_a_program_is_in_the_package_of_its_module(packages: Packages) -> None:
    """With its link in /usr/bin and its manual page."""
    owners = {"lgi_tools": CLI, "lgi_server": SERVER, "lgi_daemon": RESOURCE}
    for name, module in programs().items():
        places = (f"/usr/bin/{name}", f"{HOME}/bin/{name}", f"/usr/share/man/man1/{name}.1.gz")
        assert {packages.package_of(place) for place in places} == {owners[module]}


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("LGI.py", PYTHON),
        (f"__pycache__/LGI.{CACHE_TAG}.pyc", PYTHON),
        ("lgi_tools/client/project.py", PYTHON),
        ("lgi_protocol/xml.py", PYTHON),
        ("lgi_server/app.py", SERVER),
        ("lgi_daemon/cli/main.py", RESOURCE),
        ("requests/api.py", PYTHON),
        (f"_cffi_backend.{SOABI}.so", PYTHON),
        ("flask/app.py", SERVER),
        ("gunicorn/app/base.py", SERVER),
        ("pymysql/cursors.py", SERVER),
    ],
)
def test_a_module_is_in_the_package_that_needs_it(packages: Packages, path: str, package: str) -> None:
    """What only the server needs comes with the server."""
    assert packages.package_of(f"{SITE}/{path}") == package


def test_every_file_has_a_package(packages: Packages) -> None:
    """Those of the wheel, and those that install.sh adds."""
    added = [f"/usr/lib/systemd/system/{path.name}" for path in (ROOT / "specs").glob("*.service")]
    added += [f"/etc/logrotate.d/{path.name}" for path in (ROOT / "specs" / "logrotate").iterdir()]
    added += [
        "/usr/lib/sysusers.d/lgi.conf",
        "/usr/bin/LGI_backend",
        "/usr/share/bash-completion/completions/x",
    ]
    files = [path for path in (packages.root / "usr" / "share").rglob("*") if path.is_file()]

    found = [packages.package_of(str(PurePosixPath("/", path.relative_to(packages.root)))) for path in files]

    assert set(found) == {PYTHON, SERVER, RESOURCE}
    assert {packages.package_of(path) for path in added} == {CLI, SERVER, RESOURCE}
    with pytest.raises(ValueError, match="/opt/x: no package"):
        packages.package_of("/opt/x")
