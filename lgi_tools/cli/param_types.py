"""Option types for the requests of jobs, and the check whether any resource can meet them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_protocol import comma_lists

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
