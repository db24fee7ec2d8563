"""A resource that runs the programs of jobs here, each when a test says so."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lgi_protocol import xml
from lgi_protocol.job_description import JobDescription
from lgi_tools.client.files import Files
from lgi_tools.client.repository import Repository
from tests.support.grid import Grid, wait_for

# Jobs have the Python of this machine, and none of the packages of these tests.
PATH = f"{sys.base_prefix}/bin:{os.environ['PATH']}"


class ProgramResource:
    """Takes jobs of ``command``, runs their input beside their files, stores what is new, and reports."""

    def __init__(self, grid: Grid, capabilities: str = "<command> </command>") -> None:
        self.calls = grid.resource("res1@cluster", capabilities)

    def take(self, number: int = 1) -> list[JobDescription]:
        """Start so many jobs: wait until they are queued, and report them as running."""
        jobs: list[JobDescription] = []
        wait_for(lambda: jobs.extend(self.offered("command", number - len(jobs))) or len(jobs) == number, 60)
        return jobs

    def offered(self, application: str, most: int = 5) -> list[JobDescription]:
        """Start the jobs of an application that are queued, and return them."""
        jobs = []
        for job in self.calls.request_work(application, 0, most).jobs:
            self.calls.update(job.job_id, state="running")
            jobs.append(self.calls.details(job.job_id))
            self.calls.unlock(job.job_id)
        return jobs

    def run(self, number: int = 1) -> None:
        """Start so many jobs and run each to its end."""
        for job in self.take(number):
            self.finish(job)

    def finish(self, job: JobDescription) -> None:
        """Run the program of a job that was taken."""
        files = self.files(job)
        with tempfile.TemporaryDirectory() as name:
            Path(name, "LGI_input").write_bytes(job.input)
            for one in files.list():
                files.download(one.name, name)
            given = contents(name)
            command = ["sh", "./LGI_input"]
            done = subprocess.run(command, cwd=name, env={"PATH": PATH}, capture_output=True, check=False)
            for path, data in contents(name).items():
                if given.get(path) != data:
                    files.upload(path)
        code = done.returncode
        errors = b"[LGI: standard error]\n" + whole(done.stderr) if done.stderr else b""
        self.report(job, whole(done.stdout) + errors + b"[LGI: exit code %d]\n" % code, exit_code=code)

    def report(self, job: JobDescription, output: bytes, **end: int | str) -> None:
        """Report the end of a job, finished unless ``end`` has another state."""
        self.calls.lock(job.job_id)
        self.calls.update(job.job_id, **({"state": "finished", "output": output} | end))
        self.calls.unlock(job.job_id)

    def files(self, job: JobDescription) -> Files:
        """The files of a job."""
        url = xml.value(job.job_specifics, "repository_url")
        return Files(Repository(url, self.calls.client.session))


def whole(stream: bytes) -> bytes:
    """A stream whose last line has an end."""
    return stream if stream.endswith(b"\n") or not stream else stream + b"\n"


def contents(directory: str) -> dict[Path, bytes]:
    """The files of a directory."""
    return {path: path.read_bytes() for path in Path(directory).iterdir() if path.is_file()}
