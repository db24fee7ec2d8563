"""Options whose text has a meaning."""

from collections.abc import Callable
from typing import Any

import click


class Wish(click.ParamType[int]):
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
