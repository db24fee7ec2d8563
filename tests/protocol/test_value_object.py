"""Value objects: frozen dataclasses whose methods are made when one of them is first needed."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from lgi_protocol.value_object import value_object


@dataclasses.dataclass(frozen=True)
class PlainPoint:
    """What `Point` is to be like."""

    x: int
    y: int = 2
    names: tuple[str, ...] = field(default=(), compare=False)


def classes() -> tuple[type[Any], type[Any], type[Any]]:
    """Return fresh classes: a value object, one that is derived from it, one that has its own equality."""

    @value_object
    class Point:
        x: int
        y: int = 2
        names: tuple[str, ...] = field(default=(), compare=False)

    @value_object(kw_only=True)
    class Derived(Point):
        z: int = 3

    @value_object
    class Equal:
        x: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    return Point, Derived, Equal


def equality(kind: type[Any]) -> object:
    return kind(1) == kind(1, 2, ("a",)), kind(1) == kind(2)


def text(kind: type[Any]) -> object:
    return repr(kind(1)).partition("(")[2]


def changes(kind: type[Any]) -> object:
    """Return the errors of changes that a frozen object refuses."""
    one, found = kind(1), []
    for change in (lambda: setattr(one, "x", 2), lambda: delattr(one, "x"), lambda: kind()):
        with pytest.raises((FrozenInstanceError, TypeError)) as refused:
            change()
        found.append(refused.type)
    return found


FIRST_USES: dict[str, Callable[[type[Any]], object]] = {
    "object": lambda kind: kind(1).y,
    "equality": equality,
    "hash": lambda kind: hash(kind(1)) == hash(kind(1, 2)) != hash(kind(2)),
    "text": text,
    "fields": lambda kind: [one.name for one in dataclasses.fields(kind)],
    "dataclass": dataclasses.is_dataclass,
    "signature": lambda kind: str(inspect.signature(kind)),
    "match": lambda kind: kind.__match_args__,
    "copy": lambda kind: dataclasses.asdict(copy.deepcopy(dataclasses.replace(kind(1), x=3))),
    "changes": changes,
}


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES)
def test_a_value_object_is_like_a_frozen_dataclass_at_every_first_use(
    use: Callable[[type[Any]], object],
) -> None:
    """Whatever is asked of a class first has the same result as with `dataclass`."""
    point, _derived, _equal = classes()
    assert use(point) == use(PlainPoint)


def test_a_derived_value_object_has_the_fields_of_its_base() -> None:
    """The derived class may be used first."""
    point, derived, _equal = classes()
    assert [one.name for one in dataclasses.fields(derived)] == ["x", "y", "names", "z"]
    assert derived(1, z=5) == derived(1, z=5) != derived(1)
    with pytest.raises(TypeError):
        derived(1, 2, (), 5)
    assert point(1) != derived(1)


def test_an_equality_of_its_own_is_kept() -> None:
    """As with `dataclass`: what the class defines stays."""
    _point, _derived, equal = classes()
    assert equal(1) == equal(2)
    assert hash(equal(1)) == hash(equal(1)) != hash(equal(2))


@value_object
class Sent:
    """One that can be pickled: its class is found by name."""

    x: int


def test_a_value_object_that_another_process_made_is_whole() -> None:
    """An object that was not made by its class here compares, and is frozen, all the same."""
    code = (
        "import pickle, sys; from tests.protocol.test_value_object import Sent; "
        f"found = pickle.loads({pickle.dumps(Sent(4))!r}); "
        "sys.exit(hash(found) != hash(Sent(4)) or found != Sent(4) or repr(found) != repr(Sent(4)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Python changes threads within each function."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("many_switches")
def test_threads_that_need_a_class_at_once_get_whole_objects() -> None:
    """At no moment of its making has a class none of its methods."""
    for _ in range(300):
        point, _derived, _equal = classes()
        start = threading.Barrier(4)

        def make(number: int, point: type[Any] = point, start: threading.Barrier = start) -> object:
            start.wait()
            one = point(number)
            return one, hash(one) == hash(point(number)), one == point(number), repr(one)[-25:]

        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(make, range(4)))
        assert found == [(point(n), True, True, f"Point(x={n}, y=2, names=())") for n in range(4)]


def test_a_class_that_is_not_used_is_not_made() -> None:
    """What it is for: no function is compiled for a class that nothing looks at."""
    point, _derived, _equal = classes()
    assert not inspect.isfunction(point.__dict__["__init__"])
    point(1)
    assert inspect.isfunction(point.__dict__["__init__"])
