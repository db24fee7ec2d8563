"""A frozen dataclass whose methods are made when one of them is first needed.

`dataclasses` compiles six functions for each class, half a millisecond of processor: a command that loads
fifty of them, and uses ten, spends a tenth of its time on the others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")
# What `dataclass` adds to a class.
_PARTS = (
    "__init__",
    "__repr__",
    "__eq__",
    "__hash__",
    "__setattr__",
    "__delattr__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__match_args__",
)
# Held while a class is changed: two threads may need it at once.
_LOCK = RLock()


class _Part:
    """Stands for one of the parts until the class is made."""

    def __init__(self, owner: type, name: str, options: dict[str, bool]) -> None:
        self._owner, self._name, self._options = owner, name, options

    def __get__(self, instance: object, kind: type) -> Any:
        with _LOCK:
            # Another thread may have made the class meanwhile.
            if self._owner.__dict__.get(self._name) is self:
                self._make()
        return getattr(kind if instance is None else instance, self._name)

    def _make(self) -> None:
        for name in _PARTS:
            if isinstance(self._owner.__dict__.get(name), _Part):
                delattr(self._owner, name)
        dataclass(self._owner, frozen=True, **self._options)


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
            if name not in owner.__dict__:
                setattr(owner, name, _Part(owner, name, options))
        return owner

    return prepare if cls is None else prepare(cls)
