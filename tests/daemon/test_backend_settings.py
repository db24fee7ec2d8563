"""The settings of scripts that source LGI_backend: --check names those that would be ignored."""

from pathlib import Path

import pytest

from lgi_daemon.cli.backend_settings import misspellings
from lgi_daemon.cli.probes import script_findings
from lgi_daemon.config.model import load

from .test_configuration import edit

APPLICATIONS = Path(__file__).parents[2] / "applications"
BACKEND = APPLICATIONS / "library" / "LGI_backend"
TAIL = "\n. LGI_backend\n"


def found(place: Path, text: str) -> list[tuple[str, str]]:
    """The unknown names in a script, and what is taken for meant."""
    script = place / "script"
    script.write_text(text)
    return [(name, close) for _script, name, close in misspellings([script, script], BACKEND)]


@pytest.mark.parametrize(
    ("line", "name", "close"),
    [
        ("max_memroy=4000", "max_memroy", "max_memory"),
        ("  max_cpu=4", "max_cpu", "max_cpus"),
        ("export Default_Walltime=60", "Default_Walltime", "default_walltime"),
        ("paralel_environment=mpi", "paralel_environment", "parallel_environment"),
    ],
)
def test_a_misspelt_setting_is_found_with_the_one_that_was_meant(
    place: Path, line: str, name: str, close: str
) -> None:
    """The shell would set an unused variable, and jobs would have another limit."""
    assert found(place, f"#!/bin/sh\nbackend=process\n{line}{TAIL}") == [(name, close)]


def test_variables_of_the_site_and_comments_are_none(place: Path) -> None:
    """Commands of a batch system may need such variables."""
    text = "# max_memroy=1\nexport SLURM_CONF=/etc/slurm.conf\npatience=3\ngroup=theor\nx=max_cpu=3\n"

    assert found(place, f"{text}{TAIL}") == []


def test_a_script_without_the_back_end_has_no_settings(place: Path) -> None:
    """It may call its variables whatever it likes."""
    assert found(place, "max_memroy=4000\n# . LGI_backend\n") == []


@pytest.mark.parametrize(
    "script", sorted((APPLICATIONS / "command").glob("[a-z]*")), ids=lambda path: path.name
)
def test_a_shipped_script_has_known_settings_only(script: Path) -> None:
    """All of them are in the library."""
    assert list(misspellings([script], BACKEND)) == []


def test_check_names_script_and_setting(file: Path) -> None:
    """It does so once, though the script is named eight times."""
    script = file.parent / "process"
    script.write_text(f"#!/bin/sh\nbackend=process\nmax_memroy=4000{TAIL}")
    script.chmod(0o755)
    for name in ("check_system_limits_script", "job_run_script", "job_abort_script"):
        edit(file, f"<{name}> ./{name} <", f"<{name}> ./process <")

    told = [str(one) for one in script_findings(load(file, as_root=False))]

    assert told == [
        f"WARNING: {script}: the setting max_memroy is unknown and ignored: did you mean max_memory?"
    ]
