"""The packages that LGI needs: pinned with digests, listed in an SBOM, checked for known vulnerabilities."""

import configparser
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import lacking
from tests.support.grid import free_port

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TOOLS_LOCK = ROOT / "requirements-tools.lock"
# What the project is built with; nothing imports it when it runs.
BUILD = {"setuptools"}
RANGE = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "8.1"}]}
AFFECTED = {"package": {"name": "click", "ecosystem": "PyPI"}, "ranges": [RANGE]}
KNOWN = {"id": "PYSEC-1", "summary": "x", "affected": [AFFECTED]}


@pytest.fixture
def tools() -> None:
    """The tools of the extra "audit"."""
    if find_spec("pip_audit") is None or find_spec("cyclonedx_py") is None:
        lacking('the extra "audit"')


def pins(path: Path) -> dict[str, str]:
    """The version of each package in a file of requirements."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def runtime(extra: str = "server") -> set[str]:
    """The packages that setup.cfg asks for with an extra, and those that these ask for in turn."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].strip().splitlines()
    lines += setup["options.extras_require"][extra].strip().splitlines()
    awaited = [line for line in lines if not line.startswith("#")]
    found: set[str] = set()
    while awaited:
        one = Requirement(awaited.pop())
        name = canonicalize_name(one.name)
        if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(name)
            awaited += requires(name) or []
    return found


@contextmanager
def database(answer: object) -> Iterator[str]:
    """The address of a database of vulnerabilities that says the same of every package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def audit(tmp_path: Path, address: str) -> subprocess.CompletedProcess[str]:
    """What make/audit.py says of one package."""
    listed = tmp_path / "requirements"
    listed.write_text(f"click==8.0 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, ROOT / "make" / "audit.py", listed, "-s", "osv", "--osv-url", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("lock", "extra"), [(LOCK, "server"), (TOOLS_LOCK, "tools"), (TOOLS_LOCK, "daemon")])
def test_a_lock_has_the_pins_of_what_runs_and_no_other(lock: Path, extra: str) -> None:
    """Each package that LGI needs, those that these need, and the build's; versions as in constraints.txt."""
    locked, pinned = pins(lock), pins(ROOT / "constraints.txt")

    assert locked.keys() == runtime(extra) | BUILD
    assert locked == {name: pinned[name] for name in locked}


@pytest.mark.parametrize("lock", [LOCK, TOOLS_LOCK])
def test_a_lock_has_digests_and_names_no_place(lock: Path) -> None:
    """Neither an index nor a file of the machine that made it: where packages come from is for pip to say."""
    for line in filter(None, lock.read_text().splitlines()):
        assert re.fullmatch(r"#.*|[a-z0-9.-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
    entries = re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_an_installation_of_the_documents_has_digests() -> None:
    """Each `pip install` of a document names a lock, or takes nothing but LGI itself."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    commands = [
        line for path in documents for line in re.findall(r"^\S*pip install .*$", path.read_text(), re.M)
    ]

    assert commands
    for command in commands:
        assert re.search(
            r"--require-hashes -r requirements(-tools)?\.lock$|--no-deps --no-build-isolation ", command
        )


@pytest.mark.slow
@pytest.mark.usefixtures("tools")
def test_the_bill_of_materials_names_each_package(tmp_path: Path) -> None:
    """`make sbom`: CycloneDX with name, version and digests of all packages, and LGI itself."""
    written = tmp_path / "sbom.json"

    subprocess.run([sys.executable, ROOT / "make" / "sbom.py", LOCK, written], check=True, timeout=60)

    bill = json.loads(written.read_text())
    components = {canonicalize_name(one["name"]): one for one in bill["components"]}
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "lgi")
    assert {name: one["version"] for name, one in components.items()} == pins(LOCK)
    assert runtime() <= components.keys()
    assert all(one["externalReferences"][0]["hashes"] for one in components.values())


@pytest.mark.usefixtures("tools")
def test_a_known_vulnerability_fails_the_check(tmp_path: Path) -> None:
    """With its name and that of the package."""
    with database({"vulns": [KNOWN]}) as address:
        done = audit(tmp_path, address)

    assert (done.returncode, done.stdout) == (1, "click 8.0: PYSEC-1, corrected in 8.1\n")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("answer", [{}, {"vulns": []}])
def test_packages_without_vulnerabilities_pass_the_check(tmp_path: Path, answer: object) -> None:
    """One line says how many were looked up."""
    with database(answer) as address:
        done = audit(tmp_path, address)

    assert done.returncode == 0
    assert done.stdout.startswith("Vulnerabilities: none, of 1 of 1 packages")


@pytest.mark.usefixtures("tools")
def test_a_machine_without_the_database_passes_the_check(tmp_path: Path) -> None:
    """It says so in one line: a check that needs the network fails nobody who has none."""
    done = audit(tmp_path, f"http://127.0.0.1:{free_port()}/")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Vulnerabilities: not looked for, the database cannot be reached\n"


@pytest.mark.usefixtures("tools")
def test_a_check_that_cannot_be_made_fails(tmp_path: Path) -> None:
    """As for a file without digests: that is no missing network."""
    listed = tmp_path / "requirements"
    listed.write_text("click==8.0\n")

    done = subprocess.run(
        [sys.executable, ROOT / "make" / "audit.py", listed],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "pip-audit failed" in done.stderr


def test_an_exception_from_bandit_has_a_reason() -> None:
    """In pyproject.toml, beside each rule that is left out."""
    text = (ROOT / "pyproject.toml").read_text().partition("[tool.bandit]")[2].partition("]\n")[0]
    rules = re.findall(r'^ *"(B\d+)",(.*)$', text, re.MULTILINE)

    assert rules
    assert [rule for rule, reason in rules if not re.match(r" # .{20}", reason)] == []
