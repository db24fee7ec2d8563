"""Security holes of LGI 1.31 that are fixed. Tests of others are with their rules: grep for "Hole D"."""

import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.cli.logging import DaemonLog
from lgi_daemon.config.log_levels import VERBOSE
from lgi_daemon.config.model import load
from lgi_daemon.config.section import ConfigurationError
from lgi_daemon.servers.connections import connector
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ErrorNumber, TransportError
from lgi_protocol.job_directory import HASHED, JobDirectory
from lgi_tools.certificates.ca import Authority
from tests.support.fake_server import refused
from tests.support.tls_server import Listening, listening
from tests.support.workshop import FAST, SLOW, Workshop, only, until


def test_links_in_place_of_lgi_files_are_replaced_and_never_followed(workshop: Workshop) -> None:
    """Hole D2: the daemon writes into the job's directory only, and changes no owner or mode elsewhere."""
    workshop.server.submit("1")
    precious = workshop.place / "precious"
    precious.write_text("keep")
    precious.chmod(0o644)
    before = precious.stat()
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    directory = job.run.files(job.record).path
    for name in (*HASHED, *(f"{name}.hash" for name in HASHED)):
        (directory / name).unlink()
        (directory / name).symlink_to(precious)
    workshop.server.change("1", job_specifics=workshop.server.jobs["1"].job_specifics + " <more> 1 </more>")

    workshop.tick(daemon, FAST)

    after = precious.stat()
    assert precious.read_text() == "keep"
    assert (after.st_uid, after.st_mode, after.st_ino) == (before.st_uid, before.st_mode, before.st_ino)
    JobDirectory(directory).verify()


def test_a_linked_job_directory_is_not_removed_through_the_link(workshop: Workshop) -> None:
    """Hole D3: also when the job has put a link where its directory was."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    directory = job.run.files(job.record).path
    precious = workshop.place / "precious"
    precious.mkdir()
    (precious / "file").touch()
    job.record = replace(job.record, ending="finished")
    job.closed = True
    directory.rename(directory.with_name("moved"))
    directory.symlink_to(precious)

    workshop.tick(daemon, 1.0)

    assert (precious / "file").exists()
    assert len(daemon.jobs) == 0


@pytest.mark.parametrize("call", ["job_state", "lock", "details", "update", "request_work", "sign_up"])
def test_a_server_that_says_back_off_is_not_called_in_a_loop(workshop: Workshop, call: str) -> None:
    """Hole D5: whichever call it refuses, ten minutes of a busy server cost a handful of calls."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.server.change("1")
    workshop.server.fail(call, refused(ErrorNumber.BACK_OFF, timeout=60), times=1000)
    workshop.server.calls.clear()

    for _second in range(600):
        workshop.tick(daemon, 1.0)

    assert len(workshop.server.made(call)) <= 11
    assert daemon.stopping() is False


@pytest.mark.parametrize(
    "head",
    ["</", "</LGI>", "<", "<LGI", "</><LGI>", "<LGI><resource></LGI>", "<project number=>", "<a b='</LGI>'>"],
)
def test_a_torn_configuration_is_refused_at_once(file: Path, head: str) -> None:
    """Hole D14: wherever a tag is broken, what is wrong is said in a moment and in one line."""
    text = file.read_text()
    half = len(text) // 2
    for torn in (head, text[:half] + head, text[:half] + head + text[half:].replace("</resource>", "")):
        file.write_text(torn)
        began = time.process_time()

        with pytest.raises(ConfigurationError) as caught:
            load(file, as_root=False)

        assert time.process_time() - began < 1.0
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a b", "a; touch hacked", "$(touch hacked)", "'", '"', "a\\ b", "`touch hacked`"]
)
def test_the_path_of_a_script_is_never_part_of_a_command(workshop: Workshop, name: str) -> None:
    """Hole D15: a script runs under whatever name, and nothing of the name does."""
    workshop.server.submit("1")
    workshop.originals = workshop.originals.rename(workshop.place / name)

    workshop.tick(workshop.daemon())

    assert workshop.acts()[0] == "check_system_limits"
    assert workshop.server.jobs["1"].state == "running"
    assert list(workshop.place.rglob("hacked")) == []


def test_a_limits_script_that_is_gone_refuses_jobs(workshop: Workshop) -> None:
    """Hole D16: deleted after the start of the daemon it is no yes; the job stays queued for others."""
    workshop.server.submit("1")
    (workshop.originals / "job_check_limits_script").unlink()

    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert workshop.server.jobs["1"].state == "queued"
    assert (len(daemon.jobs), workshop.server.locks, workshop.tree()) == (0, {}, [])


def test_a_job_put_back_in_the_queue_can_be_taken_again_at_once(workshop: Workshop) -> None:
    """Hole D17: its time stamp is unchanged, and the old directory exists, whose job still runs."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    first = only(daemon).record
    workshop.marked(only(daemon), "is_running", "fail_job_abort_script")
    offered = workshop.server.jobs["1"]
    workshop.server.jobs["1"] = replace(offered, state="queued")

    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "running"
    assert workshop.server.jobs["1"].daemon_reference == only(daemon).record.reference == first.reference


def test_a_job_that_was_given_up_can_be_taken_again_before_it_has_gone(workshop: Workshop) -> None:
    """Hole D17: its abort keeps failing; each copy has its own directory."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    first = only(daemon)
    workshop.marked(first, "is_running", "fail_job_abort_script")
    first.disown("a test says so")
    workshop.server.change("1", state="queued")

    daemon.work_cycle.due_at = 0.0
    workshop.tick(daemon, 1.0)

    references = {job.record.reference for job in daemon.jobs}
    assert workshop.server.jobs["1"].daemon_reference in references - {first.record.reference}
    assert len(workshop.tree()) == len(references) == 2


def test_no_process_of_a_run_script_outlives_a_daemon_killed_before_it_was_noted(place: Path) -> None:
    """Hole D18: kill -9 between the start of the process and the note of it; the process ends by itself."""
    script = place / "script"
    script.write_text("#!/bin/sh\n: > began\nsleep 60\n")
    script.chmod(0o755)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lgi_daemon.execution.scripts import ScriptContext, Scripts\n"
        "def die(identity): print(identity.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Scripts().start(Path({str(script)!r}), ScriptContext(Path({str(place)!r})), die)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == -signal.SIGKILL
    until(lambda: not is_running(int(ended.stdout)))
    assert not (place / "began").exists()


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_most_verbose_log_tells_no_content_and_has_no_line_of_others(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hole D19: -vv over a whole life; input, output and specifics stay out of it."""
    hostile = "\n1970-01-01T00:00:00+0000 CRITICAL forged\x1b[2K"
    workshop.server.submit("1", owners=(f"mark{hostile}",), specifics=f"<a> secret specifics {hostile} </a>")
    workshop.server.jobs["1"] = replace(workshop.server.jobs["1"], input=b"secret input")
    workshop.rules = replace(workshop.rules, owner_allow={"any": 5})
    DaemonLog(None, VERBOSE, sys.stdout)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    (job.run.files(job.record).path / "LGI_output").write_text("secret output")

    workshop.tick(daemon, 1.0)

    logging.getLogger("lgi_daemon").handlers = []
    lines = capsys.readouterr().out.splitlines()
    assert workshop.server.jobs["1"].output == b"secret output"
    assert any("VERBOSE DEBUG" in line for line in lines)
    assert not any("secret" in line for line in lines)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+ (NORMAL|DEBUG|VERBOSE DEBUG|WARNING) ", line) for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The project's authority."""
    return Authority.create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def impostor(authority: Authority) -> Iterator[Listening]:
    """A user of the project who plays the server with a certificate of the project's own authority."""
    with listening(authority.issue_user("mallory"), authority.ca_file) as started:
        yield started


@pytest.fixture
def resource(authority: Authority) -> Credentials:
    """What the daemon shows, and demands."""
    issued = authority.issue_resource("cluster@test", force=True)
    return Credentials(issued.key, issued.certificate, authority.ca_file)


def test_a_server_with_a_users_certificate_is_not_believed(
    impostor: Listening, resource: Credentials
) -> None:
    """Hole D20: the name in the certificate must be the server's; LGI took any of the authority."""
    with pytest.raises(TransportError, match=r"(?i)hostname|certificate"):
        connector(resource)("LGI", impostor.url()).job_state("1")


def test_the_chain_is_still_demanded_without_the_host_name_check(
    resource: Credentials, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Hole D20: -W skips the comparison of names, not the verification of the chain."""
    strange = Authority.create(tmp_path_factory.mktemp("strange") / "ca")
    with (
        listening(strange.issue_server("localhost"), resource.ca) as server,
        pytest.raises(TransportError, match="certificate"),
    ):
        connector(replace(resource, check_host=False))("LGI", server.url()).job_state("1")


def test_the_tests_name_every_hole() -> None:
    """Hole D1 to Hole D22: each has a test that says so."""
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    named = {int(number) for number in re.findall(r'"""Hole D(\d+): ', texts)}

    assert named == set(range(1, 23))
