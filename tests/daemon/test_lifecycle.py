"""The lifecycle table, cell by cell."""

import pytest

from lgi_daemon.jobs.lifecycle import Act, Activity, Standing, Step, last_step, standing, step
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
    ("stale", "running"): ["abort", "remove"],
    ("stale", "finished"): ["epilogue", "remove"],
    ("stale", "idle"): ["remove"],
    ("stale", "lost"): ["remove"],
}


@pytest.mark.parametrize(("cell", "acts"), TABLE.items(), ids=" ".join)
def test_each_cell_leads_to_its_acts_in_order(cell: tuple[str, str], acts: list[str]) -> None:
    """What the server wants and what the scripts say decide, and nothing else."""
    wish, activity = Standing(cell[0]), Activity(cell[1])

    found = step(wish, activity)

    assert [str(act) for act in found] == acts


def test_the_table_has_a_cell_for_everything() -> None:
    """No combination of standing and activity is left to chance."""
    wanted = {(str(wish), str(activity)) for wish in Standing for activity in Activity}

    assert set(TABLE) == wanted


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("running", Standing.WANTED),
        ("compiling", Standing.WANTED),
        ("aborting", Standing.UNWANTED),
        ("queued", Standing.DROPPED),
        ("finished", Standing.DROPPED),
        ("aborted", Standing.DROPPED),
    ],
)
def test_the_servers_word_decides_the_standing_of_our_job(state: str, expected: Standing) -> None:
    """A site-defined word counts as running."""
    assert standing(state, is_ours=True) is expected


@pytest.mark.parametrize("state", ["running", "aborting", "queued"])
def test_a_job_with_another_reference_is_stale_whatever_its_state(state: str) -> None:
    """A job another daemon has taken is not reported by us."""
    assert standing(state, is_ours=False) is Standing.STALE


@pytest.mark.parametrize(
    ("wish", "ending", "acts"),
    [
        (Standing.WANTED, State.FINISHED, (Act.REPORT_FINISHED, Act.REMOVE)),
        (Standing.UNWANTED, State.ABORTED, (Act.REPORT_ABORTED, Act.REMOVE)),
        (Standing.DROPPED, State.FINISHED, (Act.REPORT_FINISHED, Act.REMOVE)),
        (Standing.STALE, State.FINISHED, (Act.REMOVE,)),
    ],
)
def test_a_job_that_has_ended_is_only_reported_and_removed(wish: Standing, ending: State, acts: Step) -> None:
    """Epilogue and abort are not repeated because a report failed; a stale job is reported to nobody."""
    assert last_step(wish, ending) == acts
