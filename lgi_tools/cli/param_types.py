"""What jobs ask for: options whose text has a meaning, and whether any resource has it."""

from collections.abc import Callable, Iterable
from typing import Any

import click

from lgi_protocol import capabilities, comma_lists
from lgi_tools.client.models import Resource

# So many resources a warning names.
_SHOWN = 3


class TextParamType(click.ParamType[int]):
    """A text with a meaning, such as 2G."""

    def __init__(self, name: str, read: Callable[[str], int]) -> None:
        """``read`` raises ValueError for a text that means nothing."""
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """As click asks for it."""
        try:
            return self._read(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def unmet_request(resources: Iterable[Resource], application: str, targets: str, specifics: str) -> str:
    """Why no resource, by its own word, takes such a job; empty when one may, or none offers the like."""
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
