"""One job in a test directory, as the daemon creates it, with a copy of its application's script."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lgi_daemon.rundir.file_contents import contents
from lgi_daemon.rundir.job_files import JobFiles
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_protocol.job_directory import SCRIPTS

APPLICATIONS = Path(__file__).resolve().parents[2] / "applications"
LIBRARY = APPLICATIONS / "library"
REFERENCE = "0123456789ABCDEF0123456789ABCDEF"


@dataclass
class Bench:
    """A job of an application. ``settings`` are those that an administrator would write into its script."""

    place: Path
    settings: str
    input: bytes = b"echo hello\n"
    specifics: str = ""
    reference: str = REFERENCE
    max_output_size: int = 4096
    path: list[Path] = field(default_factory=list)
    uid: int | None = None
    shell: str = "/bin/sh"
    # False as under a daemon that gives its scripts no state directory.
    has_state_directory: bool = True
    # Words that run a script elsewhere, with the directory and the uid that were asked for.
    prefix: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scripts = self.place / "scripts"
        self.scripts.mkdir(exist_ok=True)
        self.directory = self.place / "LGI" / "command" / f"JOB_{self.reference}"
        record = JobRecord(
            reference=self.reference,
            project="LGI",
            application="command",
            server="https://localhost/LGI",
            master_server="https://localhost/LGI",
            job_id="7",
            owners=("mark",),
            read_access=("mark",),
            write_access=("mark",),
            key_file=str(self.place / "key"),
            certificate_file=str(self.place / "certificate"),
            ca_file=str(self.place / "ca"),
            max_output_size=self.max_output_size,
            uid=os.geteuid() if self.uid is None else self.uid,
            target_resources=("cluster@test",),
            job_specifics=self.specifics,
            state="running",
            state_time_stamp="1",
            input=self.input,
            phase=Phase.ACCEPTED,
        )
        self.record = record
        files = JobFiles(self.directory, self.uid)
        files.make()
        files.write(contents(record, dict.fromkeys(SCRIPTS, b"")))
        if self.has_state_directory:
            self.own.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.uid is not None:
                os.chown(self.own, self.uid, self.uid)

    @property
    def interpreter(self) -> str:
        """The program that runs the scripts."""
        return self.shell if self.shell.startswith("/") else f"/usr/bin/env -S {self.shell}"

    @property
    def own(self) -> Path:
        """The directory of the library's marks."""
        if self.has_state_directory:
            return self.place / "records" / self.reference / "state"
        return self.directory / ".LGI_job"

    def environment(self) -> dict[str, str]:
        """The environment variables that the daemon sets for a script."""
        state = {"LGI_STATE_DIRECTORY": str(self.own)} if self.has_state_directory else {}
        return state | {
            "PATH": ":".join(map(str, [*self.path, LIBRARY, os.environ["PATH"], "/usr/sbin"])),
            "HOME": str(self.place),
            "LANG": "C.UTF-8",
            "LGI_JOB_DIRECTORY": str(self.directory),
            "LGI_JOB_ID": "7",
            "LGI_PROJECT": "LGI",
            "LGI_APPLICATION": "command",
            "LGI_DAEMON_REFERENCE": self.reference,
        }

    def script(self, question: str) -> Path:
        """Return the daemon's copy of the script for a task."""
        prefix = "" if question == "check_system_limits" else "LGI_"
        script = self.scripts / f"{prefix}{question}_script"
        script.write_text(f"#!{self.interpreter}\n{self.settings}\n. LGI_backend\n")
        script.chmod(0o755)
        return script

    def start(self, question: str) -> "subprocess.Popen[bytes]":
        """Run a script as the daemon does: in its own session, without input and output."""
        script, directory = self.script(question), self.directory if "job" in question else self.place
        if self.prefix:
            user = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
            there = ["sh", "-c", 'cd "$1" && exec "$2"', "sh", directory, script]
            return subprocess.Popen(
                [*self.prefix, "setpriv", *user, *there],
                env=self.environment(),
                start_new_session=True,
                umask=0o077,
            )
        return subprocess.Popen(
            [script],
            cwd=directory,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )

    def ask(self, question: str) -> int:
        """Run a script and return its exit status."""
        return self.start(question).wait(60)

    def state(self) -> str:
        """Return the state that the daemon concludes from both check scripts."""
        if self.ask("job_check_running") == 0:
            return "running"
        return "finished" if self.ask("job_check_finished") == 0 else "idle"

    def begin(self) -> "subprocess.Popen[bytes]":
        """Run prologue and run script, as for an idle job."""
        assert self.ask("job_prologue") == 0
        return self.start("job_run")

    def finish(self, seconds: float = 60.0) -> str:
        """Run the job to its end, then its epilogue; return its output."""
        self.begin()
        until(lambda: self.state() == "finished", seconds)
        assert self.ask("job_epilogue") == 0
        return self.output()

    def output(self) -> str:
        """Return the reported output."""
        return (self.directory / "LGI_output").read_text("utf-8", "replace")

    def mark(self, name: str) -> str:
        """Return the content of a mark of the library, empty when it does not exist."""
        path = self.own / name
        return path.read_text().strip() if path.exists() else ""

    def remove_answers(self) -> None:
        """Remove the cached status of the batch system."""
        shutil.rmtree(f"/tmp/LGI_backend.{self.uid or os.geteuid()}", ignore_errors=True)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for an event in another process."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.05)
