"""What a job sees of other processes, and which of them the kernel ends first."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lgi_daemon.execution import process_hiding, sandbox
from lgi_daemon.execution.scripts import ScriptContext, Scripts
from tests.conftest import lacking
from tests.support import containers
from tests.support.uids import UID
from tests.support.workshop import Workshop, only, until

from .conftest import IS_ROOT, Write
from .test_sandbox import background, needs_root

# Starts a script, in a directory, as a user.
START = """
import sys, pathlib
from lgi_daemon.execution.scripts import Scripts, ScriptContext
script, directory, uid = sys.argv[1:]
context = ScriptContext(pathlib.Path(directory), int(uid))
Scripts().start(pathlib.Path(script), context, lambda _identity: None)
"""


def needs_hiding() -> None:
    """Skip on a machine, as in a container, where it is impossible."""
    if process_hiding.problem():
        lacking(f"a /proc of their own for jobs ({process_hiding.problem()})")


@needs_root
def test_a_job_sees_no_process_of_others(write: Write, here: ScriptContext) -> None:
    """Command lines may contain passwords, and names of other users' work; its own processes are visible."""
    needs_hiding()
    body = "sleep 300 & { for one in /proc/[0-9]*; do stat -c %u $one; done; kill $!; }"

    seen = background(write, here, body).split()

    assert len(seen) >= 2
    assert set(seen) == {str(here.uid)}


@needs_root
def test_the_machine_and_its_other_mounts_stay_as_they_are(write: Write, here: ScriptContext) -> None:
    """The option is that of the job's own /proc."""
    needs_hiding()
    before = mounts()

    seen = background(write, here, "cat /proc/mounts")

    assert mounts() == before
    assert "hidepid=invisible" in seen
    assert len(seen.splitlines()) >= len(before)


def mounts() -> list[str]:
    """What is mounted on the machine; other tests mount small disks in their directories at the same time."""
    others = f" {tempfile.gettempdir()}/"
    return [line for line in Path("/proc/mounts").read_text().splitlines() if others not in line]


@needs_root
def test_a_file_system_that_is_mounted_later_is_there_for_a_job_too(
    write: Write, here: ScriptContext, place: Path
) -> None:
    """An example is a home directory of an automounter: mounts of the machine propagate to the job."""
    needs_hiding()
    shared = place / "shared"
    shared.mkdir()
    script = write(f": > begun; while [ ! -e {shared}/later/there ]; do sleep 0.1; done; : > seen")
    with mounted(shared):
        # As systemd makes all mounts of a machine.
        subprocess.run(["mount", "--make-shared", shared], check=True)
        (shared / "later").mkdir()
        # The namespace of this process may be older than that mount.
        subprocess.run([sys.executable, "-c", START, script, here.directory, str(UID)], check=True)
        try:
            until(lambda: (here.directory / "begun").exists())
            with mounted(shared / "later"):
                (shared / "later" / "there").touch()
                until(lambda: (here.directory / "seen").exists())
        finally:
            sandbox.kill_uid(UID)


@contextmanager
def mounted(place: Path) -> Iterator[None]:
    """A file system there, for the machine."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lgi-test", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@needs_root
def test_a_job_is_in_its_directory_and_has_no_descriptor_of_the_daemon(
    write: Write, here: ScriptContext
) -> None:
    """The directory may have any name; a descriptor of the namespace would belong to root."""
    needs_hiding()

    seen = background(write, here, "{ pwd; ls /proc/self/fd; readlink /proc/self/ns/mnt; }")

    directory, *descriptors, namespace = seen.splitlines()
    assert directory == str(here.directory)
    assert set(descriptors) <= {"0", "1", "2", "3"}
    assert namespace != os.readlink("/proc/self/ns/mnt")


@needs_root
def test_a_container_can_be_made_in_a_job(write: Write, here: ScriptContext) -> None:
    """The kernel refuses a mount of /proc that shows more than the present one."""
    if what := containers.missing():
        lacking(what)
    container = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev"

    assert background(write, here, f"{container} sh -c 'echo inside; ls -d /proc/[0-9]*'").startswith(
        "inside\n"
    )


@needs_root
def test_the_scripts_of_the_site_see_all(write: Write, here: ScriptContext) -> None:
    """A check script may search for a process of another user, as that of a licence server."""
    Scripts().status(write("ls -d /proc/1 > seen"), here)

    assert (here.directory / "seen").read_text() == "/proc/1\n"


def test_the_daemon_of_an_ordinary_user_hides_nothing(write: Write, here: ScriptContext) -> None:
    """All its jobs have one uid; it says so."""
    if IS_ROOT:
        pytest.skip("for an ordinary user")

    assert "was not started by root" in process_hiding.problem()
    assert process_hiding.namespace() == -1


def test_a_job_ends_before_its_daemon_when_memory_runs_out(workshop: Workshop) -> None:
    """The kernel takes the highest score; whatever the job starts has it too."""
    workshop.write_script(
        "job_run_script", "sh -c 'cat /proc/self/oom_score_adj' > score.new; mv score.new score"
    )
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    score = only(daemon).run.files(only(daemon).record).path / "score"
    until(score.exists)

    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(score.read_text()) == min(own + 500, 1000)
