"""Look-alikes of batch systems' commands: PBS after what OpenPBS 23.06 was seen to say, SGE after SGE 8.1.9.

LoadLeveler and gLite follow their documented commands: nobody here has seen them answer.

Run under the name of a command. The directory above holds the jobs, and what a test wants to go wrong:
`silent` (no answer), `slow` (it takes half a second), `late` (it says what was so a second ago), `hanging`,
`garbled`, `refusing` (submissions), `losing` (a submission is taken, its answer is not given), `holding`
(jobs wait), `deaf` (cancels are ignored). `calls` is a line for each call.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

COMMANDS = {
    "pbs": ("qsub", "qstat", "qdel"),
    "sge": ("qsub", "qstat", "qdel"),
    "loadleveler": ("llsubmit", "llq", "llcancel"),
    "glite": tuple(f"glite-wms-job-{word}" for word in ("submit", "status", "cancel", "output")),
}
STATE = Path(__file__).parent.parent


def install(place: Path, backend: str) -> Path:
    """Put the commands of a batch system into a directory of their own; that directory."""
    directory = place / "bin"
    directory.mkdir(parents=True)
    (place / "jobs").mkdir()
    (place / "backend").write_text(backend)
    for name in COMMANDS[backend]:
        command = directory / name
        command.write_text(f"#!{sys.executable} -ISE\n{Path(__file__).read_text()}")
        command.chmod(0o755)
    return directory


def wants(trouble: str) -> bool:
    """Whether a test has asked for this to go wrong."""
    return (STATE / trouble).exists()


def fail(text: str, code: int = 1) -> None:
    """End with a message."""
    print(text, file=sys.stderr)
    sys.exit(code)


class Job:
    """One job of the batch system: a file with its name, its process, and where it runs."""

    def __init__(self, number: int) -> None:
        self.number = number
        name, pid, place = (STATE / "jobs" / str(number)).read_text().split("\n")
        self.name, self.pid, self.place = name, int(pid), place

    @property
    def state(self) -> str:
        """queued, running or ended."""
        if not self.pid:
            return "queued"
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return "ended"
        return "ended" if stat.rpartition(")")[2].split()[0] in "ZX" else "running"

    def delete(self) -> None:
        """Kill it and forget it."""
        if not wants("deaf"):
            if self.pid:
                os.killpg(self.pid, signal.SIGKILL)
            (STATE / "jobs" / str(self.number)).unlink()


def jobs() -> list[Job]:
    """All that was ever taken, but for the deleted."""
    return [
        Job(int(path.name)) for path in sorted((STATE / "jobs").iterdir(), key=lambda path: int(path.name))
    ]


def take(name: str, script: str, place: str = "") -> int:
    """Start a job; its number. Ends here when a test wants no answer."""
    if wants("refusing"):
        fail("the queue 'wrong' is not known")
    number = len((STATE / "calls").read_text().splitlines())
    pid = 0
    if not wants("holding"):
        # Slow to load, as others below: commands that ask are called hundreds of times.
        import subprocess

        pid = subprocess.Popen(
            [script] if place else ["/bin/sh", script],
            cwd=place or None,
            env=of_node(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).pid
    # Whole at once: a question may come at any time.
    written = STATE / f"job.{number}"
    written.write_text(f"{name}\n{pid}\n{place}")
    written.rename(STATE / "jobs" / str(number))
    if wants("losing"):
        fail("connection lost", 255)
    return number


def of_node() -> dict[str, str]:
    """What a node gives to jobs: a test's lines NAME=VALUE, else what the command has, as `sbatch` does."""
    lines = STATE / "environment"
    if not lines.exists():
        return dict(os.environ)
    return dict(line.split("=", 1) for line in lines.read_text().splitlines())


def after(option: str) -> str:
    """The word behind an option."""
    return sys.argv[sys.argv.index(option) + 1]


def find(number: str) -> Job:
    """A job that is still known."""
    found = [job for job in jobs() if str(job.number) == number and job.state != "ended"]
    if not found:
        fail(f"qdel: Unknown Job Id {number}.pbshost", 153)
    return found[0]


def pbs() -> None:
    """OpenPBS: a job that has ended is not listed."""
    if COMMAND == "qsub":
        print(f"{take(after('-N'), sys.argv[-1])}.pbshost")
    elif COMMAND == "qdel":
        find(sys.argv[1]).delete()
    elif listed := [job for job in jobs() if job.state != "ended"]:
        print("Job id            Name             User              Time Use S Queue")
        print("----------------  ---------------- ----------------  -------- - -----")
        for job in listed:
            letter = "R" if job.state == "running" else "Q"
            print(
                f"{job.number}.pbshost".ljust(17),
                f"{job.name:<16} mark             00:00:00 {letter} workq           ",
            )


def sge() -> None:
    """SGE: XML, one element a line."""
    if COMMAND == "qsub":
        print(take(after("-N"), sys.argv[-1]))
    elif COMMAND == "qdel":
        find(sys.argv[1]).delete()
    else:
        print("<?xml version='1.0'?>\n<job_info  xmlns:xsd=\"http://arc.liv.ac.uk/x.xsd\">\n  <queue_info>")
        for job in jobs():
            if job.state != "ended":
                letter = "Eqw" if wants("broken") else "r" if job.state == "running" else "qw"
                print(
                    f'    <job_list state="{job.state}">\n      <JB_job_number>{job.number}</JB_job_number>'
                )
                print(f"      <JB_name>{job.name}</JB_name>\n      <state>{letter}</state>\n    </job_list>")
        print("  </queue_info>\n</job_info>")


def loadleveler() -> None:
    """LoadLeveler: raw lists, fields between exclamation marks; ended jobs are listed as completed."""
    if COMMAND == "llsubmit":
        name = re.search(r"^# @ job_name = (\S+)$", Path(sys.argv[1]).read_text(), re.M)
        assert name is not None
        print(f'llsubmit: The job "c209.example.org.{take(name[1], sys.argv[1])}" has been submitted.')
    elif COMMAND == "llcancel":
        find(sys.argv[1].split(".")[1]).delete()
    elif not jobs():
        print("llq: There is currently no job status to report.")
    for job in jobs() if COMMAND == "llq" else []:
        print(f"c209.{job.number}.0!{job.name}!{ {'queued': 'I', 'running': 'R', 'ended': 'C'}[job.state] }")


def glite() -> None:
    """gLite: a job runs in a directory far away, with what was sent; its results are asked for."""
    address = "https://wms.example.org:9000/job"
    if COMMAND.endswith("submit"):
        import tempfile

        text = Path(sys.argv[-1]).read_text()
        place = tempfile.mkdtemp(dir=STATE)
        sent = re.search(r"InputSandbox = \{(.*?)\};", text)
        assert sent is not None
        for path in re.findall(r'"([^"]*)"', sent[1]):
            target = Path(place, Path(path).name)
            target.write_bytes(Path(path).read_bytes())
            target.chmod(0o755)
        tag = re.search(r'LGI = "(\w+)"', text)
        assert tag is not None
        number = take(tag[1], "./batch", place)
        print(
            f"\n====== glite-wms-job-submit Success ======\n\nYour job identifier is:\n\n{address}{number}\n"
        )
    elif COMMAND.endswith("cancel"):
        find(sys.argv[-1].removeprefix(address)).delete()
    elif COMMAND.endswith("output"):
        import tarfile

        job = Job(int(sys.argv[-1].removeprefix(address)))
        Path(after("--dir")).mkdir(exist_ok=True)
        results = Path(job.place, "LGI_results.tar")
        assert tarfile.is_tarfile(results)
        Path(after("--dir"), results.name).write_bytes(results.read_bytes())
    else:
        words = {"queued": "Scheduled", "running": "Running", "ended": "Done (Success)"}
        print("\n\n======================= glite-wms-job-status Success =====================")
        print("BOOKKEEPING INFORMATION:\n")
        for job in jobs():
            print(f"Status info for the Job : {address}{job.number}\nCurrent Status:     {words[job.state]}")
            print(f"User Tags:\n    LGI = {job.name};\n{'=' * 74}\n")


if __name__ == "__main__":
    COMMAND = Path(sys.argv[0]).name
    with (STATE / "calls").open("a") as calls:
        calls.write(f"{' '.join([COMMAND, *sys.argv[1:]])}\n")
    ASKS = COMMAND in ("qstat", "llq", "glite-wms-job-status")
    if ASKS and wants("slow"):
        time.sleep(0.5)
    if ASKS and wants("hanging"):
        time.sleep(60)
    if ASKS and wants("silent"):
        fail("cannot connect to server", 255)
    if ASKS and wants("garbled"):
        print("Warning: the server is being restarted, please wait")
    else:
        globals()[(STATE / "backend").read_text()]()
        if ASKS and wants("late"):
            time.sleep(1)
