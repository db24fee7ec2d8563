"""The capabilities that a resource announces, with the output of its scripts."""

from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.claiming.capabilities import CACHE_SECONDS, CapabilityReporter
from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.config.model import ConfigurationError, ProjectSettings, load
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.servers.clock import Clock
from lgi_protocol import xml

from .test_configuration import edit


def saying(file: Path, script: str) -> ProjectSettings:
    """The project of a configuration whose application asks this script."""
    path = file.parent / "says"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    edit(file, "<capabilities>", "<capabilities_script> ./says </capabilities_script> <capabilities>")
    (project,) = load(file, as_root=False).projects
    return project


def announcement(file: Path, clock: Clock | None = None) -> CapabilityReporter:
    """As the daemon has it."""
    limits = SystemLimits(Scripts(), file.parent, file.parent / ".programs")
    return CapabilityReporter(Scripts(), file.parent, clock or Clock(), limits)


def test_the_output_of_a_script_is_announced_beside_the_text(file: Path) -> None:
    """It is escaped; the script gets the word capabilities and the application."""
    project = saying(file, 'echo "<images> $1:$LGI_PROJECT.$LGI_APPLICATION </images>"; printf "\\033"')

    assert announcement(file).capabilities(project) == (
        "<hello_world> nothing special &lt;images&gt; capabilities:LGI.hello_world &lt;/images&gt;"
        " </hello_world> "
    )


def test_a_script_is_asked_once_a_minute(file: Path) -> None:
    """A busy daemon signs up every few seconds; a new image is announced all the same."""
    clock = Clock()
    project = saying(file, "echo x >> count; wc -l < count")
    asked = announcement(file, clock)

    first = asked.capabilities(project)
    clock.now = CACHE_SECONDS - 1
    assert asked.capabilities(project) == first
    clock.now = CACHE_SECONDS
    assert asked.capabilities(project) == first.replace("special 1", "special 2") != first


@pytest.mark.parametrize("script", ["echo x; exit 1", "kill -9 $$"])
def test_a_script_that_fails_says_nothing(file: Path, script: str) -> None:
    """The capabilities of the configuration are announced without it."""
    assert (
        announcement(file).capabilities(saying(file, script))
        == "<hello_world> nothing special </hello_world> "
    )


def test_an_announcement_larger_than_a_server_takes_is_left_out(file: Path) -> None:
    """It would refuse the whole sign-up."""
    project = saying(file, "head -c 40000 /dev/zero | tr '\\0' '<'")
    assert project.applications[0].capabilities_script is not None

    told = announcement(file).capabilities(project)

    assert told == project.capabilities
    assert len(told) < xml.MAX_FIELD_SIZE


def test_an_application_without_a_script_announces_its_text_alone(file: Path) -> None:
    """Its capabilities are those of the configuration, unchanged."""
    (project,) = load(file, as_root=False).projects

    assert announcement(file).capabilities(project) == project.capabilities
    assert announcement(file).capabilities(replace(project, applications=())) == ""


def test_a_script_that_cannot_be_run_is_named_with_its_tag(file: Path) -> None:
    """The error is reported when the configuration is read, as for the others."""
    saying(file, "true")
    (file.parent / "says").chmod(0o644)

    with pytest.raises(ConfigurationError, match=r"capabilities_script: the file .*says"):
        load(file, as_root=False)
