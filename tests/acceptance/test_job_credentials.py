"""Jobs use their repository and submit jobs with their own key, as the user they run as."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from lgi_protocol import xml
from lgi_protocol.credentials import Credentials
from lgi_tools.commands import filetransfer, qsub
from tests.acceptance.conftest import APPLICATION, RESOURCE, DaemonProcess, signed_up
from tests.support.grid import Grid, UserCalls, wait_for

pytestmark = pytest.mark.slow

# Runs until somebody says enough.
RUN = """#!/bin/sh
start=$(sed 's/.*) //' "/proc/$$/stat" | cut -d ' ' -f 20)
echo "$$ $start" > running.new
mv running.new running
# Ends too when its directory is gone: a test that fails leaves nothing behind.
while [ ! -e enough ] && [ -e running ]; do sleep 0.1; done
: > finished
rm -f running
"""


class PatientDaemon(DaemonProcess):
    """A daemon whose jobs run until a file ends them."""

    def configure(self) -> None:
        super().configure()
        scripts = self.directory / "scripts"
        shutil.copytree(APPLICATION, scripts)
        (scripts / "job_run_script").write_text(RUN)
        text = self.configuration.read_text().replace(f" {APPLICATION}/", f" {scripts}/")
        self.configuration.write_text(text)


@pytest.fixture
def daemon(grid: Grid) -> Iterator[PatientDaemon]:
    """A running daemon whose resource has signed up."""
    with signed_up(PatientDaemon(grid)) as made:
        yield made


def running(daemon: PatientDaemon, user: UserCalls, job_id: int) -> Path:
    """The directory of a job that runs."""
    wait_for(lambda: user.state(job_id) == "running")

    def found() -> list[Path]:
        return [
            job
            for job in daemon.jobs()
            if (job / "running").exists() and (job / "LGI_job_id").read_text() == str(job_id)
        ]

    wait_for(found)
    return found()[0]


def as_job(directory: Path, main: Callable[[list[str]], int], *arguments: str) -> int:
    """The exit code of a tool, run as the user and in the directory of a job."""
    owner = directory.stat().st_uid
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.chdir(directory)
            os.environ["HOME"] = "/nowhere"
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(owner, owner, owner)
                os.setresuid(owner, owner, owner)
            code = main(list(arguments))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_job_uses_its_repository_and_submits_jobs(
    grid: Grid, daemon: PatientDaemon, tmp_path: Path
) -> None:
    """LGI_filetransfer and LGI_qsub find everything in its directory; under root it has its own uid."""
    user = grid.user()
    (tmp_path / "in.txt").write_text("42")
    job_id = user.submit((tmp_path / "in.txt",))
    job = running(daemon, user, job_id)
    url = xml.value((job / "LGI_job_specifics").read_text(), "repository_url")
    (job / "LGI_output").write_text("result")

    assert as_job(job, filetransfer.main, "download", url, "in.txt") == 0
    assert as_job(job, filetransfer.main, "upload", url, "LGI_output") == 0
    assert as_job(job, filetransfer.main, "list", url, "-j", str(job)) == 0
    assert as_job(job, filetransfer.main, "upload", url, ".LGI_job_key") == 1
    assert as_job(job, qsub.main, "-a", "hello_world", "in.txt") == 0

    assert ((job / "in.txt").read_text(), (job / "in.txt").stat().st_uid) == ("42", job.stat().st_uid)
    assert user.client.session.get(f"{url}/LGI_output").text == "result"
    (child,) = grid.rows("SELECT job_id, owners FROM job_queue WHERE job_id <> %s", job_id)
    assert child["owners"] == "mark@laptop, theor"
    assert running(daemon, user, int(str(child["job_id"])))


def test_a_job_has_no_use_for_the_key_of_its_resource(grid: Grid, daemon: PatientDaemon) -> None:
    """It has no copy of that key, and under root cannot read it. Its own certificate ends with it."""
    user = grid.user()
    job_id = user.submit()
    job = running(daemon, user, job_id)
    named = [(job / f"LGI_{name}_file").read_text() for name in ("key", "certificate", "ca_certificate")]
    resource_key = grid.people.resource(RESOURCE).key
    can_read = as_job(job, lambda _: 0 if os.access(resource_key, os.R_OK, effective_ids=True) else 1) == 0
    assert can_read == (os.geteuid() != 0)
    kept = []
    for file in map(Path, named):
        assert file.parent == job
        status = file.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o400, job.stat().st_uid)
        kept.append(Path(shutil.copy(file, daemon.directory)))
    session = Credentials(*kept).session()
    url = xml.value((job / "LGI_job_specifics").read_text(), "repository_url")

    def listed() -> requests.Response:
        name = url.rpartition("/")[2]
        return session.get(f"{grid.url}/repository/repository_content.php?repository={name}")

    assert listed().status_code == 200
    (job / "enough").touch()
    wait_for(lambda: user.state(job_id) == "finished")
    assert listed().status_code == 403
    for log in (daemon.log, grid.log):
        assert "PRIVATE KEY" not in log.read_text()
