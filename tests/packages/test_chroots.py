"""The packages on a machine of their own: installed, used, updated and removed, in this order."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.packages.chroot import ROOT, Chroot
from tests.packages.conftest import Build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
# The files of an administrator, which no package may change.
KEPT = "find /etc/lgi /var/lib/lgi -type f ! -name '*.sqlite*' ! -path '*/jobs/*' | sort | xargs sha256sum"
PROGRAMS = "for name in /usr/bin/LGI_*[!d] /usr/bin/ManageDB; do $name -h 2>&1 | grep -qi usage; done"
SCRIPTS = {"deb": "build_deb.sh", "rpm": "build.sh"}


def install(machine: Chroot, kind: str, packages: list[Path]) -> None:
    """Install packages, or update to them; RPMs without what they need, which is no RPM here."""
    machine.run("rm -rf /new")
    machine.copy(packages, "/new")
    if kind == "deb":
        machine.install("/new/*.deb")
    else:
        machine.install("rpm", "python3.11")
        machine.run("rpm -U --nodeps /new/*.rpm")


@pytest.fixture(scope="module")
def installed(machine: Chroot, kind: str, build: Build) -> Chroot:
    """A machine with the first packages and a grid."""
    install(machine, kind, build(SCRIPTS[kind], 1))
    machine.run("sh /job.sh set_up")
    return machine


def test_an_installed_program_starts(installed: Chroot) -> None:
    """Each of them shows its help."""
    installed.run(PROGRAMS)


def test_each_command_has_a_manual_page_and_completion(installed: Chroot) -> None:
    """The shell completes the commands of users and administrators."""
    installed.run(
        "cd /usr/share/man; for name in /usr/bin/LGI_*[!d] /usr/bin/ManageDB; do ls man?/${name##*/}.?.gz;"
        " done"
    )
    printed = installed.run(
        "cd /usr/share/bash-completion/completions; for name in LGI_qsub LGI_login LGI_setup ManageDB"
        " LGI_daemon; do"
        " bash -c '. ./$0; complete -p $0' $name; done"
    )
    assert printed.count("complete -") == 5


def test_a_plain_import_works(installed: Chroot, kind: str) -> None:
    """In the system's Python, with what LGI needs; other scripts do not see that."""
    # Debian's Python does not look where RHEL's does.
    python = "python3" if kind == "deb" else "PYTHONPATH=/usr/lib/python3.11/site-packages python3.11"
    printed = installed.run(
        f"cd /; {python} -c 'import LGI; print(LGI.LGI_Client.__name__)'; "
        f"{python} -c 'import lgi_tools.client; print(lgi_tools.Project.__name__)'; "
        f"{python} -c 'import lxml' 2>&1 || true"
    )

    assert printed.split("\n")[:2] == ["LGI_Client", "Project"]
    assert "No module named 'lxml'" in printed


def test_the_directories_of_keys_are_closed(installed: Chroot) -> None:
    """The key of the CA is root's; the server reads its own."""
    printed = installed.run("cd /etc/lgi; stat -c '%n %U %a' certificates certificates/ca.key server daemon")

    assert printed.splitlines() == [
        "certificates root 710",
        "certificates/ca.key root 600",
        "server lgi 750",
        "daemon root 700",
    ]


def test_a_job_runs_through_installed_programs(installed: Chroot) -> None:
    """Under a uid of its own."""
    assert re.search(r"^first from uid [1-9]\d{3,}$", installed.run("sh /job.sh run first"), re.MULTILINE)


def test_an_update_keeps_configuration_keys_and_jobs(installed: Chroot, kind: str, build: Build) -> None:
    """And what an administrator has changed in a file of the packages; then the next job runs."""
    installed.run("echo '# mine' >> /etc/logrotate.d/LGI_resource")
    before = installed.run(KEPT)

    install(installed, kind, build(SCRIPTS[kind], 2))

    assert installed.run(KEPT) == before
    assert "# mine" in installed.run("cat /etc/logrotate.d/LGI_resource")
    assert "second from uid" in installed.run("sh /job.sh run second")


def test_a_removal_leaves_data(installed: Chroot, kind: str) -> None:
    """Programs and their environment are gone, keys, configuration and jobs are there, even after a purge."""
    before = installed.run(KEPT)

    if kind == "deb":
        installed.run("apt-get purge -y -q lgi-python lgi-cli lgi-server lgi-resource")
    else:
        installed.run("rpm -e --nodeps LGI_python LGI_cli LGI_server LGI_resource")

    assert installed.run(KEPT) == before
    assert (
        installed.run("test -s /var/lib/lgi/server/LGI.sqlite; ls /usr/bin | grep -c LGI_ || true") == "0\n"
    )
    assert installed.run("ls -d /usr/lib/lgi /usr/lib64/lgi /usr/share/lgi 2> /dev/null || true") == ""


def test_an_rpm_is_installed_in_another_place(installed: Chroot, kind: str, build: Build) -> None:
    """As those of LGI 1.31: `rpm --prefix`; programs, library and units know the place."""
    if kind == "deb":
        pytest.skip("Debian's packages have one place")
    installed.copy(build(SCRIPTS[kind], 1), "/other")
    installed.run("rpm -U --nodeps --prefix /opt/grid /other/*.rpm")

    installed.run(PROGRAMS.replace("/usr/bin", "/opt/grid/bin"))
    modules = "PYTHONPATH=/opt/grid/lib/python3.11/site-packages"
    printed = installed.run(f"cd /; {modules} python3.11 -c 'import LGI; print(LGI.LGI_Client.__name__)'")
    started = installed.run("grep -h ^ExecStart= /opt/grid/lib/systemd/system/lgi-*.service | cut -d' ' -f1")
    installed.run("rpm -e --nodeps LGI_python LGI_cli LGI_server LGI_resource")

    assert printed == "LGI_Client\n"
    assert {line.rpartition("/")[0] for line in started.splitlines()} == {"ExecStart=/opt/grid/bin"}
    assert installed.run("ls -A /opt/grid/bin /opt/grid/lib64") == "/opt/grid/bin:\n\n/opt/grid/lib64:\n"


def test_the_same_commit_builds_the_same_packages(kind: str, build: Build) -> None:
    """To the byte; number 11 is number 1 built again."""
    first = {path.name: path.read_bytes() for path in build(SCRIPTS[kind], 1)}
    again = {path.name: path.read_bytes() for path in build(SCRIPTS[kind], 11)}

    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_the_checkers_of_packages_find_no_error(kind: str, build: Build, tmp_path: Path) -> None:
    """Lintian and rpmlint, but for what specs/ says, with reasons."""
    command = ["lintian", "--fail-on", "error"] if kind == "deb" else ["rpmlint", "-c", "specs/rpmlint.toml"]
    if shutil.which(command[0]) is None:
        lacking(command[0])

    done = subprocess.run(
        [*command, *build(SCRIPTS[kind], 1)],
        cwd=ROOT,
        # Lintian leaves files behind.
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    errors = [line for line in done.stdout.splitlines() if line.startswith("E:") or " E: " in line]
    assert (done.returncode, errors) == (0, [])


def test_a_package_requires_nothing_that_it_brings(kind: str, build: Build) -> None:
    """Libraries in wheels have names of their own, which no other package provides."""
    if kind == "deb":
        pytest.skip("what Debian packages need is in specs/debian")
    for package in build(SCRIPTS[kind], 1):
        needs = subprocess.run(["rpm", "-qpR", package], capture_output=True, text=True, check=True).stdout
        assert not re.search(r"-[0-9a-f]{8}.*\.so|dist\(", needs)
