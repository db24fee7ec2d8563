"""A daemon of an ordinary user, from its start to the end of a job, and an application for administrators."""

import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_daemon.cli import main
from lgi_daemon.execution import processes
from tests.support.bench import APPLICATIONS, LIBRARY
from tests.support.grid import Grid, wait_for

from .test_whole_jobs import RESOURCE, output

pytestmark = pytest.mark.slow

# No account has it.
NOBODY = 60_001
BOSS = "boss@desk"


class OrdinaryDaemon:
    """A daemon in a process that has left root for good, with all it needs in a directory of its user."""

    def __init__(self, grid: Grid, place: Path) -> None:
        self.place = place
        self.log = place / "log"
        self.configuration = place / "LGI.cfg"
        self.run = place / "run"
        self.run.mkdir()
        issued = grid.people.resource(RESOURCE)
        for path in (issued.key, issued.certificate, grid.people.authority.ca_file):
            shutil.copy(path, place)
        shutil.copytree(LIBRARY, place / "library")
        script = (APPLICATIONS / "command" / "process").read_text()
        (place / "process").write_text(script.replace(". LGI_backend", "stage=no\n. LGI_backend"))
        (place / "process").chmod(0o755)
        text = (APPLICATIONS / "command" / "LGI.cfg.example").read_text()
        for old, new in {
            "../../certificates/LGI+CA.crt": grid.people.authority.ca_file.name,
            "../../certificates/laptop.crt": issued.certificate.name,
            "../../certificates/laptop.key": issued.key.name,
            "./runhere": "run",
            "https://localhost/LGI": grid.url,
            "> command <": "> update <",
            "<any> 1 </any>": f"<any> 0 </any> <{BOSS}> 1 </{BOSS}> <admin> 1 </admin>",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        self.configuration.write_text(text)
        self.pid = 0

    def start(self) -> None:
        """Fork, since an ordinary user may not be able to read where these programs are."""
        if os.geteuid() == 0:
            for path in (self.place, *self.place.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        self.pid = os.fork()
        if self.pid:
            return
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            os.chdir(self.place)
            os.environ["PATH"] = f"{self.place / 'library'}:{os.environ['PATH']}"
            os._exit(main.main(["-v", "-ft", "1", "-st", "2", "-l", str(self.log), str(self.configuration)]))
        finally:
            os._exit(99)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def daemon(grid: Grid, place: Path) -> Iterator[OrdinaryDaemon]:
    """Running, and signed up."""
    grid.resource(RESOURCE, "").sign_off()
    made = OrdinaryDaemon(grid, place)
    made.start()
    try:
        wait_for(lambda: "update" in capabilities(grid))
        yield made
    finally:
        code = made.stop()
    assert code == 0


def is_over(pid: int) -> bool:
    """Whether a process has ended, also one for which nobody has waited."""
    stat = processes.stat_of(pid)
    return stat is None or stat[0] == "Z"


def capabilities(grid: Grid) -> str:
    """What the resource says it offers."""
    rows = grid.rows("SELECT resource_capabilities FROM active_resources WHERE resource_name = %s", RESOURCE)
    return str(rows[0]["resource_capabilities"])


def test_a_job_of_the_administrator_changes_a_resource_of_an_ordinary_user(
    grid: Grid, daemon: OrdinaryDaemon
) -> None:
    """No step needs root: the job edits the configuration and has the daemon read it. Others' jobs stay."""
    others = grid.user().submit(application="update", input=b"echo mine".hex())
    boss = grid.user(BOSS, ("admin",))
    script = f"""
        cd {shlex.quote(str(daemon.place))} || exit
        sed -i "s/<capabilities>.*</<capabilities> after the update </" LGI.cfg
        kill -HUP "$(sed "s/.*pid //" run/.lock)"
        id -u"""

    job_id = boss.submit(application="update", input=script.encode().hex())
    wait_for(lambda: boss.state(job_id) == "finished")

    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    assert output(boss, job_id) == f"{user}\n[LGI: exit code 0]\n"
    wait_for(lambda: "after the update" in capabilities(grid))
    wait_for(lambda: f"reloaded {daemon.configuration}" in daemon.log.read_text())
    assert boss.state(others) == "queued"


def test_a_job_of_an_ordinary_user_is_kept_within_its_memory_and_leaves_nothing(
    grid: Grid, daemon: OrdinaryDaemon
) -> None:
    """No root is needed to end what has too much, nor what has left its session."""
    boss = grid.user(BOSS, ("admin",))
    script = f"""(setsid sleep 300 & echo $! > {shlex.quote(str(daemon.place))}/left)
        for one in 1 2 3 4; do
            python3 -c "import time; held = bytearray(150 << 20); time.sleep(120)" &
        done
        wait"""

    job_id = boss.submit(
        application="update", input=script.encode().hex(), job_specifics="<memory> 200 </memory>"
    )
    wait_for(lambda: boss.state(job_id) == "finished")

    assert output(boss, job_id).endswith("[LGI: exit code 137: it used more than 200 MB]\n")
    left = int((daemon.place / "left").read_text())
    wait_for(lambda: is_over(left))


def test_a_job_that_shuts_its_directory_ends_and_is_removed(grid: Grid, daemon: OrdinaryDaemon) -> None:
    """The daemon owns it, and opens it again."""
    boss = grid.user(BOSS, ("admin",))

    job_id = boss.submit(application="update", input=b"mkdir in; chmod 0 in .; exit 3".hex())
    wait_for(lambda: boss.state(job_id) == "finished")

    assert output(boss, job_id) == "[LGI: exit code 3]\n"
    wait_for(lambda: list(daemon.run.glob("*/*/JOB_*")) == [])
    assert not (daemon.run / ".broken").exists()
