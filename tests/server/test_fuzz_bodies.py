"""Files, lists of jobs, repository requests and pages that nobody would send."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.support import forms
from tests.support.forms import BOUNDARY, NUMBERS, TEXTS, Body
from tests.support.fuzz_calls import REFERENCE, Call, calls
from tests.support.fuzz_checks import answer, fuzz
from tests.support.fuzz_world import World
from tests.support.grid import Grid, running

pytestmark = pytest.mark.slow

MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
ODD_NAMES = (
    *("", ".", "..", "../x", "a/../../x", "/etc/passwd", ".LGI_access", "LGI_access", "a\\b", "a\r\nb: c"),
    *("x" * 300, "größe", "a\u202eb", "\ufffe", 'a"b', "a;b", "%2e%2e%2fx", "a b", "ok.txt", "d/ok.txt"),
)
names = st.one_of(st.sampled_from((*ODD_NAMES, *TEXTS)), st.text(max_size=8))
odd = st.one_of(
    st.sampled_from((*TEXTS, *NUMBERS)),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=6),
)
anything = st.recursive(
    odd, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=6), one, max_size=3)
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server, whose rows are put back after each request."""
    made = Grid(settings={"workers": "1", "longest_wait": str(LONGEST_WAIT), "remember": "0"})
    with running(made), closing(World(made, tmp_path_factory.mktemp("job"))) as world:
        yield world


def call(name: str) -> Call:
    """The fuzzed call of a name."""
    return next(one for one in calls() if one.name == name)


def checked(world: World, check: Callable[..., None]) -> Callable[..., None]:
    """A check after which the rows are put back."""

    def checked(made: Any) -> None:
        try:
            check(made)
        finally:
            world.put_back()

    return checked


def with_files(fields: Mapping[str, str], files: list[tuple[str, str, bytes]]) -> Body:
    """A form with parts that are files, each of a field's name, a file's name and its bytes."""
    content = forms.multipart(forms.encoded(fields)).content.removesuffix(f"--{BOUNDARY}--\r\n".encode())
    for field, name, data in files:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
        content += head.encode("utf-8", "replace") + data + b"\r\n"
    return Body(content + f"--{BOUNDARY}--\r\n".encode(), MULTIPART)


fields_of_files = st.sampled_from(
    ("uploaded_file_1", "uploaded_file_2", "uploaded_file_01", "input", "x", "")
)
parts = st.lists(st.tuples(fields_of_files, names, st.binary(max_size=20)), max_size=3)
counts = st.sampled_from(("0", "1", "2", "-1", "1000000", "x", ""))


@pytest.mark.parametrize("name", ["interface_submit_job", "resource_submit_job"])
def test_a_submit_takes_its_files_as_they_are_or_refuses_them(world: World, name: str) -> None:
    """Odd names, doubled parts and wrong counts end in a job with just these files, or change nothing."""
    submit = call(name)

    def check(made: tuple[list[tuple[str, str, bytes]], str]) -> None:
        files, count = made
        answer(world, submit, with_files({**submit.good, "number_of_uploaded_files": count}, files))

    fuzz(st.tuples(parts, counts), checked(world, check))


entries = st.fixed_dictionaries(
    {"application": st.just("hello_world") | odd, "target_resources": st.just("any") | odd},
    optional={"files": anything, "request_id": odd, "input": odd, "job_specifics": odd, "x": odd},
)
manifests = st.one_of(
    st.lists(entries, max_size=3).map(json.dumps),
    anything.map(json.dumps),
    st.sampled_from(
        ("[" * 100_000, '{"a":' * 5000, '[{"application":"a","application":"b"}]', "[1e999]", "[]", "")
    ),
    st.sampled_from(TEXTS),
)


def test_a_bulk_submit_takes_a_list_or_refuses_it(world: World) -> None:
    """A malformed list stores nothing; of a list each job is stored or refused by itself."""
    submit = call("interface_submit_jobs")

    def check(made: tuple[str, list[tuple[str, str, bytes]]]) -> None:
        manifest, files = made
        answer(world, submit, with_files({**submit.good, "jobs": manifest}, files))

    fuzz(st.tuples(manifests, parts), checked(world, check))


def _element(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return values.map(lambda value: f"<{name}> {value} </{name}>")


def _item(name: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """An element whose parts are in any order, doubled or missing."""
    some = st.lists(st.one_of([_element(part, values) for part, values in parts.items()]), max_size=9)
    return _element(name, some.map(" ".join))


values = st.sampled_from((*TEXTS, *NUMBERS, "1", "3", "4", "queued", "running", "finished", "hello_world"))
held = {"job_id": values, "daemon_reference": st.just(REFERENCE["daemon_reference"]) | values}
ended = {"output": values, "exit_code": values, "exit_signal": values, "end_reason": values}
exchanges = st.lists(
    st.one_of(
        _element("reports", _item("report", **held, **ended, state=values, job_specifics=values)),
        _element("holds", _item("hold", **held, state_time_stamp=values)),
        _element("watched", values),
        _element(
            "wants",
            _item(
                "want",
                **{"application": values, "count": values, "owners": values},
                **{"without": values, "cores": values, "memory": values},
            ),
        ),
        _element("references", _item("reference", daemon_reference=values, request=values)),
        values,
    ),
    max_size=5,
).map(" ".join)


def test_an_exchange_is_done_as_it_is_or_refused(world: World) -> None:
    """Odd values, elements in any order, doubled and missing: done, or a documented error and no change."""
    exchange = call("resource_exchange")

    def check(text: str) -> None:
        answer(world, exchange, forms.urlencoded(forms.encoded({**exchange.good, "exchange": text})))

    fuzz(exchanges, checked(world, check))


# Seconds for which the server holds a call, and those that a busy machine may take beside.
LONGEST_WAIT, PATIENCE = 1, 60
waits = st.sampled_from(("1", "0", "-1", "2", "999999999", "x", "1.5", ""))
LISTS = ("queued", "aborting", "watched", "applications", "job_id", "state", "offset")


@pytest.mark.parametrize(
    "name", ["resource_wait", "resource_exchange", "interface_job_state", "interface_job_tail"]
)
def test_a_held_call_ends_in_time_with_an_answer(world: World, name: str) -> None:
    """Whatever is posted, a call is held no longer than the server's setting says."""
    held = call(name)

    def check(made: tuple[str, Mapping[str, str]]) -> None:
        wait, others = made
        began = time.monotonic()
        answer(world, held, forms.urlencoded(forms.encoded({**held.good, **others, "wait": wait})))
        assert time.monotonic() - began < LONGEST_WAIT + PATIENCE
