"""Forms that nobody would send, to each call: what is answered, what is stored, and what is in the log."""

from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest

from lgi_protocol import comma_lists, xml
from lgi_protocol.reply import Reply
from lgi_server.api import specifics
from lgi_server.app import CALLS
from tests.support import forms
from tests.support.forms import Body
from tests.support.fuzz_calls import Call, calls
from tests.support.fuzz_checks import answer, fuzz
from tests.support.fuzz_world import World
from tests.support.grid import Grid, running

pytestmark = pytest.mark.slow

HEX = {"input", "output", "update"}
LISTS = {"owners", "read_access", "write_access"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for all forms. It remembers nothing, since what is stored is put back behind its back."""
    made = Grid(settings={"workers": "1", "longest_wait": "0", "remember": "0"})
    with running(made), closing(World(made, tmp_path_factory.mktemp("job"))) as world:
        yield world


def check_echo(name: str, sent: str, answered: str) -> None:
    """What is answered for a field is what was sent."""
    if name in HEX:
        assert bytes.fromhex(answered) == bytes.fromhex(sent)
    elif name in LISTS:
        assert set(comma_lists.split(sent)) - {"any"} <= set(comma_lists.split(answered))
    elif name == "job_specifics":
        assert answered == specifics.without_repository(sent.strip())
    else:
        assert answered == sent.strip()


def value(reply: Reply, name: str, path: tuple[str, ...]) -> str:
    """The value of a field in an answer; of job_specifics without the tags of the server."""
    if name == "job_specifics":
        found = xml.find(reply.content, *path)
        return specifics.without_repository(found.inside if found else "").strip()
    return reply.value(*path)


def check_echoes(call: Call, sent: Mapping[str, str], reply: Reply) -> None:
    """Each field that is answered is what was posted; an update of which a part is missing is none."""
    for name, path in call.echoes.items():
        is_part = name == "update" and not {"version", "servers", "update"} <= set(sent)
        if sent.get(name, "").strip() and not is_part:
            check_echo(name, sent[name], value(reply, name, path))


ALL = calls()
IDS = [f"{call.caller}-{call.name}-{len(call.fields)}" for call in ALL]


@pytest.mark.parametrize("call", ALL, ids=IDS)
def test_a_call_with_its_usual_form_is_answered(world: World, call: Call) -> None:
    """What the other tests begin with is not refused for another reason; without a real key error 2."""
    try:
        number, _ = answer(world, call, forms.urlencoded(forms.encoded(call.good)))
    finally:
        world.put_back()

    assert number == (2 if call.name == "resource_job_certificate" else 0)


@pytest.mark.parametrize("call", ALL, ids=IDS)
def test_a_call_takes_a_form_as_it_is_or_refuses_it(world: World, call: Call) -> None:
    """A refused form changes nothing, a taken one nothing of what it says; nothing is an internal error."""

    def check(made: tuple[forms.Pairs, Body]) -> None:
        pairs, body = made
        sent = forms.posted(pairs)
        try:
            _, reply = answer(world, call, body)
            if reply is not None:
                check_echoes(call, sent, reply)
        finally:
            world.put_back()

    fuzz(forms.bodies(call.fields, call.good), check)


# One of each caller, those with files and those without.
READERS = [0, 1, 9, 14, 15, 16, len(ALL) - 5, len(ALL) - 1]


@pytest.mark.parametrize("call", [ALL[index] for index in READERS], ids=[IDS[index] for index in READERS])
def test_a_body_that_is_no_form_changes_nothing(world: World, call: Call) -> None:
    """Half a form, bytes, and the types of contents that are not forms."""

    def check(body: Body) -> None:
        try:
            answer(world, call, body)
        finally:
            world.put_back()

    fuzz(forms.broken_bodies(), check)


def test_every_call_is_fuzzed() -> None:
    """A new call needs a line in `fuzz_calls`, be it for resources, users, servers or jobs."""
    routes = {
        (f"{folder}/{route.name}", route.for_jobs) for folder, found in CALLS.items() for route in found
    }

    assert {call.path for call in ALL if call.caller != "job"} == {path for path, _ in routes}
    assert {call.path for call in ALL if call.caller == "job"} == {path for path, jobs in routes if jobs}
