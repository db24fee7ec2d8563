"""One resource of a torture: an LGI_daemon with a run directory, a link and a clock of its own."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.support.grid import BIN, PROJECT, Grid
from tests.torture.link import Link

SCRIPTS = Path(__file__).parent / "scripts"
APPLICATION = "torture"
# In bytes: what a run directory on a disk of its own may hold.
DISK = 48 * 1024 * 1024
_CYCLE = ("-ft", "2", "-st", "4")
_LIMITS = (
    "<owner_allow> <any> {places} </any> </owner_allow> <owner_deny> </owner_deny>"
    "<job_limit> {places} </job_limit>"
)
_CONFIGURATION = """<LGI>
  <ca_certificate_file> {ca} </ca_certificate_file>
  <resource>
    <resource_certificate_file> {certificate} </resource_certificate_file>
    <resource_key_file> {key} </resource_key_file>
    <run_directory> {run} </run_directory>
    {uids}
    {limits}
    <number_of_projects> 1 </number_of_projects>
    <project number='1'>
      <project_name> {project} </project_name>
      <project_master_server> {url} </project_master_server>
      {limits}
      <number_of_applications> 1 </number_of_applications>
      <application number='1'>
        <application_name> {application} </application_name>
        {limits}
        <max_output_size> 4096 </max_output_size>
        <capabilities> nothing special </capabilities>
        {scripts}
      </application>
    </project>
  </resource>
</LGI>
"""


class Resource:
    """Started and killed as a whole: the daemon goes, its jobs go on."""

    def __init__(
        self,
        grid: Grid,
        number: int,
        place: Path,
        scripts: Path,
        places: int,
        clock_library: Path | None = None,
    ) -> None:
        """Write its configuration; ``place`` is an empty directory that others may enter."""
        self.number = number
        self.name = f"res{number}@torture"
        self.place = place
        self.link = Link()
        self.run = place / "run"
        self.run.mkdir(mode=0o755)
        self.has_disk = os.geteuid() == 0 and _mount(self.run)
        self._log = place / "daemon.log"
        self._clock = place / "clock"
        self._clock_library = clock_library
        self.set_clock(0)
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = place / "LGI.cfg"
        issued = grid.people.resource(self.name)
        first = 3_000_000 + 1000 * number
        self._configuration.write_text(
            _CONFIGURATION.format(
                ca=grid.people.authority.ca_file,
                certificate=issued.certificate,
                key=issued.key,
                run=self.run,
                uids=f"<job_sandbox_uids> {first}-{first + 999} </job_sandbox_uids>",
                limits=_LIMITS.format(places=places),
                project=PROJECT,
                url=grid.url,
                application=APPLICATION,
                scripts="\n".join(f"<{one.name}> {one} </{one.name}>" for one in sorted(scripts.iterdir())),
            )
        )

    def start(self) -> None:
        """Start the daemon, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        environment = {**os.environ, "https_proxy": self.link.url, "no_proxy": ""}
        if self._clock_library is not None:
            environment |= {"LD_PRELOAD": str(self._clock_library), "TORTURE_CLOCK": str(self._clock)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "LGI_daemon", "-v", *_CYCLE, self._configuration],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the daemon as a power cut would; its jobs go on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    def send(self, number: signal.Signals) -> None:
        """Send the daemon a signal; one that has ended gets none."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def set_clock(self, seconds: int) -> None:
        """Set the daemon's clock so many seconds off."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._clock)

    @property
    def has_clock(self) -> bool:
        """Return whether its clock can be set."""
        return self._clock_library is not None

    def jobs(self) -> list[Path]:
        """Return the directories of the jobs that it has."""
        return list((self.run / PROJECT / APPLICATION).glob("JOB_*"))

    def log(self) -> str:
        """Return what the daemon has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def remove(self) -> None:
        """End the daemon and its jobs and remove everything."""
        self.send(signal.SIGCONT)
        self.kill()
        self.link.close()
        _end_processes_in(self.place)
        if self.has_disk:
            subprocess.run(["umount", "-l", self.run], check=False)
        shutil.rmtree(self.place, ignore_errors=True)


def _mount(directory: Path) -> bool:
    """Give a directory a small disk of its own; False where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "torture", str(directory)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _end_processes_in(place: Path) -> None:
    end = time.monotonic() + 60
    while (found := _processes_in(place)) and time.monotonic() < end:
        for process in found:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


def _processes_in(place: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if Path(os.readlink(entry)).is_relative_to(place):
                found.append(int(entry.parent.name))
    return found


def clock_library(directory: Path) -> Path | None:
    """Build the library that sets a daemon's clock; None where there is no compiler."""
    if shutil.which("cc") is None:
        return None
    library = directory / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library
