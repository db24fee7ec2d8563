"""LGI_wait and LGI_clean against a server with canned answers."""

import sys
from collections.abc import Callable

import pytest

from lgi_tools.commands.clean import main as clean
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import CannedServer, end_fields, lgi, lgi_error

Run = Callable[..., tuple[int, str, str]]
STATE, DELETE = "interfaces/interface_job_state", "interfaces/interface_delete_job"
DELETED = lgi("<job> <state> deleted </state> </job>")


def job(
    job_id: int, state: str = "finished", more: str = end_fields(0), owner: str = "mark@laptop", at: int = 60
) -> str:
    """A job of an answer."""
    return (
        f"<job> <job_id> {job_id} </job_id> <state> {state} </state>"
        f" <owners> {owner} </owners> <application> a </application>"
        f" <state_time_stamp> {at} </state_time_stamp> {more} </job>"
    )


def has(server: CannedServer, finished: str = "", aborted: str = "") -> None:
    """What there is to clean."""
    for jobs in (finished, aborted):
        server.will_answer_call(STATE, *([lgi(jobs), lgi("")] if jobs else [lgi("")]))
    server.will_answer_call(DELETE, DELETED)


def deleted(server: CannedServer) -> list[str]:
    """The jobs that were deleted."""
    return [
        request.fields["job_id"] for request in server.requests if request.path.endswith("delete_job.php")
    ]


def test_all_jobs_are_waited_for(run: Run, server: CannedServer) -> None:
    """A line each; the exit code is that of the first one that did not succeed.

    The first answer is to the call for all of them, which is that of an older server.
    """
    server.will_answer_call(
        STATE,
        lgi(job(3, "running")),
        lgi(job(3, "running")),
        lgi(job(3)),
        lgi(job(4, more=end_fields(5))),
        lgi(job(5, "aborted", "")),
        lgi(job(6, more=end_fields(reason="NODE_FAIL"))),
        lgi(job(7, more=end_fields(signal=11))),
    )

    code, out, err = run(wait, "3", "4", "5", "6", "7", "3")

    assert (code, err) == (5, "LGI_wait: the exit code of job 6 is unknown\n")
    assert out.splitlines() == [
        "3 finished, exit code 0",
        "4 finished, exit code 5",
        "5 aborted",
        "6 finished, exit code unknown: NODE_FAIL",
        "7 finished, killed by signal 11",
    ]


HOLD = (
    "<hold> <reason> {} </reason> <since> 60 </since>"
    " <held_by> scheduler </held_by> <text> lost 3 times </text> </hold>"
)


@pytest.mark.parametrize("others", [(), ("4",)])
def test_a_wait_for_a_job_that_somebody_has_to_release_says_so(
    run: Run, server: CannedServer, others: tuple[str, ...]
) -> None:
    """Once, for one job and for many; one that waits for its next try is no reason."""
    waiting = job(4, "queued", HOLD.format("retry"))
    server.will_answer_call(STATE, lgi(job(3, "queued", HOLD.format("user")) + waiting * len(others)))

    code, out, err = run(wait, "--timeout", "1", "3", *others)

    assert (code, out) == (124, "")
    assert err.count("job 3 is held by scheduler: lost 3 times; LGI_release 3 releases it") == 1
    assert err.count("is held") == 1


@pytest.mark.parametrize(
    ("state", "more", "code"),
    [
        ("finished", end_fields(0), 0),
        ("finished", end_fields(255), 255),
        ("finished", end_fields(signal=9), 137),
        ("finished", end_fields(0, reason="not stored: out/ (directory)"), 0),
        ("finished", "", 3),
        ("finished", "<exit_code> -1 </exit_code>", 3),
        ("finished", "<job_specifics> <exit_code> 0 </exit_code> </job_specifics>", 3),
        ("finished", f"<output> {b'[LGI: exit code 0]'.hex()} </output>", 3),
        ("aborted", "", 1),
        ("aborted", end_fields(143), 143),
    ],
)
def test_the_exit_code_is_that_of_the_job(
    run: Run, server: CannedServer, state: str, more: str, code: int
) -> None:
    """It is read from the fields only; an unknown one is not a success."""
    server.will_answer_call(STATE, lgi(job(3, state, more)))

    assert run(wait, "-q", "3")[:2] == (code, "")


def test_a_job_that_is_gone_is_no_reason_to_wait(run: Run, server: CannedServer) -> None:
    """The others are waited for all the same; a server that cannot list these jobs is asked for each."""
    server.will_answer_call(STATE, lgi(job(3)), lgi_error(15, "no such job"), lgi(job(4)))

    assert run(wait, "3", "4") == (1, "3 does not exist\n4 finished, exit code 0\n", "")


def test_a_wait_can_be_quiet(run: Run, server: CannedServer) -> None:
    """The exit code says it all."""
    server.will_answer_call(STATE, lgi(job(3)))

    assert run(wait, "-q", "3") == (0, "", "")


def test_a_wait_can_be_given_up(run: Run, server: CannedServer) -> None:
    """With the exit code of timeout(1)."""
    server.will_answer_call(STATE, lgi(job(3, "running")))

    assert run(wait, "--timeout", "0.2", "3") == (124, "", "LGI_wait: job 3 has not ended after 0.2 s\n")


@pytest.mark.parametrize("word", ["x", "-1", "1.5", "1234567890"])
def test_a_wait_is_for_numbers(run: Run, server: CannedServer, word: str) -> None:
    """Said before anything is sent."""
    code, out, _ = run(wait, "3", "--", word)

    assert (code, out, server.requests) == (1, "", [])


def test_jobs_that_have_ended_are_removed(run: Run, server: CannedServer) -> None:
    """Finished and aborted ones, but only one's own: of others one may read more than one should remove."""
    has(server, job(1) + job(2, owner="eve@desk"), job(3, "aborted", owner="theor, mark@laptop"))

    assert run(clean, "--yes") == (0, "2 jobs removed\n", "")
    assert deleted(server) == ["1", "3"]
    states = [request.fields["state"] for request in server.requests if request.path.endswith("state.php")]
    assert states == ["finished", "finished", "aborted", "aborted"]


def test_only_old_jobs_can_be_removed(run: Run, server: CannedServer) -> None:
    """Their age is counted from their last change."""
    has(server, job(1) + job(2, at=4_000_000_000))

    assert run(clean, "--yes", "--older-than", "30d")[0] == 0
    assert deleted(server) == ["1"]


def test_failed_jobs_can_be_kept(run: Run, server: CannedServer) -> None:
    """These are jobs that are not known to have succeeded; aborted ones are removed.

    A job is fetched where the list does not say how it has ended.
    """
    unknown = job(3, more="")
    first = lgi(job(1) + job(2, more=end_fields(3)) + unknown)
    server.will_answer_call(STATE, first, lgi(""), lgi(job(4, "aborted")), lgi(""), lgi(unknown))
    server.will_answer_call(DELETE, DELETED)

    assert run(clean, "--yes", "--keep-failed") == (0, "2 jobs removed\n", "")
    assert deleted(server) == ["1", "4"]


def test_the_jobs_that_would_be_removed_can_be_seen(run: Run, server: CannedServer) -> None:
    """-n lists them and deletes none."""
    has(server, job(1))

    assert run(clean, "-n") == (0, "1 finished a 1970-01-01T00:01:00Z\n", "")
    assert deleted(server) == []


def test_no_job_is_removed_unasked(run: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal there is no prompt, so nothing is removed."""
    has(server, job(1))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    code, out, err = run(clean)

    assert (code, out) == (1, "")
    assert "--yes" in err
    assert deleted(server) == []


@pytest.mark.parametrize(("answer", "gone"), [(True, ["1"]), (False, [])])
def test_a_question_is_asked_before_jobs_are_removed(
    run: Run, server: CannedServer, monkeypatch: pytest.MonkeyPatch, answer: bool, gone: list[str]
) -> None:
    """How many there are, and of which kind."""
    has(server, job(1))
    asked: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text) or answer)

    code, _, _ = run(clean)

    assert (code, asked) == (0 if answer else 1, ["Remove your 1 finished jobs with their files?"])
    assert deleted(server) == gone


def test_a_job_that_somebody_else_removed_is_gone(run: Run, server: CannedServer) -> None:
    """Another refusal is reported, and the other jobs are removed nevertheless."""
    for answer in (lgi(job(1) + job(2) + job(3)), lgi("")):
        server.will_answer_call(STATE, answer)
    server.will_answer_call(DELETE, lgi_error(15, "gone"), lgi_error(35, "not yours"), DELETED)

    code, out, err = run(clean, "-y")

    assert (code, out, err) == (1, "2 jobs removed\n", "LGI_clean: job 2: not yours (LGI error 35)\n")
    assert deleted(server) == ["1", "2", "3"]


def test_a_list_without_jobs_is_reported_as_empty(run: Run, server: CannedServer) -> None:
    """One message, and exit code 0."""
    has(server)

    assert run(clean) == (0, "", "LGI_clean: no jobs to remove\n")
