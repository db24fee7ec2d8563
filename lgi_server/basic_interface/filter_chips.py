"""The filters of a list as links: each adds a filter to the address, or takes it away."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from lgi_server.basic_interface.list_query import LINES, ListQuery
from lgi_server.services.access.principals import UserPrincipal

# Groups of a user that are offered.
MOST_GROUPS = 6
_NO_STATE: Mapping[str, str] = {"state": "", "ended": ""}
_STATES = ("queued", "running")
_ENDS = ("succeeded", "failed")
_SPANS = {"24h": "last day", "7d": "last week"}


@dataclass(frozen=True)
class Chip:
    """A link to the list with a filter more, or without one that it has now (``is_on``)."""

    text: str
    parameters: str
    is_on: bool


def chips(query: ListQuery, user: UserPrincipal) -> Sequence[Chip]:
    """Return the links for the usual filters, and for all others that the list has now."""
    usual = [*_of_states(query), *_of_owners(query, user), *_of_times(query)]
    return [*usual, *_of_others(query, user)]


def _chip(query: ListQuery, text: str, values: Mapping[str, str], without: Mapping[str, str]) -> Chip:
    is_on = all(query.parameters.get(name, "") == value for name, value in {**without, **values}.items())
    target = query.changed(**(without if is_on else {**without, **values}))
    return Chip(text, urlencode(target), is_on)


def _of_states(query: ListQuery) -> Iterator[Chip]:
    for word in _STATES:
        yield _chip(query, word, {"state": word}, _NO_STATE)
    for word in _ENDS:
        yield _chip(query, word, {"ended": word}, _NO_STATE)


def _of_owners(query: ListQuery, user: UserPrincipal) -> Iterator[Chip]:
    if query.everybody:
        return
    yield _chip(query, "mine", {"owner": user.name}, {"owner": ""})
    for group in _groups(user):
        yield _chip(query, f"of {group}", {"owner": group}, {"owner": ""})


def _groups(user: UserPrincipal) -> Sequence[str]:
    # Each user is a group too.
    return [name for name in user.groups if name != user.name][:MOST_GROUPS]


def _of_times(query: ListQuery) -> Iterator[Chip]:
    for value, text in _SPANS.items():
        yield _chip(query, text, {"since": value}, {"since": ""})


def _of_others(query: ListQuery, user: UserPrincipal) -> Iterator[Chip]:
    """Yield the filters of the list that have no link of their own."""
    known = {
        "state": set(_STATES),
        "ended": set(_ENDS),
        "owner": set() if query.everybody else {user.name, *_groups(user)},
        "since": set(_SPANS),
    }
    # A state beside a result is a filter that none of the links is.
    both = {"state", "ended"} if {"state", "ended"} <= query.parameters.keys() else set()
    for name, word in {"q": "search", **LINES}.items():
        value = query.parameters.get(name, "")
        if value and (name in both or value not in known.get(name, set())):
            yield Chip(f"{word}: {value}", urlencode(query.changed(**{name: ""})), True)
