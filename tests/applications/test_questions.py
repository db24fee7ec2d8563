"""Which scripts the daemon asks: all of a site's own, and few of those of applications/library."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_daemon.jobs import library, script_variables
from lgi_protocol.job_directory import SCRIPTS
from tests.acceptance.conftest import ScriptedDaemon, offers
from tests.support.bench import APPLICATIONS, Bench
from tests.support.grid import Grid, wait_for

from .test_staging_by_daemon import StagingDaemon, finish, staging
from .test_whole_jobs import submitted

__all__ = ["staging"]

# As the LGI document shows them: each script is one file, asked about one thing.
EVERY_SCRIPT = {"check_system_limits_script", *SCRIPTS}


@pytest.mark.slow
def test_a_running_job_of_the_library_is_asked_nothing(grid: Grid, staging: StagingDaemon) -> None:
    """Its run script is the job: the daemon sees that process, and then the record of the end."""
    user = grid.user()

    job_id = submitted(user, "sleep 4")
    finish(grid, job_id)

    asked = [name for name in staging.asked.read_text().split() if name.startswith("LGI_")]
    assert asked == [f"LGI_job_{task}_script" for task in ("check_limits", "prologue", "run", "epilogue")]


@pytest.fixture
def logged(grid: Grid) -> Iterator[ScriptedDaemon]:
    """A daemon with eight scripts of a site, each of which logs its name first."""
    made = ScriptedDaemon(grid)
    log = made.directory / "asked"
    log.touch()
    log.chmod(0o666)
    for name in EVERY_SCRIPT:
        script = made.scripts / name
        body = script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\necho {name} >> {log}\n", 1)
        script.write_text(body)
    grid.resource("laptop@test", "").sign_off()
    try:
        made.start()
        wait_for(lambda: offers(grid))
        yield made
    finally:
        made.remove()


@pytest.mark.slow
def test_the_eight_scripts_of_a_site_are_asked_as_the_document_says(
    grid: Grid, logged: ScriptedDaemon
) -> None:
    """Running first, then finished, until both are clear; then the epilogue."""
    user = grid.user()

    job_id = user.submit(input=b"me".hex(), job_specifics="<seconds> 2 </seconds>")
    finish(grid, job_id)

    asked = (logged.directory / "asked").read_text().split()
    job = [name for name in asked if name in SCRIPTS]
    assert job[0] == "job_check_limits_script"
    begin, end = job.index("job_prologue_script"), job.index("job_epilogue_script")
    assert job[begin + 1] == "job_run_script"
    assert job[end - 2 : end] == ["job_check_running_script", "job_check_finished_script"]
    assert "job_check_running_script" in job[:begin]
    assert "check_system_limits_script" in asked


@pytest.mark.parametrize(
    "place", sorted((APPLICATIONS / "command").glob("[a-z]*")), ids=lambda path: path.name
)
def test_the_shipped_scripts_of_command_are_those_of_the_library(place: Path) -> None:
    """Those of hello_world are a site's own."""
    script = place.read_bytes()

    assert library.uses_library(dict.fromkeys(SCRIPTS, script))
    assert not library.uses_library({**dict.fromkeys(SCRIPTS, script), SCRIPTS[0]: b"#!/bin/sh\nexit 0\n"})


@pytest.mark.parametrize(
    ("specifics", "value"),
    [
        ("", ""),
        ("<cpus> 2 </cpus>", "2"),
        ("<cpus>1</cpus><a><cpus>\n3\t</cpus></a>", "3"),
        ("<cpus> 1 <b/> </cpus>", ""),
        ("<cpus>4", ""),
        (f"<cpus>{'x' * 300}</cpus>", "x" * 200),
    ],
)
def test_a_request_is_the_last_element_of_its_name(specifics: str, value: str) -> None:
    """On one line, at most 200 bytes."""
    assert script_variables.request(specifics, "cpus") == value


class ToldBench(Bench):
    """A job whose daemon passes its requests on as variables."""

    def environment(self) -> dict[str, str]:
        names = {name: f"LGI_REQUEST_{name.upper()}" for name in script_variables.REQUESTS}
        told = {names[name]: script_variables.request(self.specifics, name) for name in names}
        return super().environment() | told


@pytest.mark.parametrize(
    ("specifics", "status"),
    [
        ("", 0),
        ("<cpus> 2 </cpus><memory> 100 </memory>", 0),
        ("<cpus> 3 </cpus>", 1),
        ("<cpus> 08 </cpus>", 0),
        ("<walltime> 00:08:09 </walltime>", 0),
        ("<walltime> 000:10:00 </walltime>", 0),
        ("<walltime> 00:10:01 </walltime>", 1),
        ("<walltime> 601 </walltime>", 1),
        ("<image> psi4:1.5 </image>", 1),
        ("<cpus> $(touch hacked)`touch hacked`' </cpus>", 0),
    ],
)
def test_requests_are_judged_alike_as_variables_and_as_specifics(
    place: Path, specifics: str, status: int
) -> None:
    """An invalid request is accepted and ends with a message; one above a limit is refused."""
    settings = "backend=process\nmax_cpus=2\nmax_memory=200\nmax_walltime=600\n"

    for number, kind in enumerate((Bench, ToldBench)):
        here = place / str(number)
        here.mkdir(mode=0o755)
        job = kind(here, settings, specifics=specifics)
        assert job.ask("job_check_limits") == status
        assert not list(here.rglob("hacked"))
