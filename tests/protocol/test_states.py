"""The states of a job: a fixed table."""

import pytest

from lgi_protocol import states
from lgi_protocol.states import State

WORDS = ["queued", "running", "finished", "aborting", "aborted", "my_site_is_copying"]
# What the resource that holds the lock may do: rows are from, columns to, in the order of WORDS.
TABLE = {
    "queued": "YY...Y",
    "running": ".YY.YY",
    "finished": "..Y...",
    "aborting": "..YYY.",
    "aborted": "....Y.",
    "my_site_is_copying": ".YY.YY",
}
CELLS = [(old, new, cell == "Y") for old, row in TABLE.items() for new, cell in zip(WORDS, row, strict=True)]


@pytest.mark.parametrize(("old", "new", "allowed"), CELLS, ids=[f"{a} to {b}" for a, b, _ in CELLS])
def test_the_lock_holder_may_change_states_by_the_table_alone(old: str, new: str, allowed: bool) -> None:
    """queued, running, finished; running and aborting may end aborted; nothing comes back from an end."""
    assert states.resource_may_change(old, new) == allowed


def test_only_a_user_makes_a_job_aborting() -> None:
    """No state but aborting itself leads there by a resource's hand."""
    assert [old for old in WORDS if states.resource_may_change(old, "aborting")] == ["aborting"]


@pytest.mark.parametrize("word", ["my_site_is_copying", "Queued", "RUNNING", "queued ", "finishe", ""])
def test_a_site_defined_word_means_a_running_job(word: str) -> None:
    """Only the five exact words are states."""
    assert states.normalized(word) is State.RUNNING


@pytest.mark.parametrize("state", State)
def test_a_protocol_word_is_its_own_state(state: State) -> None:
    """And is written as the word it is."""
    assert states.normalized(str(state)) is state
    assert f"{state}" == state.value


def test_a_delete_removes_what_nobody_works_on() -> None:
    """Queued, finished and aborted jobs are removed immediately; all others are aborted first."""
    assert [word for word in WORDS if states.removable(word)] == ["queued", "finished", "aborted"]
