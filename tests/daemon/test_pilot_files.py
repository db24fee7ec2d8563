"""What LGI_pilot reads and writes: its configuration, the script of a pilot, the answers of batch systems."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lgi_daemon.config.section import ConfigurationError
from lgi_daemon.pilot.batch_system import BatchState, PilotScript
from lgi_daemon.pilot.batch_systems import BATCH_SYSTEMS
from lgi_daemon.pilot.command import main
from lgi_daemon.pilot.pilot_script import pilot_script
from lgi_daemon.pilot.settings import PilotDaemon, read_settings

EXAMPLE = Path(__file__).parents[2] / "applications" / "hello_world" / "LGI_pilot.cfg.example"
WAITING, RUNNING, ENDED = BatchState.WAITING, BatchState.RUNNING, BatchState.ENDED


@pytest.fixture
def example(file: Path) -> Path:
    """The shipped example, beside LGI.cfg."""
    (file.parent / "pilots").mkdir()
    return Path(shutil.copy(EXAMPLE, file.parent / "LGI_pilot.cfg"))


def test_the_shipped_example_is_good(example: Path) -> None:
    """Its daemon is the one of this installation."""
    settings = read_settings(example, as_root=False)

    assert settings.daemon.command() == [
        str(Path(sys.executable).parent / "LGI_daemon"),
        *("-ft", "20", "-st", "120", "--idle-limit", "300", "--life-limit", "2700"),
    ]
    assert settings.submit_options == ("--time=60",)
    assert settings.configuration.projects[0].name == "LGI"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("> slurm <", "> lsf <", "LGI/pilots/batch_system is 'lsf': it must be one of lgi, pbs, sge, slurm"),
        ("> ./pilots <", "> ./nowhere <", "nowhere does not exist: create it"),
        ("> LGI.cfg <", "> other.cfg <", "LGI/pilots/daemon_configuration: the file"),
        ("> 50 <", "> 1e9 <", "LGI/pilots/pilot_limit is '1e9': it must be a whole number from 1 to 10000"),
        ("> 0 <", "> 11 <", "waiting_minimum is 11, above waiting_maximum, 10: correct one of them"),
        ("> --time=60 <", "> --time='60 <", 'submit_options is "--time=\'60": No closing quotation'),
        ("> --time=60 <", "> --time=60 \n#SBATCH x <", "submit_options has a control character"),
        ("idle_limit", "idlelimit", "LGI/pilots has the unknown tag <idlelimit>: did you mean <idle_limit>?"),
        ("<idle_limit>", "<pilot_limit> 1 </pilot_limit><idle_limit>", "pilot_limit occurs twice: keep one"),
    ],
)
def test_a_fault_of_the_configuration_is_told_with_its_remedy(
    example: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With tag and value; the exit code is 1."""
    example.write_text(example.read_text().replace(old, new))

    assert main(["--check", str(example)]) == 1
    assert message in capsys.readouterr().err


def test_a_status_before_the_first_update_is_none(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So it is when the file is none of LGI_pilot's."""
    assert main(["--status", str(example)]) == 1
    (example.parent / "pilots" / "status.json").write_text('{"time": 1}')
    assert main(["--status", "--json", str(example)]) == 0
    assert main(["--status", str(example)]) == 1

    printed = capsys.readouterr().err
    assert "no LGI_pilot has made an update there" in printed
    assert "is none of LGI_pilot's" in printed


def test_paths_with_a_line_end_are_refused(example: Path) -> None:
    """It would end a comment of the script, in which batch systems look for options."""
    moved = example.parent.with_name("x\n#SBATCH --uid=root")
    example.parent.rename(moved)

    with pytest.raises(ConfigurationError):
        read_settings(moved / example.name, as_root=False)


def run_script(folder: Path, body: str, has_record: bool = True) -> int:
    """Run the script of a pilot whose daemon is a shell script."""
    program = folder.parent / "it's a daemon; $(touch hacked)"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    folder.mkdir()
    if has_record:
        (folder / "record.json").touch()
    daemon = PilotDaemon(program, folder / "LGI.cfg", ("-ft", "1 $(touch hacked)"), 30, 60)
    text = pilot_script(folder, daemon)
    return subprocess.run(["/bin/sh", "-c", text], cwd=folder, timeout=60, check=False).returncode


def test_the_script_of_a_pilot_starts_a_daemon_with_its_limits(tmp_path: Path) -> None:
    """In its own run directory; no word is split or run, and its end is noted."""
    folder = tmp_path / "a pilot's `touch hacked`"

    assert run_script(folder, 'printf "%s|" "$@"; exit 3') == 3
    assert (folder / "output").read_text() == (
        f"-ft|1 $(touch hacked)|--idle-limit|30|--life-limit|60|--run-directory|run|-l|log|{folder}/LGI.cfg|"
    )
    assert (folder / "ended").read_text() == "3\n"
    assert (folder / "began").exists()
    assert not list(tmp_path.rglob("hacked"))


def test_a_forgotten_pilot_starts_no_daemon(tmp_path: Path) -> None:
    """Its record is gone: another pilot may have been submitted in its place."""
    assert run_script(tmp_path / "pilot", "touch ran", has_record=False) == 1
    assert not (tmp_path / "pilot" / "ran").exists()


SGE = """<?xml version='1.0'?><job_info><queue_info><job_list state="running">
<JB_job_number>7</JB_job_number><JB_name>LGI0</JB_name><state>r</state></job_list></queue_info>
<job_info><job_list state="pending"><JB_job_number>8</JB_job_number><JB_name>a b</JB_name><state>hqw</state>
</job_list><job_list state="pending"><JB_job_number>9</JB_job_number><JB_name>c</JB_name><state>Eqw</state>
</job_list></job_info></job_info>"""
LGI = """{"jobs": [{"job_id": 7, "state": "running", "job_name": "LGI0"}, {"job_id": 8, "state": "queued"},
{"job_id": 9, "state": "aborted", "job_name": "c"}]}"""
PBS = """Job id            Name             User              Time Use S Queue
----------------  ---------------- ----------------  -------- - -----
12.server         LGI0             mark              00:00:01 R batch
13.server         other            mark              0        Q batch
14.server         old              mark              00:00:01 C batch
"""


@pytest.mark.parametrize(
    ("system", "text", "states"),
    [
        ("slurm", "7 RUNNING LGI0\n8 PENDING a b\n9 TIMEOUT c\n10 NEW_STATE d\n", "7R 8W 9E 10R"),
        ("slurm", "", ""),
        ("sge", SGE, "7R 8W 9E"),
        ("sge", "<job_info></job_info>", ""),
        ("pbs", PBS, "12R 13W 14E"),
        ("pbs", "", ""),
        ("lgi", LGI, "7R 8W 9E"),
        ("lgi", '{"jobs": []}', ""),
    ],
)
def test_the_jobs_of_a_batch_system_are_read(system: str, text: str, states: str) -> None:
    """With their states; one that is unknown is not over."""
    jobs = BATCH_SYSTEMS[system].read_jobs(text)

    assert " ".join(f"{one.batch_id}{one.state.value[0].upper()}" for one in jobs) == states
    assert not jobs or "LGI0" in {one.name for one in jobs}


@pytest.mark.parametrize("system", ["slurm", "sge", "pbs", "lgi"])
@pytest.mark.parametrize("text", ["error", "[7]", "<job_info>", "Job id Name\nx", "\x00\x1b[0m", "squeue: 7"])
def test_an_answer_that_is_none_is_not_taken_for_no_jobs(system: str, text: str) -> None:
    """Pilots would be submitted twice."""
    with pytest.raises(ValueError, match=r"answer|line"):
        BATCH_SYSTEMS[system].read_jobs(text)


@pytest.mark.parametrize(
    ("system", "answer", "batch_id"),
    [
        ("slurm", "12\n", "12"),
        ("slurm", "12;cluster\n", "12"),
        ("slurm", "Submitted batch job 12", ""),
        ("sge", "12\n", "12"),
        ("pbs", "12.server.example.org\n", "12"),
        ("pbs", "qsub: 12", ""),
        ("lgi", "12\n", "12"),
        ("lgi", "job 12", ""),
    ],
)
def test_the_id_in_the_answer_to_a_submit_is_read(system: str, answer: str, batch_id: str) -> None:
    """Other text is no id."""
    assert BATCH_SYSTEMS[system].read_id(answer) == batch_id


def test_a_percent_sign_in_a_path_is_no_pattern_of_slurm(tmp_path: Path) -> None:
    """It replaces %j and others in the name of the output."""
    words = BATCH_SYSTEMS["slurm"].submit(PilotScript("LGI0", tmp_path / "script", tmp_path / "%j"))

    assert f"--output={tmp_path}/%%j" in words
