"""Completion of job ids, names, states, applications and resources, as the server knows them, by shells."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

from lgi_protocol.states import State

if TYPE_CHECKING:
    # Slow to load: functions that need it import it.
    from lgi_tools.client.interface_calls import Caller

# The newest jobs that are offered, and the seconds that a person waits for them.
_MOST = 200
_SECONDS = 3.0
_GIVEN = ("server", "project", "user", "groups", "key", "certificate", "ca")


def complete_states(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the states, and all others (``!queued``), that begin so."""
    names = [name for state in State for name in (state, f"!{state}")]
    return [name for name in (*names, "held") if name.startswith(begun)]


def complete_names(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the names of the user's jobs that begin so."""
    return _begun((_value(text, "job_name") for text in _jobs(context)), begun)


def complete_applications(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the applications of the user's jobs that begin so."""
    return _begun((_value(text, "application") for text in _jobs(context)), begun)


def complete_ids(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the numbers of the user's newest jobs that begin so."""
    return _begun((_value(text, "job_id") for text in _jobs(context)), begun)


def complete_resources(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the resources of the project that begin so."""

    def read(caller: "Caller") -> Iterator[str]:
        yield from caller.call("project_resource_list", {}).all("resource")

    return _begun((_value(text, "resource_name") for text in _asked(context, read)), begun)


def _begun(texts: Iterable[str], begun: str) -> list[str]:
    return sorted({text for text in texts if text and text.startswith(begun)})


def _value(text: str, name: str) -> str:
    from lgi_protocol import xml

    return xml.value(text, name)


def _jobs(context: click.Context) -> Iterator[str]:
    """Yield the newest jobs of the user."""

    def read(caller: "Caller") -> Iterator[str]:
        total = caller.call("job_state", {"limit": "0"}).number("number_of_jobs")
        page = {"start": str(max(0, total - _MOST)), "limit": str(_MOST), "show": "labels"}
        yield from caller.call("job_state", page).all("job")

    yield from _asked(context, read)


def _asked(context: click.Context, read: "Callable[[Caller], Iterator[str]]") -> Iterator[str]:
    """Yield what ``read`` reads; nothing without an answer in time, or without a setting."""
    from contextlib import closing, suppress
    from dataclasses import replace

    from lgi_protocol.client import Client
    from lgi_protocol.errors import ServerError, TransportError
    from lgi_tools.cli import options
    from lgi_tools.client.interface_calls import Caller
    from lgi_tools.client.timing import DEFAULT

    # A person at a prompt wants no message of what is wrong.
    with suppress(click.ClickException, ServerError, TransportError, ValueError, OSError):
        given = {name: context.params.get(name) or "" for name in (*_GIVEN, "config")}
        chosen = options.resolve(given | {"no_host_check": context.params.get("no_host_check", False)})
        chosen.require("server", "user", "groups")
        with closing(
            Client(chosen.server, chosen.credentials(), answer_seconds=_SECONDS, direct=True)
        ) as client:
            yield from read(Caller(client, chosen, replace(DEFAULT, retry_seconds=0.0)))
