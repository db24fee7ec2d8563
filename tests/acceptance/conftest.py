"""Fixtures: a grid with a real daemon process."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.grid import BIN, Grid, wait_for

APPLICATION = Path(__file__).resolve().parents[2] / "applications" / "hello_world"
RESOURCE = "laptop@test"


class DaemonProcess:
    """LGI_daemon with the hello_world application, in its own run directory."""

    application = "hello_world"

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-daemon-"))
        # Root's daemon runs each job as a user of its own, who must get to its directory.
        self.directory.chmod(0o755)
        self.run_directory = self.directory / "run"
        self.run_directory.mkdir(mode=0o755)
        self.log = self.directory / "daemon.log"
        self.configuration = self.directory / "LGI.cfg"
        self.process: subprocess.Popen[bytes] | None = None
        # Of its fast and its slow cycle.
        self.seconds = (1, 2)
        self.configure()

    def configure(self) -> None:
        issued = self.grid.people.resource(RESOURCE)
        text = (APPLICATION / "LGI.cfg.example").read_text()
        for old, new in {
            "../../certificates/LGI+CA.crt": self.grid.people.authority.ca_file,
            "../../certificates/laptop.crt": issued.certificate,
            "../../certificates/laptop.key": issued.key,
            "./runhere": self.run_directory,
            "https://localhost/LGI": self.grid.url,
            " ./": f" {APPLICATION}/",
            "<any> 1 </any>": "<any> 4 </any>",
        }.items():
            text = text.replace(old, str(new))
        self.configuration.write_text(text)

    def start(self) -> None:
        """Start the daemon."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)

    def command(self) -> list[str | Path]:
        """The words that start it."""
        fast, slow = map(str, self.seconds)
        return [BIN / "LGI_daemon", "-v", "-ft", fast, "-st", slow, self.configuration]

    def kill(self) -> None:
        """Kill the daemon with SIGKILL; its jobs continue."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    def stop(self) -> int:
        """Stop the daemon by SIGTERM and return its exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def jobs(self) -> list[Path]:
        """The directories of the jobs it has."""
        return list((self.run_directory / "LGI" / self.application).glob("JOB_*"))

    def remove(self) -> None:
        """Stop the daemon, end its jobs and remove everything."""
        self.stop()
        self.end_jobs()
        shutil.rmtree(self.directory, ignore_errors=True)

    def end_jobs(self) -> None:
        """Kill what works in its directory; return when nothing does, which could write there again."""

        def have_ended() -> bool:
            found = self._processes()
            for process in found:
                with suppress(OSError):
                    os.kill(int(process.name), signal.SIGKILL)
            return not found

        wait_for(have_ended)

    def wake(self) -> None:
        """Let the jobs that sleep end, whatever their number of seconds is."""
        for process in self.sleeping():
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGTERM)

    def sleeping(self) -> list[Path]:
        """The processes, in /proc, in which its jobs pass their seconds."""
        found = []
        for process in self._processes():
            with suppress(OSError):
                found += [process] if (process / "comm").read_text() == "sleep\n" else []
        return found

    def _processes(self) -> list[Path]:
        """The processes, in /proc, that work in its directory."""
        found = []
        here = str(self.directory)
        # Not by glob, which takes ten times as long: it is asked again and again.
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with suppress(OSError):
                if f"{os.readlink(f'/proc/{name}/cwd')}/".startswith(f"{here}/"):
                    found.append(Path("/proc", name))
        return found


class ScriptedDaemon(DaemonProcess):
    """A daemon whose scripts a test may replace, with four job slots."""

    def configure(self) -> None:
        self.scripts = self.directory / "application"
        shutil.copytree(APPLICATION, self.scripts)
        super().configure()
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace(f"{APPLICATION}/", f"{self.scripts}/"))

    def write_script(self, name: str, body: str) -> Path:
        """Give a script another body, for jobs that are offered from now on."""
        script = self.scripts / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return script


AnyDaemon = TypeVar("AnyDaemon", bound=DaemonProcess)


@pytest.fixture
def daemon(grid: Grid) -> Iterator[DaemonProcess]:
    """A running daemon whose resource has signed up."""
    with signed_up(DaemonProcess(grid)) as made:
        yield made


@pytest.fixture
def scripted(grid: Grid) -> Iterator[ScriptedDaemon]:
    """A running daemon whose scripts a test may replace."""
    with signed_up(ScriptedDaemon(grid)) as made:
        yield made


@contextmanager
def signed_up(made: AnyDaemon) -> Iterator[AnyDaemon]:
    """A daemon that runs, its resource registered and its applications known to the server."""
    made.grid.resource(RESOURCE, "").sign_off()
    try:
        made.start()
        wait_for(lambda: offers(made.grid, made.application))
        yield made
    finally:
        made.remove()


def offers(grid: Grid, application: str = "hello_world") -> bool:
    """Return whether the resource has announced an application to the server."""
    rows = grid.rows("SELECT resource_capabilities FROM active_resources WHERE resource_name = %s", RESOURCE)
    return bool(rows) and application in str(rows[0]["resource_capabilities"])
