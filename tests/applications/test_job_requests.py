"""What jobs ask for: let through strictly, kept within the administrator's bounds."""

import subprocess
from pathlib import Path

import pytest

from lgi_protocol import demand
from tests.support.bench import LIBRARY, Bench

pytestmark = pytest.mark.slow

SETTINGS = "backend=process\nstage=no\nmax_cpus=4\nmax_memory=8000\nmax_walltime=7200\n"


@pytest.mark.parametrize(
    ("specifics", "welcome"),
    [
        ("", True),
        ("<cpus> 4 </cpus>", True),
        ("<cpus> 5 </cpus>", False),
        ("<cpus>\n4\n</cpus>\n<memory>8001</memory>", False),
        ("<walltime> 02:00:00 </walltime>", True),
        ("<walltime> 02:00:01 </walltime>", False),
        ("<nodes> 2 </nodes>", False),
        ("<image> psi4:1.5 </image>", False),
        ("<default>hello</default> <repository_url> https://x/y </repository_url>", True),
    ],
)
def test_a_job_beyond_the_bounds_is_left_to_others(place: Path, specifics: str, welcome: bool) -> None:
    """It stays queued for a resource with higher limits."""
    assert (Bench(place, SETTINGS, specifics=specifics).ask("job_check_limits") == 0) == welcome


@pytest.mark.parametrize(
    ("specifics", "message"),
    [
        ("<cpus> many </cpus>", "cpus must be a whole number above 0 such as 2, not 'many'"),
        ("<cpus> 0 </cpus>", "not '0'"),
        ("<cpus> -1 </cpus>", "not '-1'"),
        ("<cpus> 1234567890 </cpus>", "not '1234567890'"),
        ("<memory> 4 GB </memory>", "memory must be a whole number"),
        ("<walltime> 1:00 </walltime>", "walltime must be"),
        ("<cpus> 1; touch hacked </cpus>", "not '1? touch hacked'"),
        ("<cpus> $(touch hacked) </cpus>", "not '??touch hacked?'"),
        ("<cpus> `touch hacked` </cpus>", "not '?touch hacked?'"),
    ],
)
def test_a_job_with_an_invalid_request_ends_with_a_message_and_never_runs(
    place: Path, specifics: str, message: str
) -> None:
    """No other resource would understand it either: the job is taken, and ends with a message."""
    job = Bench(place, SETTINGS, specifics=specifics, input=b"touch hacked")

    welcome = job.ask("job_check_limits")
    output = job.finish()

    assert welcome == 0
    assert output.startswith("[LGI: exit code 125: not started: ")
    assert message in output
    assert not (job.directory / "hacked").exists()


def test_the_administrators_default_holds_for_a_job_without_a_request(place: Path) -> None:
    """Also when it is more than one."""
    job = Bench(place, f"{SETTINGS}default_cpus=3\n", input=b"echo $OMP_NUM_THREADS")

    assert job.finish() == "3\n[LGI: exit code 0]\n"


@pytest.mark.parametrize(
    "specifics",
    [
        "<cpus> 4 </cpus>",
        "<cpus>\n4\t</cpus>",
        "<x> <cpus> 9 </cpus> </x> <cpus> 2 </cpus>",
        "<cpus> 2 </cpus> <x> <cpus> 9 </cpus> </x>",
        "<cpus> 2 </cpus> <cpus> <x> 9 </x> </cpus>",
        "<cpus> 02 </cpus>",
        "<cpus>  </cpus>",
        "<cpus> 1234567890 </cpus>",
        "<cpus a='1'> 9 </cpus>",
        "no tags at all",
    ],
)
def test_the_daemon_counts_what_the_scripts_give(tmp_path: Path, specifics: str) -> None:
    """Otherwise a job could have more cores than are counted against the daemon's cpu_limit."""
    (tmp_path / "LGI_job_specifics").write_text(specifics)
    script = '. "$1/requests.sh"; error=; read_number cpus 1 ""; echo "${value:-1}"'

    given = subprocess.run(
        ["sh", "-c", script, "sh", LIBRARY], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert demand.demand_of(specifics).cpus == int(given.stdout)
