"""States of a job and the allowed transitions (wire.md 9, ruling 4)."""

from enum import StrEnum


class State(StrEnum):
    """The five states of the protocol; ``deleted`` appears in answers only and is never stored."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ABORTING = "aborting"
    ABORTED = "aborted"


DELETED = "deleted"

# Transitions the resource that holds the lock may make.
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
    """Return the state of a stored word; a word of a site's own means RUNNING."""
    try:
        return State(word)
    except ValueError:
        return State.RUNNING


def has_ended(word: str) -> bool:
    """Return whether a state is final."""
    return word in _ENDED


def resource_may_change(old: str, new: str) -> bool:
    """Return whether the lock holder may change ``old`` to ``new``, either of which may be a site's word."""
    return new != DELETED and normalized(new) in _BY_RESOURCE[normalized(old)]


def removable(word: str) -> bool:
    """Return whether a delete removes the job at once; otherwise its state becomes ``aborting``."""
    return normalized(word) in REMOVABLE
