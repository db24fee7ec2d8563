"""Comma lists of owners, groups, targets and servers, with the words ``any`` and ``!x``."""

from collections.abc import Collection, Iterable

ANY = "any"


def split(text: str) -> tuple[str, ...]:
    """The trimmed, non-empty values in their order.

    LGI 1.31 moves the last value into the hole an empty one leaves (``a,,b,c`` gave a, c, b); nothing
    depends on it, so the order of the writer stays.
    """
    return tuple(value for part in text.split(",") if (value := part.strip()))


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """The values without repetitions, first occurrence first."""
    return tuple(dict.fromkeys(values))


def join(values: Iterable[str]) -> str:
    """The list as the server stores and answers it."""
    return ", ".join(values)


def contains_any(values: Collection[str], names: Iterable[str]) -> bool:
    """Whether a list grants one of these names: it has the word ``any`` or the very name."""
    return ANY in values or any(name in values for name in names)


def matches_filter(owners: Collection[str], wanted: Collection[str]) -> bool:
    """Whether a job of these owners passes the ``a, b, !c`` filter of request_work.

    A ``!name`` refuses every job of that owner; plain names, when there are any, ask for one of them.
    """
    refused = {value[1:].strip() for value in wanted if value.startswith("!")}
    asked = [value for value in wanted if not value.startswith("!")]
    if refused.intersection(owners):
        return False
    return not asked or ANY in asked or bool(set(asked).intersection(owners))
