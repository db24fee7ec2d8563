"""Option types: of requests of jobs, with the check whether any resource can meet them, and of states."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_protocol import comma_lists
from lgi_protocol.states import State

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.resource import Resource

_Value = TypeVar("_Value")
# The number of resources that a warning names.
_SHOWN = 3


class TextParamType(click.ParamType[_Value]):
    """A click type for a text such as 2G."""

    def __init__(self, name: str, read: Callable[[str], _Value]) -> None:
        """Use ``read``, which raises ValueError for an invalid text."""
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _Value:
        """Convert the text of an option; called by click."""
        try:
            return self._read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def unmet_request(resources: "Iterable[Resource]", application: str, targets: str, specifics: str) -> str:
    """Return why no resource can run such a job; empty when one can, or none offers the application."""
    from lgi_protocol import capabilities

    wanted = comma_lists.split(targets) or (comma_lists.ANY,)
    meant = [
        one
        for one in resources
        if comma_lists.contains_any(wanted, [one.name]) and application in one.applications
    ]
    lacking = [
        (one.name, capabilities.missing_capability(one.capabilities, application, specifics)) for one in meant
    ]
    if not all(reason for _, reason in lacking):
        return ""
    shown = [f"{name} {reason}" for name, reason in lacking[:_SHOWN]]
    more = [f"and {len(lacking) - _SHOWN} others lack something too"] if len(lacking) > _SHOWN else []
    return "; ".join([*shown, *more])


# The word that lists show of a queued job which something holds.
HELD = "held"
_KNOWN = (*State, HELD)
# Words of batch systems, and what is meant.
_OTHERS = {
    "pending": "queued",
    "waiting": "queued",
    "active": "running",
    "done": "finished",
    "completed": "finished",
    "cancelled": "aborted",
    "canceled": "aborted",
    "killed": "aborted",
    "failed": "--failed",
    "error": "--failed",
    "succeeded": "--succeeded",
    "ok": "--succeeded",
}


def read_state(text: str) -> str:
    """Return a state, or ``!`` and one, for all others. Raises ValueError for one that is misspelt.

    A word that is like none of the known ones is warned of: sites may have states of their own.
    """
    word = text.strip().removeprefix("!")
    if not word or word in _KNOWN:
        if text.strip() == f"!{HELD}":
            raise ValueError("!held cannot be selected: held jobs are queued")
        return text.strip()
    if meant := _OTHERS.get(word.lower()) or _similar(word.lower()):
        raise ValueError(f"{word[:40]!r} is no state of a job: did you mean {meant}?")
    from lgi_tools.cli import terminal

    known = ", ".join(_KNOWN)
    program = click.get_current_context().info_name or "LGI"
    terminal.warn(program, f"warning: {word[:40]!r} is no state that is known here; these are {known}")
    return text.strip()


def _similar(word: str) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, _KNOWN, 1)), "")


STATE = TextParamType("state", read_state)
