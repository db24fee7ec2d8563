"""A frozen dataclass whose methods are made when one of them is first needed.

`dataclasses` compiles six functions for each class, half a millisecond of processor: a command that loads
fifty of them, and uses ten, spends a tenth of its time on the others.
"""

from collections.abc import Callable
from dataclasses import Field, FrozenInstanceError, dataclass, field
from threading import RLock
from typing import Any, NoReturn, TypeVar, dataclass_transform, overload

T = TypeVar("T")
# What `dataclass` adds to a class, beside its refusal of changes.
_PARTS = (
    "__repr__",
    "__eq__",
    "__hash__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__match_args__",
    "__init__",
)
# Held while a class is made: two threads may need it at once.
_LOCK = RLock()


class _Part:
    """Stands for one of the parts until they are made."""

    def __init__(self, owner: type, name: str, options: dict[str, bool]) -> None:
        self._owner, self._name, self._options = owner, name, options

    def __get__(self, instance: object, kind: type) -> Any:
        with _LOCK:
            # Another thread may have made the parts meanwhile.
            if self._owner.__dict__.get(self._name) is self:
                self._make()
        return getattr(kind if instance is None else instance, self._name)

    def _make(self) -> None:
        """Have `dataclass` make the parts of a copy of the class, and move them one by one.

        Other threads use the class meanwhile: at each moment it has a part, or what stands for it.
        """
        owner = self._owner
        missing = {name for name in _PARTS if isinstance(owner.__dict__.get(name), _Part)}
        unlike = {*missing, "__dict__", "__weakref__", "__setattr__", "__delattr__"}
        content = {name: value for name, value in owner.__dict__.items() if name not in unlike}
        copy = type(owner)(owner.__name__, owner.__bases__, content)
        made = dataclass(copy, frozen=True, **self._options).__dict__
        for name, value in content.items():
            if isinstance(value, Field):
                _set(owner, name, made)
        for name in _PARTS:
            if name in missing:
                _set(owner, name, made)


def _set(owner: type, name: str, made: Any) -> None:
    """Set an attribute of a class to that of the copy, which may have none."""
    if name in made:
        setattr(owner, name, made[name])
    else:
        delattr(owner, name)


def _refuse(_self: object, name: str, _value: object = None) -> NoReturn:
    raise FrozenInstanceError(f"{name!r} of a value object cannot be changed")


@overload
def value_object(cls: type[T], /) -> type[T]: ...
@overload
def value_object(*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_object(cls: type[T] | None = None, /, **options: bool) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a class a dataclass that is frozen, as `dataclass` does, at the first use of an object of it.

    Of the options of `dataclass` it takes ``kw_only``.
    """

    def prepare(owner: type[T]) -> type[T]:
        for name in _PARTS:
            # An equality of its own leaves it None as hash, which `dataclass` replaces.
            if owner.__dict__.get(name) is None:
                setattr(owner, name, _Part(owner, name, options))
        for name in ("__setattr__", "__delattr__"):
            setattr(owner, name, _refuse)
        return owner

    return prepare if cls is None else prepare(cls)
