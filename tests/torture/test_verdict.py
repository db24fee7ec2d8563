"""The verdict on a torture: what is wrong is found, and what is right is not."""

from dataclasses import replace

import pytest

from tests.torture import ledger
from tests.torture.ledger import Run
from tests.torture.plan import Kind, Plan, faults
from tests.torture.verdict import Change, Evidence, violations

QUEUED, TAKEN = Change(1, "", "queued"), Change(1, "queued", "running")
ENDED, ANEW = Change(1, "running", "finished"), Change(1, "running", "queued")
GOOD = Evidence(
    accepted={1: "token"},
    asked=set(),
    states={1: "finished"},
    outputs={1: b"done token\n"},
    changes=(QUEUED, TAKEN, ENDED),
    runs=(Run(1, "A", 10.0, 12.0),),
)
WRONG = {
    "no job at all": (replace(GOOD, accepted={}, states={}, changes=(), runs=()), "no job was accepted"),
    "a lost job": (replace(GOOD, states={}), "job 1 was accepted and is gone"),
    "a job without an end": (replace(GOOD, states={1: "running"}), "job 1 is still running"),
    "an abort nobody wanted": (
        replace(GOOD, states={1: "aborted"}),
        "job 1 was aborted, and nobody asked for it",
    ),
    "a doubled submit": (replace(GOOD, states={1: "finished", 2: "finished"}), "job 2 is there, and nobody"),
    "another job's output": (replace(GOOD, outputs={1: b"done other"}), "job 1 finished with the output"),
    "two ends": (replace(GOOD, changes=(QUEUED, TAKEN, ENDED, ANEW, TAKEN, ENDED)), "job 1 ended 2 times"),
    "a gap in the history": (replace(GOOD, changes=(QUEUED, ENDED)), "job 1 went from queued on as running"),
    "a reference that ran twice": (
        replace(GOOD, runs=(Run(1, "A", 10.0, 12.0), Run(1, "A", 13.0, 14.0))),
        "job 1 was started 2 times as A",
    ),
    "a second run without a loss": (
        replace(GOOD, runs=(Run(1, "A", 10.0, 12.0), Run(1, "B", 11.0, 13.0))),
        "job 1 ran 2 times and was queued anew 0 times",
    ),
    "an end without a run": (replace(GOOD, runs=()), "job 1 finished and never ran"),
    "a lock": (replace(GOOD, locked=[1]), "job 1 is still locked"),
    "a directory": (replace(GOOD, left=["res1/JOB_1"]), "a resource still has res1/JOB_1"),
    "tables": (replace(GOOD, damaged=[1]), "the tables do not agree on job 1"),
}


@pytest.mark.parametrize(("evidence", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_broken_rule_is_named(evidence: Evidence, sentence: str) -> None:
    """Each rule of a torture finds the one thing that breaks it."""
    assert any(found.startswith(sentence) for found in violations(evidence)), violations(evidence)


def test_a_good_torture_breaks_no_rule() -> None:
    """One job that was lost by its daemon, queued anew and finished, and one that its user aborted."""
    evidence = replace(
        GOOD,
        accepted={1: "token", 2: "other"},
        asked={2},
        states={1: "finished", 2: "aborted"},
        changes=(QUEUED, TAKEN, ANEW, TAKEN, ENDED, Change(2, "", "queued"), Change(2, "queued", "aborted")),
        runs=(Run(1, "A", 10.0, None), Run(1, "B", 40.0, 41.0)),
    )

    assert violations(evidence) == []


def test_a_full_disk_is_a_reason_for_an_output_that_says_so() -> None:
    """The output of a job that could not write it is not its own; it is wrong when no disk was full."""
    told = replace(GOOD, outputs={1: b"[LGI: No space left on device]"})

    assert violations(replace(told, disks_were_full=True)) == []
    assert len(violations(told)) == 1


def test_a_ledger_pairs_each_begin_with_its_end() -> None:
    """A run that was killed ends then; one that says nothing more has no end."""
    lines = ["begin 1 A 5.00", "begin 2 B 6.00", "end 1 A 7.50", "begin 1 C 8.00", "kill 1 C 9.00"]

    assert ledger.runs(lines) == [Run(1, "A", 5.0, 7.5), Run(2, "B", 6.0, None), Run(1, "C", 8.0, 9.0)]


def test_a_ledger_may_have_the_abort_of_a_job_that_was_taken_over() -> None:
    """Its reference is replaced by then; the run is still known by its begin."""
    lines = ["begin 7 A 5.0", "kill 7 ! INVALID ! 6.0", "begin 7 B 6.5", "end 7 B 7.0"]

    assert ledger.runs(lines) == [Run(7, "A", 5.0, None), Run(7, "B", 6.5, 7.0)]


def test_a_seed_makes_the_same_plan_again() -> None:
    """A torture that failed can be repeated; another seed breaks other things."""
    plan = Plan(7, seconds=600)

    first, again, other = (
        faults(plan, list(Kind)),
        faults(plan, list(Kind)),
        faults(Plan(8, seconds=600), list(Kind)),
    )

    assert first == again != other
    assert len(first) > 60
    assert {fault.kind for fault in first} == set(Kind)
    assert all(0 <= fault.at < 600 for fault in first)
