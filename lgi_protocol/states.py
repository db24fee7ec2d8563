"""The states of a job, and which state may follow which (wire.md 9, ruling 4)."""

from enum import StrEnum


class State(StrEnum):
    """The five words the protocol knows; ``deleted`` is only ever said, never stored."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ABORTING = "aborting"
    ABORTED = "aborted"


DELETED = "deleted"

# Who may bring a job from one state to the next: the resource that holds its lock.
_BY_RESOURCE: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.QUEUED, State.RUNNING}),
    State.RUNNING: frozenset({State.RUNNING, State.FINISHED, State.ABORTED}),
    State.ABORTING: frozenset({State.ABORTING, State.ABORTED, State.FINISHED}),
    State.FINISHED: frozenset({State.FINISHED}),
    State.ABORTED: frozenset({State.ABORTED}),
}

_ENDED = frozenset({State.FINISHED, State.ABORTED})
REMOVABLE = frozenset({State.QUEUED, State.FINISHED, State.ABORTED})


def normalized(word: str) -> State:
    """The state a stored word stands for: a site-defined word means a running job."""
    try:
        return State(word)
    except ValueError:
        return State.RUNNING


def has_ended(word: str) -> bool:
    """Whether a job in this state will not run again."""
    return word in _ENDED


def resource_may_change(old: str, new: str) -> bool:
    """Whether the lock holder may bring a job from ``old`` to ``new``; either may be a site-defined word."""
    return new != DELETED and normalized(new) in _BY_RESOURCE[normalized(old)]


def removable(word: str) -> bool:
    """Whether a delete removes the job at once; any other state becomes ``aborting``."""
    return normalized(word) in REMOVABLE
