"""The lifecycle table, cell by cell."""

import pytest

from lgi_daemon.jobs.lifecycle import (
    Action,
    Actions,
    Activity,
    ServerIntent,
    last_actions,
    next_actions,
    server_intent,
)
from lgi_protocol.states import State

TABLE: dict[tuple[str, str], list[str]] = {
    ("wanted", "running"): [],
    ("wanted", "finished"): ["epilogue", "report finished", "remove"],
    ("wanted", "idle"): ["prologue", "run"],
    ("wanted", "lost"): ["epilogue", "report finished", "remove"],
    ("unwanted", "running"): ["abort", "report aborted", "remove"],
    ("unwanted", "finished"): ["epilogue", "report finished", "remove"],
    ("unwanted", "idle"): ["report aborted", "remove"],
    ("unwanted", "lost"): ["report aborted", "remove"],
    ("dropped", "running"): ["disown"],
    ("dropped", "finished"): ["epilogue", "report finished", "remove"],
    ("dropped", "idle"): ["disown"],
    ("dropped", "lost"): ["epilogue", "report finished", "remove"],
    ("requeued", "running"): [],
    ("requeued", "finished"): ["epilogue", "report finished", "remove"],
    ("requeued", "idle"): [],
    ("requeued", "lost"): ["epilogue", "report finished", "remove"],
    ("stale", "running"): ["abort", "remove"],
    ("stale", "finished"): ["epilogue", "remove"],
    ("stale", "idle"): ["remove"],
    ("stale", "lost"): ["remove"],
}


@pytest.mark.parametrize(("cell", "acts"), TABLE.items(), ids=" ".join)
def test_each_cell_leads_to_its_acts_in_order(cell: tuple[str, str], acts: list[str]) -> None:
    """What the server wants and what the scripts say decide, and nothing else."""
    intent, activity = ServerIntent(cell[0]), Activity(cell[1])

    found = next_actions(intent, activity)

    assert [str(act) for act in found] == acts


def test_a_job_whose_limits_were_not_checked_is_checked_before_it_starts() -> None:
    """And in no other cell: nothing else begins anything."""
    unchecked = {
        (intent, activity): next_actions(intent, activity, limits_checked=False)
        for intent in ServerIntent
        for activity in Activity
    }

    changed = {cell: acts for cell, acts in unchecked.items() if acts != next_actions(*cell)}

    assert changed == {
        (ServerIntent.WANTED, Activity.IDLE): (Action.CHECK_LIMITS, Action.PROLOGUE, Action.RUN)
    }


def test_the_table_has_a_cell_for_everything() -> None:
    """Each combination of phase, intent and activity has an entry."""
    wanted = {(str(intent), str(activity)) for intent in ServerIntent for activity in Activity}

    assert set(TABLE) == wanted


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", ServerIntent.WANTED),
        ("compiling", ServerIntent.WANTED),
        ("aborting", ServerIntent.UNWANTED),
        ("queued", ServerIntent.REQUEUED),
        ("finished", ServerIntent.DROPPED),
        ("aborted", ServerIntent.DROPPED),
    ],
)
def test_the_servers_word_decides_the_standing_of_our_job(state: str, expected: ServerIntent) -> None:
    """A site-defined word counts as running."""
    assert server_intent(state, is_ours=True) is expected


@pytest.mark.parametrize("state", ["running", "aborting", "queued"])
def test_a_job_with_another_reference_is_stale_whatever_its_state(state: str) -> None:
    """A job another daemon has taken is not reported by us."""
    assert server_intent(state, is_ours=False) is ServerIntent.STALE


@pytest.mark.parametrize(
    ("intent", "ending", "acts"),
    [
        (ServerIntent.WANTED, State.FINISHED, (Action.REPORT_FINISHED, Action.REMOVE)),
        (ServerIntent.UNWANTED, State.ABORTED, (Action.REPORT_ABORTED, Action.REMOVE)),
        (ServerIntent.DROPPED, State.FINISHED, (Action.REPORT_FINISHED, Action.REMOVE)),
        (ServerIntent.STALE, State.FINISHED, (Action.REMOVE,)),
        (ServerIntent.WANTED, State.QUEUED, (Action.GIVE_BACK, Action.REMOVE)),
        (ServerIntent.REQUEUED, State.QUEUED, (Action.GIVE_BACK, Action.REMOVE)),
        (ServerIntent.UNWANTED, State.QUEUED, (Action.REPORT_ABORTED, Action.REMOVE)),
        (ServerIntent.STALE, State.QUEUED, (Action.REMOVE,)),
    ],
)
def test_a_job_that_has_ended_is_only_reported_and_removed(
    intent: ServerIntent, ending: State, acts: Actions
) -> None:
    """A failed report repeats neither epilogue nor abort; a job of another daemon is not reported."""
    assert last_actions(intent, ending) == acts
