"""Comma lists of owners, groups, targets and servers, with the words ``any`` and ``!x``."""

from collections.abc import Collection, Iterable

ANY = "any"


def split(text: str) -> tuple[str, ...]:
    """Return the trimmed, non-empty values in order.

    LGI 1.31 moves the last value to the place of an empty one (``a,,b,c`` gives a, c, b). Nothing depends on
    it, so the order is kept.
    """
    if "," not in text:
        # Most lists have one value, and a list of jobs has thousands of them.
        value = text.strip()
        return (value,) if value else ()
    return tuple(value for part in text.split(",") if (value := part.strip()))


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values without duplicates, in order of first occurrence."""
    return tuple(dict.fromkeys(values))


def join(values: Iterable[str]) -> str:
    """Return the list as text, as the server stores it and sends it."""
    return ", ".join(values)


def contains_any(values: Collection[str], names: Iterable[str]) -> bool:
    """Return whether a list contains one of the names, or the word ``any``."""
    return ANY in values or any(name in values for name in names)


def matches_filter(owners: Collection[str], filters: Collection[str]) -> bool:
    """Return whether a job of these owners matches the ``a, b, !c`` filter of request_work.

    ``!name`` excludes all jobs of that owner; if there are plain names, one of them must be an owner.
    """
    excluded = {value[1:].strip() for value in filters if value.startswith("!")}
    included = [value for value in filters if not value.startswith("!")]
    if excluded.intersection(owners):
        return False
    return not included or ANY in included or bool(set(included).intersection(owners))
